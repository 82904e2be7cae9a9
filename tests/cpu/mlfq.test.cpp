// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/cpu/mlfq.hpp>

#include <doctest/doctest.h>

#include "one_cpu.hpp"

#include <cstddef>
#include <vector>

namespace hpcsched::cpu {

using namespace std::chrono_literals;
using order = std::vector<std::size_t>;

TEST_CASE("mlfq: a task that uses up its quantum falls by one level, where the quantum is twice as long") {
    one_cpu<mlfq> cpu{{.level_count = 3, .quantum = 2ms, .boost_period = unlimited}};
    cpu.add();
    cpu.add();
    cpu.run_for(30ms);
    CHECK(cpu.history() == "0:0-2 1:2-4 0:4-8 1:8-12 0:12-20 1:20-28 0:28-30"); // level 2 is the last
    CHECK(cpu.queue().level_of(cpu.at(0).entity) == 2);
}

TEST_CASE("mlfq: an arrival preempts a task that has fallen") {
    one_cpu<mlfq> cpu{{.level_count = 3, .quantum = 2ms, .boost_period = unlimited}};
    cpu.add();
    cpu.add(1ms, time_point{5ms});
    cpu.run_for(10ms);
    CHECK(cpu.history() == "0:0-5 1:5-6 0:6-10");
}

TEST_CASE("mlfq: one that gave way goes on before its equals with the rest of its quantum") {
    one_cpu<mlfq> cpu{{.level_count = 2, .quantum = 2ms, .boost_period = unlimited}};
    cpu.add();
    cpu.add();
    cpu.add(1ms, time_point{5ms}); // tasks 0 and 1 are on level 1, task 0 has run there for 1 ms
    cpu.run_for(14ms);
    CHECK(cpu.history() == "0:0-2 1:2-4 0:4-5 2:5-6 0:6-9 1:9-13 0:13-14");
}

TEST_CASE("mlfq: sleeping before the end of a quantum does not keep a task on its level for ever") {
    one_cpu<mlfq> cpu{{.level_count = 3, .quantum = 2ms, .boost_period = unlimited}};
    cpu.add_sleeper(1ms, 1ms);
    cpu.run_for(4ms); // has run for 2 x 1 ms
    cpu.run_for(1ms);
    CHECK(cpu.queue().level_of(cpu.at(0).entity) == 1);
}

TEST_CASE("mlfq: a boost takes every task back to the top, so a long one does not starve") {
    one_cpu<mlfq> cpu{{.level_count = 4, .quantum = 2ms, .boost_period = 100ms}};
    cpu.add();
    cpu.run_for(50ms); // at the bottom
    for (int i = 0; i < 400; ++i) {
        cpu.add(2ms, time_point{50ms + 2ms * i}); // a flood that fills the CPU
    }
    cpu.run_for(50ms);
    duration const before = cpu.at(0).info.cpu_time;
    CHECK(before == 50ms);
    cpu.run_for(500ms);
    CHECK(cpu.at(0).info.cpu_time >= before + 5 * 2ms); // a quantum of level 0 per boost

    one_cpu<mlfq> without{{.level_count = 4, .quantum = 2ms, .boost_period = unlimited}};
    without.add();
    without.run_for(50ms);
    for (int i = 0; i < 400; ++i) {
        without.add(2ms, time_point{50ms + 2ms * i});
    }
    without.run_for(550ms);
    CHECK(without.at(0).info.cpu_time == 50ms);
}

TEST_CASE("mlfq: the waiting tasks are boosted in order of level and place") {
    mlfq queue{{.level_count = 3, .quantum = 2ms, .boost_period = 100ms}};
    std::vector<task_info> infos(3);
    std::vector<mlfq::entity> entities(3);
    for (std::size_t i = 0; i < 3; ++i) {
        infos[i].sequence = i;
        entities[i].task = &infos[i];
        queue.enqueue(entities[i], enqueue_reason::arrived, time_point{});
    }
    auto const use_quantum = [&](std::size_t i, duration ran, time_point now) {
        REQUIRE(queue.pick_next(cpu_id{}, now).next == &entities[i]);
        queue.account(entities[i], cpu_id{}, ran, now);
        queue.enqueue(entities[i], enqueue_reason::slice_expired, now);
    };
    use_quantum(0, 2ms, time_point{2ms});
    use_quantum(1, 2ms, time_point{4ms});
    CHECK(queue.level_of(entities[0]) == 1);
    CHECK(queue.level_of(entities[1]) == 1);
    CHECK(queue.level_of(entities[2]) == 0);
    std::vector<mlfq::entity*> picked;
    for (int i = 0; i < 3; ++i) {
        auto const p = queue.pick_next(cpu_id{}, time_point{100ms});
        picked.push_back(p.next);
        CHECK(p.slice == 2ms);
        CHECK(queue.level_of(*p.next) == 0);
    }
    CHECK(picked == std::vector{&entities[2], &entities[0], &entities[1]});
}

TEST_CASE("mlfq: impossible configurations are refused with the reason") {
    CHECK(validate(mlfq::config{}).has_value());
    CHECK(validate(mlfq::config{.level_count = 0}).error().message == "mlfq: level_count is 0: give 1 to 32");
    CHECK(validate(mlfq::config{.level_count = 33}).has_error());
    CHECK(validate(mlfq::config{.quantum = 0ns}).has_error());
    CHECK(validate(mlfq::config{.quantum = unlimited / 2}).has_error());
    CHECK(validate(mlfq::config{.boost_period = 0ns}).has_error());
}

} // namespace hpcsched::cpu
