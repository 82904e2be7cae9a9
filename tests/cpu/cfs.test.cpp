// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/cpu/cfs.hpp>

#include <doctest/doctest.h>

#include "one_cpu.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace hpcsched::cpu {

using namespace std::chrono_literals;
using order = std::vector<std::size_t>;

namespace {

/// The longest that task `i` did not run, between its first run and its last.
template <class Cpu>
duration longest_gap(Cpu const& cpu, std::size_t i) {
    duration gap{};
    duration last = unlimited;
    for (auto const& r : cpu.runs()) {
        if (r.task == i) {
            gap = last == unlimited ? gap : std::max(gap, r.from - last);
            last = r.to;
        }
    }
    return gap;
}

cfs_config const one = cfs_config::for_cpus(1);

} // namespace

TEST_CASE("cfs: its times are Linux's, by the number of CPUs") {
    // faas.md section 6.3: 6 ms, 0.75 ms and 1 ms, times 1 + log2 of up to 8 CPUs
    CHECK(one.latency == 6ms);
    CHECK(one.min_granularity == 750us);
    CHECK(one.wakeup_granularity == 1ms);
    CHECK(cfs_config::for_cpus(2).latency == 12ms);
    cfs_config const many = cfs_config::for_cpus(64);
    CHECK(many.latency == cfs_config{}.latency);
    CHECK(many.min_granularity == cfs_config{}.min_granularity);
    CHECK(many.wakeup_granularity == cfs_config{}.wakeup_granularity);
    CHECK(cfs_config{}.latency == 24ms);
}

TEST_CASE("cfs: it serves SCHED_OTHER and no other policy") {
    CHECK(cfs::serves(sched_policy::normal));
    CHECK(!cfs::serves(sched_policy::fifo));
    CHECK(!cfs::serves(sched_policy::rr));
}

TEST_CASE("cfs: equals share the CPU equally, a latency at a time") {
    one_cpu<cfs> cpu{cfs_config{}, 1ms};
    for (int i = 0; i < 4; ++i) {
        cpu.add();
    }
    cpu.run_for(2400ms);
    for (std::size_t i = 0; i < 4; ++i) {
        CHECK(cpu.at(i).info.cpu_time >= 600ms - 6ms);
        CHECK(cpu.at(i).info.cpu_time <= 600ms + 6ms);
        CHECK(longest_gap(cpu, i) == 18ms); // 24 ms less the own slice of 6
    }
}

TEST_CASE("cfs: slices last until the tick") {
    one_cpu<cfs> cpu{cfs_config{}, 4ms};
    for (int i = 0; i < 4; ++i) {
        cpu.add();
    }
    cpu.run_for(68ms);
    // The slice of 6 ms lasts for 8; only the first was picked when it was alone. The later a task joined, the shorter
    // was the slice that it started with.
    CHECK(cpu.history() == "0:0-12 3:12-20 2:20-28 0:28-36 1:36-44 3:44-52 2:52-60 0:60-68");
}

TEST_CASE("cfs: with more than eight tasks the period grows, and nobody runs for less than the granularity") {
    one_cpu<cfs> cpu{cfs_config{}, 1ms};
    for (int i = 0; i < 20; ++i) {
        cpu.add();
    }
    cpu.run_for(6s);
    for (auto const& r : cpu.runs()) {
        CHECK(r.to - r.from >= 3ms);
    }
    CHECK(longest_gap(cpu, 7) == 57ms); // 20 tasks x 3 ms, less the own
    CHECK(cpu.share(7) == doctest::Approx(0.05).epsilon(0.01));
}

TEST_CASE("cfs: shares follow the weights of nice") {
    one_cpu<cfs> cpu{cfs_config{}, 1ms};
    int const nices[] = {-10, -5, 0, 5, 10};
    double load = 0;
    for (int const nice : nices) {
        cpu.add().info.nice = static_cast<std::int8_t>(nice);
        load += static_cast<double>(weight_of_nice(nice));
    }
    cpu.run_for(100s);
    for (std::size_t i = 0; i < 5; ++i) {
        CAPTURE(nices[i]);
        CHECK(cpu.share(i) == doctest::Approx(static_cast<double>(weight_of_nice(nices[i])) / load).epsilon(0.02));
    }
    CHECK(cpu.busy() == 100s);
}

