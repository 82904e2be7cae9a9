// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/cpu/fcfs.hpp>

#include <doctest/doctest.h>

#include "one_cpu.hpp"

#include <cstddef>
#include <vector>

namespace hpcsched::cpu {

using namespace std::chrono_literals;
using order = std::vector<std::size_t>;

TEST_CASE("fcfs: tasks run in order of arrival, each to its end") {
    one_cpu<fcfs> cpu;
    cpu.add(30ms);
    cpu.add(1ms, time_point{1ms});
    cpu.add(20ms, time_point{2ms});
    cpu.run_for(100ms);
    CHECK(cpu.order() == order{0, 1, 2});
    CHECK(cpu.at(0).exit == time_point{30ms});
    CHECK(cpu.at(1).exit == time_point{31ms});
    CHECK(cpu.at(2).exit == time_point{51ms});
}

TEST_CASE("fcfs: a task that wakes joins at the tail") {
    one_cpu<fcfs> cpu;
    cpu.add_sleeper(2ms, 1ms);
    cpu.add(10ms);
    cpu.add(10ms);
    cpu.run_for(23ms);
    CHECK(cpu.order() == order{0, 1, 2, 0});
}

TEST_CASE("fcfs: a task that gave way to a higher class goes on first") {
    one_cpu<fcfs> cpu;
    cpu.add(10ms);
    cpu.add(10ms);
    cpu.run_for(3ms);
    cpu.be_starved(5ms);
    cpu.run_for(20ms);
    CHECK(cpu.order() == order{0, 0, 1});
    CHECK(cpu.at(0).exit == time_point{15ms});
}

TEST_CASE("fcfs: a change of attributes costs neither a waiting nor a running task its place") {
    one_cpu<fcfs> cpu;
    for (int i = 0; i < 4; ++i) {
        cpu.add(10ms);
    }
    cpu.run_for(1ms);
    cpu.change(cpu.at(1), [](task_info& info) { info.nice = 5; });
    cpu.change(cpu.at(0), [](task_info& info) { info.nice = 5; });
    cpu.run_for(50ms);
    CHECK(cpu.order() == order{0, 1, 2, 3});
}

TEST_CASE("fcfs: a task that may not run here is passed over and not lost") {
    fcfs queue;
    cpu_mask const elsewhere = cpu_mask::range(cpu_id{1}, 3);
    task_info bound{.sequence = 0, .affinity = &elsewhere};
    task_info free{.sequence = 1};
    fcfs::entity a;
    fcfs::entity b;
    a.task = &bound;
    b.task = &free;
    queue.enqueue(a, enqueue_reason::arrived, time_point{});
    queue.enqueue(b, enqueue_reason::arrived, time_point{});
    CHECK(queue.pick_next(cpu_id{0}, time_point{}).next == &b);
    CHECK(queue.pick_next(cpu_id{0}, time_point{}).next == nullptr);
    CHECK(queue.waiting_count() == 1);
    CHECK(queue.pick_next(cpu_id{3}, time_point{}).next == &a);
}

} // namespace hpcsched::cpu
