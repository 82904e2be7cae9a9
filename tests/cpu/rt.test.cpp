// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/cpu/rt.hpp>

#include <doctest/doctest.h>

#include "one_cpu.hpp"

#include <cstddef>
#include <vector>

namespace hpcsched::cpu {

using namespace std::chrono_literals;
using order = std::vector<std::size_t>;
using run = one_cpu<rt>::run;

namespace {

one_cpu<rt>::task& add(one_cpu<rt>& cpu, sched_policy policy, int priority, duration work = unlimited,
                       time_point at = time_point{}) {
    auto& t = cpu.add(work, at);
    t.info.policy = policy;
    t.info.rt_priority = static_cast<std::int8_t>(priority);
    return t;
}

void set_priority(one_cpu<rt>& cpu, std::size_t task, int priority) {
    cpu.change(cpu.at(task), [&](task_info& info) { info.rt_priority = static_cast<std::int8_t>(priority); });
}

} // namespace

TEST_CASE("rt: it serves the real-time policies and no other") {
    CHECK(rt::serves(sched_policy::fifo));
    CHECK(rt::serves(sched_policy::rr));
    CHECK(!rt::serves(sched_policy::normal));
}

TEST_CASE("rt: the highest band runs, and a higher priority preempts at once") {
    one_cpu<rt> cpu;
    add(cpu, sched_policy::fifo, 50, 10ms);
    add(cpu, sched_policy::fifo, 99, 2ms, time_point{1ms});
    add(cpu, sched_policy::fifo, 1, 1ms, time_point{1ms});
    add(cpu, sched_policy::fifo, 51, 3ms, time_point{2ms});
    cpu.run_for(30ms);
    CHECK(cpu.order() == order{0, 1, 3, 0, 2});
}

TEST_CASE("rt: every priority from 1 to 99 has its own band") {
    one_cpu<rt> cpu;
    add(cpu, sched_policy::fifo, 99, 1ms);
    cpu.run_for(500us); // it runs while the others come
    for (int priority = 1; priority <= 99; ++priority) {
        add(cpu, sched_policy::fifo, priority, 1ms, time_point{600us});
    }
    cpu.run_for(1s);
    order expected{0};
    for (std::size_t i = 99; i >= 1; --i) {
        expected.push_back(i);
    }
    CHECK(cpu.order() == expected);
}

TEST_CASE("rt: equal priorities run first in first out, without slices") {
    // sched(7): a SCHED_FIFO thread runs until it blocks, is preempted or yields
    one_cpu<rt> cpu;
    add(cpu, sched_policy::fifo, 50, 5s);
    add(cpu, sched_policy::fifo, 50, 1ms);
    cpu.run_for(6s);
    CHECK(cpu.order() == order{0, 1});
}

TEST_CASE("rt: a preempted task goes back to the head of its band, a woken one to the tail") {
    // sched(7), SCHED_FIFO, rules 1 and 2
    one_cpu<rt> cpu;
    add(cpu, sched_policy::fifo, 50, 10ms);
    add(cpu, sched_policy::fifo, 50, 10ms);
    add(cpu, sched_policy::fifo, 60, 1ms, time_point{2ms});
    cpu.run_for(30ms);
    CHECK(cpu.order() == order{0, 2, 0, 1});

    one_cpu<rt> sleeping;
    auto& sleeper = sleeping.add_sleeper(1ms, 1ms);
    sleeper.info.policy = sched_policy::fifo;
    sleeper.info.rt_priority = 50;
    add(sleeping, sched_policy::fifo, 50, 10ms);
    add(sleeping, sched_policy::fifo, 50, 10ms);
    sleeping.run_for(22ms);
    CHECK(sleeping.order() == order{0, 1, 2, 0});
}

TEST_CASE("rt: SCHED_RR takes turns among equals, 100 ms each, at the tick") {
    one_cpu<rt> cpu;
    add(cpu, sched_policy::rr, 50);
    add(cpu, sched_policy::rr, 50);
    add(cpu, sched_policy::fifo, 40);
    cpu.run_for(350ms);
    CHECK(cpu.history() == "0:0-100 1:100-200 0:200-300 1:300-350");
}

TEST_CASE("rt: a preempted SCHED_RR task comes back with the rest of its slice") {
    // sched(7), SCHED_RR: it completes the unexpired portion of its quantum
    one_cpu<rt> cpu;
    add(cpu, sched_policy::rr, 50);
    add(cpu, sched_policy::rr, 50);
    add(cpu, sched_policy::fifo, 60, 20ms, time_point{60ms});
    cpu.run_for(140ms);
    CHECK(cpu.history() == "0:0-60 2:60-80 0:80-120 1:120-140");
}

TEST_CASE("rt: a raised priority goes to the tail of its new band, a lowered one to the head") {
    // sched(7), SCHED_FIFO, rule 3
    one_cpu<rt> cpu;
    add(cpu, sched_policy::fifo, 90, 10ms); // keeps the CPU
    for (int i = 0; i < 3; ++i) {
        add(cpu, sched_policy::fifo, 50, 1ms);
    }
    add(cpu, sched_policy::fifo, 40, 1ms);
    add(cpu, sched_policy::fifo, 60, 1ms);
    cpu.run_for(1ms);
    set_priority(cpu, 4, 50); // raised: 1 2 3 4
    set_priority(cpu, 5, 50); // lowered: 5 1 2 3 4
    cpu.run_for(1s);
    CHECK(cpu.order() == order{0, 5, 1, 2, 3, 4});
}

TEST_CASE("rt: an unchanged priority keeps its place, waiting or running") {
    // sched(7), SCHED_FIFO, rule 3
    one_cpu<rt> cpu;
    for (int i = 0; i < 4; ++i) {
        add(cpu, sched_policy::fifo, 50, 10ms);
    }
    cpu.run_for(1ms);
    cpu.change(cpu.at(2), [](task_info& info) { info.policy = sched_policy::rr; });
    cpu.change(cpu.at(1), [](task_info& info) { info.nice = 3; });
    cpu.change(cpu.at(0), [](task_info& info) { info.policy = sched_policy::rr; });
    cpu.run_for(1s);
    CHECK(cpu.order() == order{0, 1, 2, 3});
}

TEST_CASE("rt: a task that comes back from another class goes to the tail") {
    rt queue;
    std::vector<task_info> infos(2);
    std::vector<rt::entity> entities(2);
    for (std::size_t i = 0; i < 2; ++i) {
        infos[i] = {.sequence = i, .policy = sched_policy::fifo, .rt_priority = 50};
        entities[i].task = &infos[i];
        queue.enqueue(entities[i], enqueue_reason::changed, time_point{});
    }
    queue.dequeue(entities[0], dequeue_reason::changed, time_point{1ms});
    queue.enqueue(entities[0], enqueue_reason::changed, time_point{2ms});
    CHECK(queue.pick_next(cpu_id{}, time_point{2ms}).next == &entities[1]);
}

TEST_CASE("rt: an entity that served another task before starts afresh") {
    rt queue;
    task_info info{.sequence = 1, .policy = sched_policy::rr, .rt_priority = 50};
    rt::entity e;
    e.task = &info;
    queue.enqueue(e, enqueue_reason::arrived, time_point{});
    CHECK(queue.pick_next(cpu_id{}, time_point{}).slice == 100ms);
    queue.account(e, cpu_id{}, 70ms, time_point{70ms});
    queue.dequeue(e, dequeue_reason::exited, time_point{70ms});
    info.sequence = 2;
    queue.enqueue(e, enqueue_reason::changed, time_point{80ms});
    CHECK(queue.pick_next(cpu_id{}, time_point{80ms}).slice == 100ms);
}

TEST_CASE("rt: with throttling, real-time tasks get 95 % of each period and the CPU is free for the rest") {
    // linux.md section 2.6: 95.0 / 5.0 % with gaps of 50 ms per second
    one_cpu<rt> cpu{rt::config::throttled(), 1ms};
    add(cpu, sched_policy::fifo, 50);
    add(cpu, sched_policy::fifo, 40); // waits, so that slices are enforced
    cpu.run_for(10s);
    CHECK(cpu.busy() == 9'500ms);
    CHECK(cpu.at(1).info.cpu_time == 0ms);
    REQUIRE(cpu.runs().size() == 10);
    CHECK(cpu.runs()[3] == run{0, 3000ms, 3950ms});
}

TEST_CASE("rt: what a late tick gave beyond the share is taken off the next period") {
    one_cpu<rt> cpu{rt::config::throttled(), 4ms}; // 950 ms is no multiple of 4 ms
    add(cpu, sched_policy::fifo, 50);
    add(cpu, sched_policy::fifo, 40);
    cpu.run_for(20s);
    REQUIRE(cpu.runs().size() >= 4);
    CHECK(cpu.runs()[0] == run{0, 0ms, 952ms});
    CHECK(cpu.runs()[1] == run{0, 1000ms, 1948ms});
    CHECK(cpu.runs()[2] == run{0, 2000ms, 2952ms});
    CHECK(cpu.busy() == 19'000ms);
}

TEST_CASE("rt: a throttled CPU says when it may run again, and another CPU is not throttled") {
    rt queue{rt::config::throttled()};
    task_info info{.policy = sched_policy::fifo, .rt_priority = 50};
    rt::entity e;
    e.task = &info;
    queue.enqueue(e, enqueue_reason::arrived, time_point{});
    REQUIRE(queue.pick_next(cpu_id{0}, time_point{}).slice == 950ms);
    queue.account(e, cpu_id{0}, 950ms, time_point{950ms});
    queue.enqueue(e, enqueue_reason::slice_expired, time_point{950ms});
    auto const throttled = queue.pick_next(cpu_id{0}, time_point{950ms});
    CHECK(throttled.next == nullptr);
    CHECK(throttled.retry_at == time_point{1s});
    CHECK(queue.waiting_count() == 1);
    CHECK(queue.pick_next(cpu_id{1}, time_point{950ms}).next == &e);
}

TEST_CASE("rt: a run over several periods is charged to each") {
    rt queue{rt::config::throttled()};
    task_info info{.policy = sched_policy::fifo, .rt_priority = 50};
    rt::entity e;
    e.task = &info;
    queue.enqueue(e, enqueue_reason::arrived, time_point{});
    REQUIRE(queue.pick_next(cpu_id{0}, time_point{100ms}).next == &e);
    // 900 ms of the first period, 1000 of the second, 1000 of the third, 950 of the fourth: 900 - 950 < 0, then twice
    // 50 over the share, then 1050, which one period's share brings to 100 and thus below the share.
    queue.account(e, cpu_id{0}, 3850ms, time_point{3950ms});
    queue.enqueue(e, enqueue_reason::preempted, time_point{3950ms});
    auto const throttled = queue.pick_next(cpu_id{0}, time_point{3950ms});
    CHECK(throttled.next == nullptr);
    CHECK(throttled.retry_at == time_point{4s});
    CHECK(queue.pick_next(cpu_id{0}, time_point{4s}).slice == 850ms);
}

TEST_CASE("rt: one that overran far waits for as many periods as it owes") {
    rt queue{rt::config{.rt_runtime = 100ms, .rt_period = 1s}};
    task_info info{.policy = sched_policy::fifo, .rt_priority = 50};
    rt::entity e;
    e.task = &info;
    queue.enqueue(e, enqueue_reason::arrived, time_point{});
    REQUIRE(queue.pick_next(cpu_id{0}, time_point{}).slice == 100ms);
    queue.account(e, cpu_id{0}, 350ms, time_point{350ms}); // the driver did not enforce the slice
    queue.enqueue(e, enqueue_reason::slice_expired, time_point{350ms});
    CHECK(queue.pick_next(cpu_id{0}, time_point{350ms}).retry_at == time_point{3s});
    CHECK(queue.pick_next(cpu_id{0}, time_point{2999ms}).next == nullptr);
    CHECK(queue.pick_next(cpu_id{0}, time_point{3s}).slice == 50ms);
}

TEST_CASE("rt: a throttled FIFO task keeps its place at the head of its band") {
    one_cpu<rt> cpu{rt::config::throttled(), 1ms};
    add(cpu, sched_policy::fifo, 50, 1s);
    add(cpu, sched_policy::fifo, 50, 1ms);
    cpu.run_for(2s);
    CHECK(cpu.order() == order{0, 0, 1});
}

TEST_CASE("rt: impossible configurations are refused with the reason") {
    CHECK(validate(rt::config{}).has_value());
    CHECK(validate(rt::config::throttled()).has_value());
    CHECK(validate(rt::config{.rr_slice = 0ms}).error().message ==
          "rt: rr_slice must be longer than 0: Linux uses 100 ms");
    CHECK(validate(rt::config{.rt_runtime = 0ms}).has_error());
    CHECK(validate(rt::config{.rt_runtime = 2s}).error().message ==
          "rt: rt_period must not be shorter than rt_runtime: Linux uses 1 s");
}

} // namespace hpcsched::cpu