TEST_CASE("cfs: a slice is the share by weight of the period") {
    one_cpu<cfs> cpu{cfs_config{}, 1ms};
    cpu.add().info.nice = -5; // weight 3121 of 4145: 18.07 ms of 24
    cpu.add();                // 5.93 ms
    cpu.run_for(50ms);
    CHECK(cpu.history() == "0:0-19 1:19-25 0:25-44 1:44-50");
}

TEST_CASE("cfs: a new task starts one slice behind the youngest") {
    // START_DEBIT
    one_cpu<cfs> cpu{cfs_config{}, 1ms};
    cpu.add();
    cpu.run_for(1s);
    cpu.add(unlimited, time_point{1s});
    cpu.run_for(0ms);
    auto const& young = cpu.at(1).entity;
    CHECK(young.vruntime == cpu.queue().min_vruntime() + 12'000'000); // half of the latency
    CHECK(cpu.current() == &cpu.at(0));
}

TEST_CASE("cfs: a task that slept long comes back half a latency younger than the youngest, and preempts") {
    // GENTLE_FAIR_SLEEPERS
    one_cpu<cfs> cpu{cfs_config{}, 1ms};
    cpu.add();
    cpu.add_sleeper(2ms, 500ms);
    cpu.run_for(1s);
    auto const& sleeper = cpu.at(1);
    REQUIRE(cpu.runs().size() > 3);
    // It runs as soon as it wakes: from its first wake-up on, each sleep is 500 ms to the nanosecond.
    CHECK(longest_gap(cpu, 1) == 500ms);
    CHECK(sleeper.entity.vruntime <= cpu.queue().min_vruntime());
}

TEST_CASE("cfs: a task that slept briefly is not older than it was, and earns nothing") {
    cfs queue;
    std::vector<task_info> infos(2);
    std::vector<cfs::entity> entities(2);
    for (std::size_t i = 0; i < 2; ++i) {
        infos[i].sequence = i;
        entities[i].task = &infos[i];
        queue.enqueue(entities[i], enqueue_reason::arrived, time_point{});
    }
    REQUIRE(queue.pick_next(cpu_id{}, time_point{}).next == &entities[0]);
    queue.account(entities[0], cpu_id{}, 5ms, time_point{5ms});
    std::int64_t const age = entities[0].vruntime;
    queue.dequeue(entities[0], dequeue_reason::blocked, time_point{5ms});
    REQUIRE(queue.pick_next(cpu_id{}, time_point{5ms}).next == &entities[1]);
    queue.account(entities[1], cpu_id{}, 1ms, time_point{6ms});
    queue.enqueue(entities[0], enqueue_reason::woke, time_point{6ms});
    CHECK(entities[0].vruntime == age);
}

TEST_CASE("cfs: a waking task preempts only if it is younger by more than the granularity") {
    for (bool const preempts : {false, true}) {
        cfs queue;
        std::vector<task_info> infos(2);
        std::vector<cfs::entity> entities(2);
        for (std::size_t i = 0; i < 2; ++i) {
            infos[i].sequence = i;
            entities[i].task = &infos[i];
            queue.enqueue(entities[i], enqueue_reason::changed, time_point{}); // both of age 0
        }
        REQUIRE(queue.pick_next(cpu_id{}, time_point{}).next == &entities[0]);
        queue.dequeue(entities[1], dequeue_reason::blocked, time_point{});
        duration const ran = preempts ? 4ms + 1ns : 4ms;
        queue.account(entities[0], cpu_id{}, ran, time_point{ran});
        queue.enqueue(entities[1], enqueue_reason::woke, time_point{ran});
        CHECK(queue.preempts(entities[1], entities[0], time_point{ran}) == preempts);
    }
}

TEST_CASE("cfs: a task alone is given the slice it would have beside an equal") {
    cfs queue;
    task_info info;
    cfs::entity e;
    e.task = &info;
    queue.enqueue(e, enqueue_reason::arrived, time_point{});
    auto const picked = queue.pick_next(cpu_id{}, time_point{});
    CHECK(picked.next == &e);
    CHECK(picked.slice == 12ms);
}

