// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/cpu/hybrid.hpp>
#include <hpcsched/testing/conformance/scheduling_agent.hpp>

#include <doctest/doctest.h>

#include "agent_script.hpp"

#include <cstdint>
#include <string>

namespace hpcsched::cpu {

using namespace std::chrono_literals;

namespace {

agent_script<hybrid> script_of(hybrid_config const& config, std::uint32_t cpu_count) {
    agent_script<hybrid> script{hybrid{config}};
    script.start(cpu_count);
    return script;
}

} // namespace

// "In serverless, OS scheduler choice costs money", Middleware'24: 25 + 25 CPUs, 1,633 ms.
TEST_CASE("hybrid: a task begins under FIFO on the first half") {
    auto script = script_of({}, 50);
    CHECK(script.arrives(0) == "set_affinity 0 0-24; set_policy 0 fifo 1; arm_cpu_timer 0 at 1633ms");
    CHECK(script.arrives(1, 0, 67ms) == "set_affinity 1 0-24; set_policy 1 fifo 1; arm_cpu_timer 1 at 1700ms");
}

TEST_CASE("hybrid: after 1,633 ms of CPU time it moves to the fair class on the second half for good") {
    auto script = script_of({}, 50);
    script.arrives(0);
    CHECK(script.blocks(0, 1s).empty());
    CHECK(script.wakes(0, 1s).empty());
    CHECK(script.cpu_timer(0, 1s).empty()); // not yet
    CHECK(script.cpu_timer(0, 1633ms) == "set_policy 0 normal; set_affinity 0 25-49");
    CHECK(script.cpu_timer(0, 2s).empty());
    CHECK(script.exits(0, 3s).empty());
}

TEST_CASE("hybrid: of an odd number of CPUs the fair half has one more") {
    auto script = script_of({}, 3);
    CHECK(script.arrives(0) == "set_affinity 0 0; set_policy 0 fifo 1; arm_cpu_timer 0 at 1633ms");
    CHECK(script.cpu_timer(0, 1633ms) == "set_policy 0 normal; set_affinity 0 1-2");
}

TEST_CASE("hybrid: with one CPU both halves are that CPU") {
    auto script = script_of({.rightsizing_period = 1s}, 1);
    CHECK(script.arrives(0) == "set_policy 0 fifo 1; arm_cpu_timer 0 at 1633ms");
    CHECK(script.cpu_timer(0, 1633ms) == "set_policy 0 normal");
    script.arrives(1);
    CHECK(script.stop() == "set_policy 1 normal");
}

TEST_CASE("hybrid: the FIFO half is as large as asked, but leaves the fair half a CPU") {
    CHECK(script_of({.fifo_cpu_count = 3}, 4).agent().fifo_cpu_count() == 3);
    CHECK(script_of({.fifo_cpu_count = 9}, 4).agent().fifo_cpu_count() == 3);
    CHECK(script_of({.fifo_cpu_count = 9}, 1).agent().fifo_cpu_count() == 1);
}

TEST_CASE("hybrid: what it changed is restored when it stops") {
    auto script = script_of({}, 4);
    script.arrives(0);
    script.arrives(1);
    script.arrives(2);
    script.cpu_timer(1, 1633ms);
    script.exits(2, 1s);
    CHECK(script.stop() == "set_policy 0 normal; set_affinity 0 all; set_affinity 1 all");
}

TEST_CASE("hybrid: an adaptive limit is the 95th percentile of the last CPU times, once there are enough") {
    auto script = script_of({.adaptive = true, .adaptive_window = 20}, 4);
    for (int i = 20; i > 1; --i) {
        script.arrives(0);
        script.exits(0, std::chrono::milliseconds{i});
        CHECK(script.agent().limit() == 1633ms);
    }
    script.arrives(0);
    script.exits(0, 1ms);
    CHECK(script.agent().limit() == 19ms); // 1 .. 20 ms
    CHECK(script.arrives(1) == "set_affinity 1 0-1; set_policy 1 fifo 1; arm_cpu_timer 1 at 19ms");
    for (int i = 0; i < 2; ++i) {
        script.arrives(0);
        script.exits(0, 5ms);
    }
    CHECK(script.agent().limit() == 17ms); // 20 and 19 ms have left the window
}

TEST_CASE("hybrid: rightsizing gives the busier half a CPU of the other") {
    agent_script<hybrid> script{hybrid{{.rightsizing_period = 1s}}};
    CHECK(script.at(0s).start(4) == "arm_timer 0 at 1s");
    for (std::uint32_t i = 0; i < 4; ++i) {
        script.arrives(i);
    }
    // Two per CPU against none is a lead of two, more than one.
    CHECK(script.at(1s).timer(0) == "arm_timer 0 at 2s; set_affinity 0 0-2; set_affinity 1 0-2; set_affinity 2 0-2; "
                                    "set_affinity 3 0-2");
    CHECK(script.agent().fifo_cpu_count() == 3);
    CHECK(script.at(2s).timer(0) == "arm_timer 0 at 3s"); // the fair half keeps one
    script.blocks(2, 1s);
    script.blocks(3, 1s);
    CHECK(script.cpu_timer(0, 1633ms) == "set_policy 0 normal; set_affinity 0 3");
    CHECK(script.cpu_timer(1, 1633ms) == "set_policy 1 normal; set_affinity 1 3");
    CHECK(script.at(3s).timer(0) == "arm_timer 0 at 4s; set_affinity 0 2-3; set_affinity 1 2-3; set_affinity 2 0-1; "
                                    "set_affinity 3 0-1");
    CHECK(script.at(4s).timer(0) == "arm_timer 0 at 5s"); // one per CPU against none is no lead of more than one
}

TEST_CASE("hybrid: rightsizing counts runnable tasks only, however they block, wake, move and exit") {
    agent_script<hybrid> script{hybrid{{.rightsizing_period = 1s}}};
    script.start(4);
    for (std::uint32_t i = 0; i < 6; ++i) {
        script.arrives(i);
        script.blocks(i, 1ms);
    }
    CHECK(script.at(1s).timer(0) == "arm_timer 0 at 2s");
    script.cpu_timer(0, 1633ms); // noticed late, while it is blocked
    script.exits(1, 1ms);
    script.wakes(0, 1633ms);
    script.wakes(2, 1ms);
    script.wakes(3, 1ms);
    CHECK(script.at(2s).timer(0) == "arm_timer 0 at 3s"); // 2 / 2 against 1 / 2
    script.exits(0, 2s);
    script.wakes(4, 1ms);
    CHECK(script.at(3s).timer(0).find("set_affinity 2 0-2") != std::string::npos); // 3 / 2 against 0
}

TEST_CASE("hybrid: keeps the rules of an agent, whatever its options") {
    hybrid_config const adaptive{.adaptive = true, .adaptive_window = 10};
    hybrid_config const rightsized{.fifo_limit = 50ms, .rightsizing_period = 100ms};
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
        for (std::uint32_t const cpus : {1U, 2U, 5U, 50U}) {
            for (hybrid_config const& config : {hybrid_config{.fifo_limit = 50ms}, adaptive, rightsized}) {
                for (std::string const& each : testing::check_scheduling_agent(
                         [&] { return hybrid{config}; }, {.seed = seed, .cpu_count = cpus, .step_count = 1000})) {
                    FAIL_CHECK(each);
                }
            }
        }
    }
}

TEST_CASE("hybrid: a bad configuration is named") {
    CHECK(validate(hybrid_config{}).has_value());
    struct bad {
        hybrid_config config;
        char const* field;
    };
    for (bad const& each :
         {bad{{.fifo_limit = 0ns}, "fifo_limit"}, bad{{.adaptive_window = 0}, "adaptive_window"},
          bad{{.adaptive_share = {0, 100}}, "adaptive_share"}, bad{{.adaptive_share = {101, 100}}, "adaptive_share"},
          bad{{.rt_priority = 0}, "rt_priority is 0"}, bad{{.rightsizing_period = -1s}, "rightsizing_period"}}) {
        auto const checked = validate(each.config);
        REQUIRE(checked.has_error());
        CHECK(checked.error().message.find(each.field) != std::string::npos);
    }
}

} // namespace hpcsched::cpu
