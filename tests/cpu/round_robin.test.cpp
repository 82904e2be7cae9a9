// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/cpu/round_robin.hpp>

#include <doctest/doctest.h>

#include "one_cpu.hpp"

#include <cstddef>
#include <vector>

namespace hpcsched::cpu {

using namespace std::chrono_literals;
using order = std::vector<std::size_t>;

TEST_CASE("round_robin: each task runs for a quantum and rejoins at the tail") {
    one_cpu<round_robin> cpu{{.quantum = 3ms}};
    cpu.add(5ms);
    cpu.add(6ms);
    cpu.add(1ms);
    cpu.run_for(20ms);
    CHECK(cpu.order() == order{0, 1, 2, 0, 1});
    CHECK(cpu.at(2).exit == time_point{7ms});
    CHECK(cpu.at(0).exit == time_point{9ms});
    CHECK(cpu.at(1).exit == time_point{12ms});
}

TEST_CASE("round_robin: a task that gave way to a higher class goes on with the rest of its quantum") {
    one_cpu<round_robin> cpu{{.quantum = 3ms}};
    cpu.add();
    cpu.add();
    cpu.run_for(1ms);
    cpu.be_starved(10ms);
    cpu.run_for(5ms);
    CHECK(cpu.history() == "0:0-1 0:11-13 1:13-16");
}

TEST_CASE("round_robin: a task that wakes has a new quantum") {
    one_cpu<round_robin> cpu{{.quantum = 3ms}};
    cpu.add_sleeper(2ms, 1ms);
    cpu.add();
    cpu.run_for(12ms);
    CHECK(cpu.history() == "0:0-2 1:2-5 0:5-7 1:7-10 0:10-12");
}

TEST_CASE("round_robin: a change of attributes costs a running task neither its place nor its quantum") {
    one_cpu<round_robin> cpu{{.quantum = 3ms}};
    cpu.add();
    cpu.add();
    cpu.run_for(1ms);
    cpu.change(cpu.at(0), [](task_info& info) { info.nice = 5; });
    cpu.run_for(3ms);
    CHECK(cpu.history() == "0:0-3 1:3-4");
}

TEST_CASE("round_robin: a quantum of nothing is refused") {
    CHECK(validate(round_robin::config{}).has_value());
    CHECK(validate(round_robin::config{.quantum = 0ns}).error().message ==
          "round_robin: quantum must be longer than 0");
}

} // namespace hpcsched::cpu