TEST_CASE("cfs: a task whose slice has grown because others left goes on, though not the youngest") {
    cfs queue;
    std::vector<task_info> infos(4);
    std::vector<cfs::entity> entities(4);
    for (std::size_t i = 0; i < 4; ++i) {
        infos[i].sequence = i;
        entities[i].task = &infos[i];
        queue.enqueue(entities[i], enqueue_reason::changed, time_point{}); // all of age 0
    }
    auto const first = queue.pick_next(cpu_id{}, time_point{});
    REQUIRE(first.next == &entities[0]);
    CHECK(first.slice == 6ms);
    queue.dequeue(entities[2], dequeue_reason::migrated, time_point{3ms});
    queue.dequeue(entities[3], dequeue_reason::migrated, time_point{3ms});
    queue.account(entities[0], cpu_id{}, 6ms, time_point{6ms});
    queue.enqueue(entities[0], enqueue_reason::slice_expired, time_point{6ms});
    auto const second = queue.pick_next(cpu_id{}, time_point{6ms});
    CHECK(second.next == &entities[0]);
    CHECK(second.slice == 6ms); // of 12
    queue.account(entities[0], cpu_id{}, 6ms, time_point{12ms});
    queue.enqueue(entities[0], enqueue_reason::slice_expired, time_point{12ms});
    CHECK(queue.pick_next(cpu_id{}, time_point{12ms}).next == &entities[1]);
}

TEST_CASE("cfs: a task that took the CPU by waking up keeps it, also where the other's slice had ended") {
    cfs queue;
    std::vector<task_info> infos(2);
    std::vector<cfs::entity> entities(2);
    for (std::size_t i = 0; i < 2; ++i) {
        infos[i].sequence = i;
        entities[i].task = &infos[i];
    }
    infos[0].nice = -10; // beside nice 0, its slice would be 21.7 ms
    queue.enqueue(entities[1], enqueue_reason::changed, time_point{});
    REQUIRE(queue.pick_next(cpu_id{}, time_point{}).next == &entities[1]);
    queue.dequeue(entities[1], dequeue_reason::blocked, time_point{});
    queue.enqueue(entities[0], enqueue_reason::changed, time_point{});
    REQUIRE(queue.pick_next(cpu_id{}, time_point{}).slice == 12ms);
    queue.account(entities[0], cpu_id{}, 20ms, time_point{20ms}); // alone, beyond its slice
    queue.enqueue(entities[0], enqueue_reason::slice_expired, time_point{20ms});
    REQUIRE(queue.pick_next(cpu_id{}, time_point{20ms}).next == &entities[0]);
    queue.account(entities[0], cpu_id{}, 40ms, time_point{60ms});
    queue.enqueue(entities[1], enqueue_reason::woke, time_point{60ms});
    REQUIRE(queue.preempts(entities[1], entities[0], time_point{60ms}));
    queue.enqueue(entities[0], enqueue_reason::slice_expired, time_point{60ms});
    CHECK(queue.pick_next(cpu_id{}, time_point{60ms}).next == &entities[1]);
}

TEST_CASE("cfs: age relative to the queue survives a change of queues") {
    cfs from;
    cfs to;
    std::vector<task_info> infos(3);
    std::vector<cfs::entity> entities(3);
    for (std::size_t i = 0; i < 3; ++i) {
        infos[i].sequence = i;
        entities[i].task = &infos[i];
    }
    from.enqueue(entities[0], enqueue_reason::arrived, time_point{});
    from.enqueue(entities[1], enqueue_reason::arrived, time_point{});
    to.enqueue(entities[2], enqueue_reason::arrived, time_point{});
    REQUIRE(to.pick_next(cpu_id{1}, time_point{}).next == &entities[2]);
    to.account(entities[2], cpu_id{1}, 10s, time_point{10s});
    REQUIRE(from.pick_next(cpu_id{0}, time_point{10s}).next == &entities[0]);

    std::int64_t const relative = entities[1].vruntime - from.min_vruntime();
    CHECK(from.migration_candidate(cpu_id{1}) == &entities[1]);
    from.dequeue(entities[1], dequeue_reason::migrated, time_point{10s});
    to.enqueue(entities[1], enqueue_reason::migrated, time_point{10s});
    CHECK(entities[1].vruntime - to.min_vruntime() == relative);
    CHECK(to.min_vruntime() > 9'000'000'000);
}

TEST_CASE("cfs: one that wakes on another queue has its credit, and not more than a sleeper's") {
    for (duration const asleep : {duration{4ms}, duration{10s}}) {
        cfs from;
        cfs to;
        std::vector<task_info> infos(3);
        std::vector<cfs::entity> entities(3);
        for (std::size_t i = 0; i < 3; ++i) {
            infos[i].sequence = i;
            entities[i].task = &infos[i];
            (i == 2 ? to : from).enqueue(entities[i], enqueue_reason::changed, time_point{});
        }
        REQUIRE(from.pick_next(cpu_id{0}, time_point{}).next == &entities[0]);
        REQUIRE(to.pick_next(cpu_id{1}, time_point{}).next == &entities[2]);
        from.dequeue(entities[0], dequeue_reason::blocked, time_point{});
        to.account(entities[2], cpu_id{1}, asleep, time_point{asleep});
        to.enqueue(entities[0], enqueue_reason::woke, time_point{asleep});
        // The queue it left had one task of nice 0, which in 4 ms ages by 4 ms.
        std::int64_t const credit = std::min<std::int64_t>(asleep.count(), 12'000'000);
        CHECK(entities[0].vruntime == to.min_vruntime() - credit);
    }
}

TEST_CASE("cfs: min_vruntime never falls") {
    one_cpu<cfs> cpu{cfs_config{}, 1ms};
    for (int i = 0; i < 3; ++i) {
        cpu.add_sleeper(duration{1'000'000 * (i + 1)}, 7ms).info.nice = static_cast<std::int8_t>(5 * i);
        cpu.add(50ms, time_point{20ms * i});
    }
    std::int64_t last = 0;
    for (int i = 0; i < 500; ++i) {
        cpu.run_for(777us);
        REQUIRE(cpu.queue().min_vruntime() >= last);
        last = cpu.queue().min_vruntime();
    }
    CHECK(last > 0);
}

TEST_CASE("ranked_cfs: lower ranks run first, those without a rank before all, equals by age") {
    // ALPS (ATC'24), section 5.3, listings 3 and 4: the order hook
    one_cpu<ranked_cfs> cpu{cfs_config{}, 1ms};
    int const ranks[] = {3, 1, 2, 0, 1};
    for (int const rank : ranks) {
        cpu.add(2ms, time_point{1ms}).info.rank = rank;
    }
    cpu.add(2ms); // holds the CPU while the others come
    cpu.run_for(1s);
    // Of the two of rank 1, the second is younger: among more tasks it started with a shorter slice.
    CHECK(cpu.history() == "5:0-2 3:2-4 4:4-6 1:6-8 2:8-10 0:10-12");
}

TEST_CASE("ranked_cfs: a task keeps the CPU until it has run for its own slice, and is then an ordinary one") {
    // ALPS (ATC'24), section 5.3, listings 1 and 2: the slice hook
    one_cpu<ranked_cfs> cpu{cfs_config{}, 1ms};
    cpu.add().info.slice = 50ms;
    cpu.add();
    cpu.add_sleeper(1ms, 5ms); // would preempt
    cpu.run_for(300ms);
    CHECK(cpu.history().substr(0, 7) == "0:0-50 ");
    for (auto const& r : cpu.runs()) {
        if (r.task == 0 && r.to < 300ms) {
            CHECK(r.to - r.from >= 50ms);
        }
    }
    CHECK(cpu.share(1) > 0.2);
}

TEST_CASE("ranked_cfs: a slice is one of a run without a break") {
    one_cpu<ranked_cfs> cpu{cfs_config{}, 1ms};
    cpu.add().info.slice = 50ms;
    cpu.add().info.slice = 50ms;
    cpu.run_for(30ms);
    cpu.be_starved(100ms);
    cpu.run_for(60ms);
    // The second is the younger one when the real-time class leaves.
    CHECK(cpu.history() == "0:0-30 1:130-180 0:180-190");
}

TEST_CASE("cfs: the stock kernel knows neither ranks nor slices of a task's own") {
    one_cpu<cfs> cpu{cfs_config{}, 1ms};
    cpu.add().info.slice = 100ms;
    cpu.add().info.rank = -1;
    cpu.run_for(40ms);
    CHECK(cpu.history() == "0:0-15 1:15-27 0:27-39 1:39-40"); // at 12 ms they are of one age
}

TEST_CASE("cfs: impossible configurations are refused with the reason") {
    CHECK(validate(cfs_config{}).has_value());
    CHECK(validate(cfs_config{.latency = 0ms}).error().message ==
          "cfs: latency and min_granularity must be longer than 0");
    CHECK(validate(cfs_config{.min_granularity = 0ms}).has_error());
    CHECK(validate(cfs_config{.wakeup_granularity = -1ns}).has_error());
}

} // namespace hpcsched::cpu
