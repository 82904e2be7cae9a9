// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/cpu/sfs.hpp>
#include <hpcsched/testing/conformance/scheduling_agent.hpp>

#include <doctest/doctest.h>

#include "agent_script.hpp"

#include <cstdint>
#include <string>

// SFS, SC'22: "4.1" .. "4.4" are the cases of the worker in its overview (finished, slice used up, blocked, overload).
namespace hpcsched::cpu {

using namespace std::chrono_literals;

namespace {

/// Fixed slices: what the worker does with them is not the window's matter.
sfs_config fixed(duration slice) {
    return {.initial_slice = slice, .adaptive = false};
}

agent_script<sfs> script_of(sfs_config const& config, std::uint32_t cpu_count) {
    agent_script<sfs> script{sfs{config}};
    script.start(cpu_count);
    return script;
}

/// `count` tasks that arrive `interval` apart, the first one at `interval`, and exit before the next comes.
void pass(agent_script<sfs>& script, std::uint32_t count, duration interval) {
    for (std::uint32_t i = 0; i < count; ++i) {
        script.after(interval).arrives(0);
        script.exits(0, 0ns);
    }
}

} // namespace

TEST_SUITE("sfs: the slice") {
    TEST_CASE("sfs: intervals of 10 ms on 12 CPUs give S = 120 ms and bypass from 360 ms on") {
        auto script = script_of({}, 12);
        pass(script, 100, 10ms);
        CHECK(script.agent().slice() == 120ms);
        CHECK(script.agent().delay_limit() == 360ms);
    }

    TEST_CASE("sfs: intervals of 12 ms on one CPU give S = 12 ms") {
        auto script = script_of({}, 1);
        pass(script, 100, 12ms);
        CHECK(script.agent().slice() == 12ms);
    }

    TEST_CASE("sfs: the product of mean and CPUs is exact, not a multiple of the CPUs") {
        auto script = script_of({.window = 4}, 8);
        script.at(1ns).arrives(0);
        script.at(2ns).arrives(1);
        script.at(4ns).arrives(2);
        script.at(6ns).arrives(3);
        CHECK(script.agent().slice() == 13ns); // 5 / 3 x 8 = 13.3
    }

    TEST_CASE("sfs: S changes only after N = 100 arrivals, then after 100 more") {
        auto script = script_of({}, 12);
        pass(script, 99, 10ms);
        CHECK(script.agent().slice() == 20ms);
        pass(script, 1, 10ms);
        CHECK(script.agent().slice() == 120ms);
        pass(script, 99, 5ms);
        CHECK(script.agent().slice() == 120ms);
        pass(script, 1, 5ms);
        CHECK(script.agent().slice() == 60ms); // the window tumbles: nothing of the first is left in it
    }

    TEST_CASE("sfs: wake-ups do not count as arrivals") {
        auto script = script_of({}, 12);
        for (int i = 0; i < 60; ++i) {
            script.after(10ms).arrives(0);
            script.blocks(0, 1ms);
            script.after(10ms).wakes(0, 1ms);
            script.exits(0, 2ms);
        }
        CHECK(script.agent().slice() == 20ms);
        pass(script, 1, 10ms);
        pass(script, 39, 20ms);
        CHECK(script.agent().slice() == 240ms);
    }

    TEST_CASE("sfs: a floor and a fixed slice are kept") {
        auto floored = script_of({.slice_floor = 30ms}, 1);
        CHECK(floored.agent().slice() == 30ms);
        pass(floored, 100, 12ms);
        CHECK(floored.agent().slice() == 30ms);
        auto constant = script_of(fixed(50ms), 1);
        pass(constant, 100, 12ms);
        CHECK(constant.agent().slice() == 50ms);
    }

    TEST_CASE("sfs: a burst without any interval sends all to the fair class until the next window") {
        auto script = script_of({.window = 2}, 1);
        script.at(0ns).arrives(0);
        CHECK(script.arrives(1).empty());
        CHECK(script.agent().slice() == 0ns);
        CHECK(script.exits(0, 1ms).empty());
        CHECK(script.cpu_timer(1, 20ms).empty());
    }
}

TEST_SUITE("sfs: the worker") {
    TEST_CASE("sfs: an idle worker takes an arrival into FILTER at once") {
        auto script = script_of(fixed(100ms), 2);
        CHECK(script.arrives(0) == "set_policy 0 fifo 30; arm_cpu_timer 0 at 100ms");
        CHECK(script.arrives(1, 0, 5ms) == "set_policy 1 fifo 30; arm_cpu_timer 1 at 105ms");
        CHECK(script.arrives(2).empty());
    }

    TEST_CASE("sfs 4.1: an exit gives the worker to the head of the queue") {
        auto script = script_of(fixed(100ms), 1);
        script.arrives(0);
        script.arrives(1);
        script.arrives(2);
        CHECK(script.after(5ms).exits(0, 5ms) == "set_policy 1 fifo 30; arm_cpu_timer 1 at 100ms");
        CHECK(script.after(5ms).exits(1, 5ms) == "set_policy 2 fifo 30; arm_cpu_timer 2 at 100ms");
        CHECK(script.after(5ms).exits(2, 5ms).empty());
    }

    TEST_CASE("sfs 4.2: a task that outlives its slice is demoted for good") {
        auto script = script_of(fixed(100ms), 1);
        script.arrives(0);
        script.arrives(1);
        CHECK(script.after(100ms).cpu_timer(0, 100ms) ==
              "set_policy 0 normal; set_policy 1 fifo 30; arm_cpu_timer 1 at 100ms");
        script.after(10ms).exits(1, 10ms);
        CHECK(script.blocks(0, 110ms).empty());
        CHECK(script.wakes(0, 110ms).empty());
        CHECK(script.cpu_timer(0, 120ms).empty());
        CHECK(script.exits(0, 130ms).empty());
    }

    TEST_CASE("sfs 4.3: a task that blocks after 30 of 100 ms comes back to the tail with 70") {
        auto script = script_of(fixed(100ms), 1);
        script.arrives(0);
        script.arrives(1);
        script.arrives(2);
        CHECK(script.after(30ms).blocks(0, 30ms) ==
              "set_policy 0 normal; set_policy 1 fifo 30; arm_cpu_timer 1 at 100ms");
        CHECK(script.after(10ms).wakes(0, 30ms).empty());
        CHECK(script.after(10ms).exits(1, 20ms) == "set_policy 2 fifo 30; arm_cpu_timer 2 at 100ms");
        CHECK(script.after(10ms).exits(2, 10ms) == "set_policy 0 fifo 30; arm_cpu_timer 0 at 100ms"); // 30 + 70
        CHECK(script.after(20ms).blocks(0, 50ms) == "set_policy 0 normal");
        CHECK(script.after(20ms).wakes(0, 50ms) == "set_policy 0 fifo 30; arm_cpu_timer 0 at 100ms"); // 50 + 50
        CHECK(script.after(50ms).cpu_timer(0, 100ms) == "set_policy 0 normal");
    }

    TEST_CASE("sfs 4.3: the credit is of the slice that the task began with") {
        auto script = script_of({.window = 3, .initial_slice = 100ms}, 1);
        script.arrives(0);
        script.after(30ms).blocks(0, 30ms);
        script.after(10ms).arrives(1);
        script.after(10ms).arrives(2);
        REQUIRE(script.agent().slice() == 25ms);
        script.exits(1, 10ms);
        script.exits(2, 10ms);
        CHECK(script.wakes(0, 30ms) == "set_policy 0 fifo 30; arm_cpu_timer 0 at 100ms");
    }

    TEST_CASE("sfs: a task that blocks with its slice used up has no credit") {
        auto script = script_of(fixed(100ms), 1);
        script.arrives(0);
        CHECK(script.after(100ms).blocks(0, 100ms) == "set_policy 0 normal");
        CHECK(script.cpu_timer(0, 100ms).empty());
        CHECK(script.after(1ms).wakes(0, 100ms).empty());
    }

    TEST_CASE("sfs 4.4: a delay of O x S bypasses FILTER, one just shorter does not") {
        auto script = script_of(fixed(120ms), 1);
        script.arrives(0);
        script.at(10ms).arrives(1);
        script.at(10ms + 1ns).arrives(2);
        // At 370 ms, task 1 has waited 360 ms = 3 x 120 ms, task 2 one nanosecond less.
        CHECK(script.at(370ms).exits(0, 100ms) == "set_policy 2 fifo 30; arm_cpu_timer 2 at 120ms");
        CHECK(script.after(1ms).exits(2, 1ms).empty());
        CHECK(script.blocks(1, 1ms).empty());
        CHECK(script.wakes(1, 1ms).empty()); // let go for good
    }

    TEST_CASE("sfs: with O = 0 nothing bypasses") {
        auto config = fixed(120ms);
        config.overload_factor = 0;
        auto script = script_of(config, 1);
        script.arrives(0);
        script.arrives(1);
        CHECK(script.agent().delay_limit() == unlimited);
        CHECK(script.at(100s).exits(0, 100ms) == "set_policy 1 fifo 30; arm_cpu_timer 1 at 120ms");
    }

    TEST_CASE("sfs: the delay of a task that comes back counts from its wake-up") {
        auto script = script_of(fixed(10ms), 1);
        script.at(1s).arrives(0);
        script.after(5ms).blocks(0, 5ms);
        script.after(5s).arrives(1);
        CHECK(script.wakes(0, 5ms).empty());
        CHECK(script.after(29ms).exits(1, 9ms) == "set_policy 0 fifo 30; arm_cpu_timer 0 at 10ms");
    }

    TEST_CASE("sfs: a task that blocks while queued keeps its place until its turn comes") {
        auto script = script_of(fixed(100ms), 1);
        script.arrives(0);
        script.arrives(1);
        script.arrives(2);
        script.arrives(3);
        CHECK(script.blocks(1, 0ns).empty());
        CHECK(script.blocks(2, 0ns).empty());
        CHECK(script.wakes(2, 0ns).empty());
        // Task 1 is still blocked at its turn; task 2 has woken in time.
        CHECK(script.after(1ms).exits(0, 1ms) == "set_policy 2 fifo 30; arm_cpu_timer 2 at 100ms");
        CHECK(script.wakes(1, 0ns).empty());
        CHECK(script.after(1ms).exits(2, 1ms) == "set_policy 3 fifo 30; arm_cpu_timer 3 at 100ms");
        CHECK(script.after(1ms).exits(3, 1ms) == "set_policy 1 fifo 30; arm_cpu_timer 1 at 100ms");
    }

    TEST_CASE("sfs: a task that exits while queued leaves an empty place") {
        auto script = script_of(fixed(100ms), 1);
        script.arrives(0);
        script.arrives(1);
        script.arrives(2);
        CHECK(script.exits(1, 1ms).empty());
        script.arrives(1); // the index is used again, behind task 2
        CHECK(script.exits(0, 1ms) == "set_policy 2 fifo 30; arm_cpu_timer 2 at 100ms");
        CHECK(script.exits(2, 1ms) == "set_policy 1.1 fifo 30; arm_cpu_timer 1.1 at 100ms");
    }

    TEST_CASE("sfs: a CPU timer of an earlier turn does not end the present one") {
        auto script = script_of(fixed(100ms), 1);
        script.arrives(0);
        script.blocks(0, 30ms);
        script.wakes(0, 40ms); // ran 10 ms in the fair class before it blocked again unseen
        CHECK(script.cpu_timer(0, 100ms).empty());
        CHECK(script.cpu_timer(0, 110ms) == "set_policy 0 normal");
    }

    TEST_CASE("sfs: workers that are told so pin their tasks, and release them unpinned") {
        auto config = fixed(100ms);
        config.pin_workers = true;
        auto script = script_of(config, 2);
        CHECK(script.arrives(0) == "set_affinity 0 0; set_policy 0 fifo 30; arm_cpu_timer 0 at 100ms");
        CHECK(script.arrives(1) == "set_affinity 1 1; set_policy 1 fifo 30; arm_cpu_timer 1 at 100ms");
        script.arrives(2);
        CHECK(script.cpu_timer(1, 100ms) == "set_policy 1 normal; set_affinity 1 all; "
                                            "set_affinity 2 1; set_policy 2 fifo 30; arm_cpu_timer 2 at 100ms");
        CHECK(script.stop() == "set_policy 0 normal; set_affinity 0 all; set_policy 2 normal; set_affinity 2 all");
    }

    TEST_CASE("sfs: what it changed is restored when it stops") {
        auto script = script_of(fixed(100ms), 2);
        script.arrives(0);
        script.arrives(1);
        script.arrives(2);
        script.cpu_timer(0, 100ms);
        CHECK(script.stop() == "set_policy 1 normal; set_policy 2 normal");
    }
}

TEST_SUITE("sfs: on a kernel with ALPS's hooks") {
    TEST_CASE("sfs ranks: FILTER is rank 1 with a slice, who waits for a worker or has left it is of rank 2") {
        sfs_config config = fixed(100ms);
        config.actuator = sfs_actuator::ranks;
        auto script = script_of(config, 1);
        CHECK(script.at(0ms).arrives(0) == "set_rank 0 1; set_slice 0 100ms; arm_cpu_timer 0 at 100ms");
        CHECK(script.at(1ms).arrives(1) == "set_rank 1 2");
        CHECK(script.at(130ms).cpu_timer(0, 100ms) ==
              "set_rank 0 2; set_slice 0 0ns; set_rank 1 1; set_slice 1 100ms; arm_cpu_timer 1 at 100ms");
        CHECK(script.at(160ms).blocks(1, 30ms) == "set_rank 1 2; set_slice 1 0ns");
        CHECK(script.at(170ms).wakes(1, 30ms) == "set_rank 1 1; set_slice 1 70ms; arm_cpu_timer 1 at 100ms");
        CHECK(script.at(180ms).stop() == "set_rank 0 0; set_rank 1 2; set_slice 1 0ns; set_rank 1 0");
    }
}

TEST_SUITE("sfs: polling") {
    TEST_CASE("sfs: a worker that polls every 4 ms sees an exit at its next poll") {
        auto config = fixed(100ms);
        config.poll_period = 4ms;
        auto script = script_of(config, 1);
        script.at(1ms).arrives(0);
        script.at(2ms).arrives(1);
        CHECK(script.at(8ms).exits(0, 7ms) == "arm_timer 0 at 9ms"); // 1 + 2 x 4
        CHECK(script.at(9ms).timer(0) == "set_policy 1 fifo 30; arm_cpu_timer 1 at 100ms");
        CHECK(script.at(17ms).exits(1, 8ms) == "arm_timer 0 at 17ms");
        CHECK(script.timer(0).empty());
    }

    TEST_CASE("sfs: a sleep shorter than the poll period goes unseen") {
        auto config = fixed(100ms);
        config.poll_period = 4ms;
        auto script = script_of(config, 1);
        script.at(0ms).arrives(0);
        CHECK(script.at(1ms).blocks(0, 1ms) == "arm_timer 0 at 4ms");
        CHECK(script.at(2ms).wakes(0, 1ms).empty());
        CHECK(script.at(4ms).timer(0).empty());
        CHECK(script.at(5ms).blocks(0, 4ms) == "arm_timer 0 at 8ms");
        CHECK(script.at(8ms).timer(0) == "set_policy 0 normal");
        CHECK(script.at(9ms).wakes(0, 4ms) == "set_policy 0 fifo 30; arm_cpu_timer 0 at 100ms");
    }

    TEST_CASE("sfs: the end of a slice is seen at the next poll") {
        auto config = fixed(10ms);
        config.poll_period = 4ms;
        auto script = script_of(config, 1);
        script.at(0ms).arrives(0);
        CHECK(script.at(10ms).cpu_timer(0, 10ms) == "arm_timer 0 at 12ms");
        CHECK(script.at(12ms).timer(0) == "set_policy 0 normal");
    }
}

TEST_SUITE("sfs: the published program") {
    TEST_CASE("sfs repository: N = 200, S from 20 ms and never below 6 ms") {
        auto script = script_of(sfs::config::repository(), 12);
        CHECK(script.agent().slice() == 20ms);
        for (std::uint32_t i = 0; i < 200; ++i) {
            CHECK(script.agent().slice() == 20ms);
            script.after(400us).arrives(i);
        }
        CHECK(script.agent().slice() == 6ms); // every interval truncated to 0 ms
    }

    TEST_CASE("sfs repository: S is a multiple of the CPUs in whole milliseconds") {
        sfs_config config;
        config.quirks.whole_milliseconds = true;
        auto script = script_of(config, 12);
        pass(script, 50, 10ms);
        pass(script, 50, 11ms);
        CHECK(script.agent().slice() == 120ms); // the mean of 10.5 ms is 10
    }

    TEST_CASE("sfs repository: the interval before a window's end is counted again after it") {
        sfs_config config{.window = 2};
        config.quirks.last_interval_twice = true;
        auto script = script_of(config, 1);
        script.at(10ms).arrives(0);
        script.at(20ms).arrives(1);
        CHECK(script.agent().slice() == 10ms);
        script.at(30ms).arrives(2); // counted from 10 ms: 20 ms
        script.at(40ms).arrives(3); // 10 ms
        CHECK(script.agent().slice() == 15ms);
    }

    TEST_CASE("sfs repository: wake-ups count as arrivals") {
        sfs_config config{.window = 3};
        config.quirks.wake_ups_are_arrivals = true;
        auto script = script_of(config, 1);
        script.at(10ms).arrives(0);
        script.blocks(0, 1ms);
        script.at(20ms).wakes(0, 1ms);
        script.at(40ms).arrives(1);
        CHECK(script.agent().slice() == 15ms);
    }

    TEST_CASE("sfs repository: a task is queued under FIFO 20, served under FIFO 30 on one CPU, then demoted") {
        auto script = script_of(sfs::config::repository(), 1);
        CHECK(script.at(0ms).arrives(0) ==
              "set_policy 0 fifo 20; set_affinity 0 0; set_policy 0 fifo 30; arm_timer 0 at 20ms");
        CHECK(script.at(1ms).arrives(1) == "set_policy 1 fifo 20");
        // The slice ends by the clock: task 0 may have had less CPU time.
        CHECK(script.at(20ms).timer(0) == "set_policy 0 normal; set_affinity 0 all; "
                                          "set_affinity 1 0; set_policy 1 fifo 30; arm_timer 0 at 40ms");
        CHECK(script.at(25ms).blocks(1, 5ms) == "arm_timer 0 at 25ms");
        CHECK(script.timer(0) == "set_policy 1 fifo 20; set_affinity 1 all");
        CHECK(script.at(30ms).wakes(1, 5ms) == "set_affinity 1 0; set_policy 1 fifo 30; arm_timer 0 at 45ms");
        CHECK(script.stop() == "set_policy 1 normal; set_affinity 1 all");
    }

    TEST_CASE("sfs repository: a sleep unseen by the poll does not move the end of the slice") {
        auto script = script_of(sfs::config::repository(), 1);
        script.at(0ms).arrives(0);
        CHECK(script.at(2500us).blocks(0, 2ms) == "arm_timer 0 at 3ms");
        CHECK(script.at(2700us).wakes(0, 2ms).empty());
        CHECK(script.at(3ms).timer(0) == "arm_timer 0 at 20ms");
        CHECK(script.at(20ms).timer(0) == "set_policy 0 normal; set_affinity 0 all");
    }

    TEST_CASE("sfs repository: without polling, the clock of a task that has left its worker is not listened to") {
        sfs_config config = fixed(20ms);
        config.quirks.slice_by_wall_clock = true;
        auto script = script_of(config, 1);
        CHECK(script.at(0ms).arrives(0) == "set_policy 0 fifo 30; arm_timer 0 at 20ms");
        script.at(5ms).exits(0, 5ms);
        CHECK(script.at(20ms).timer(0).empty());
        CHECK(script.at(21ms).arrives(0) == "set_policy 0.1 fifo 30; arm_timer 0 at 41ms");
        CHECK(script.at(22ms).timer(0).empty()); // that of before, told late
        CHECK(script.at(41ms).timer(0) == "set_policy 0.1 normal");
    }

    TEST_CASE("sfs repository: an overloaded task comes back after 1 ms for 1 ms, and then never") {
        auto config = sfs::config::repository();
        config.adaptive = false;
        auto script = script_of(config, 1);
        script.at(0ms).arrives(0);
        script.arrives(1);
        // The worker comes late: task 1 has waited for 60 ms = 3 x 20 ms.
        CHECK(script.at(60ms).timer(0) == "set_policy 0 normal; set_affinity 0 all; arm_timer 1 at 61ms");
        CHECK(script.at(61ms).timer(1) == "set_affinity 1 0; set_policy 1 fifo 30; arm_timer 0 at 62ms");
        CHECK(script.at(62ms).timer(0) == "set_policy 1 normal; set_affinity 1 all");
    }

    TEST_CASE("sfs repository: a task judged overloaded twice is left under FIFO 20") {
        auto config = sfs::config::repository();
        config.adaptive = false;
        auto script = script_of(config, 1);
        script.at(0ms).arrives(0);
        script.arrives(1);
        CHECK(script.at(60ms).timer(0) == "set_policy 0 normal; set_affinity 0 all; arm_timer 1 at 61ms");
        CHECK(script.at(60500us).arrives(2) ==
              "set_policy 2 fifo 20; set_affinity 2 0; set_policy 2 fifo 30; arm_timer 0 at 80500us");
        CHECK(script.at(61ms).timer(1).empty()); // task 1 is queued again, the worker is busy
        CHECK(script.at(121ms).timer(0) == "set_policy 2 normal; set_affinity 2 all");
        CHECK(script.at(122ms).timer(1).empty());
        CHECK(script.stop() == "set_policy 1 normal");
    }
}

TEST_CASE("sfs: keeps the rules of an agent, whatever its options") {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        for (std::uint32_t const cpus : {1U, 2U, 12U}) {
            sfs_config polling{.window = 10, .poll_period = 4ms, .pin_workers = true};
            sfs_config repository = sfs_config::repository();
            repository.window = 20;
            sfs_config const ranks{.window = 10, .actuator = sfs_actuator::ranks};
            for (sfs_config const& config : {sfs_config{.window = 10}, polling, ranks, repository}) {
                auto const broken = testing::check_scheduling_agent(
                    [&] { return sfs{config}; }, {.seed = seed, .cpu_count = cpus, .step_count = 1000});
                for (std::string const& each : broken) {
                    FAIL_CHECK(each);
                }
            }
        }
    }
}

TEST_CASE("sfs: a bad configuration is named") {
    CHECK(validate(sfs_config{}).has_value());
    CHECK(validate(sfs_config::repository()).has_value());
    struct bad {
        sfs_config config;
        char const* field;
    };
    sfs_config queue{.filter_priority = 10, .queue_priority = 10};
    queue.quirks.queue_in_real_time = true;
    sfs_config ranks{.actuator = sfs_actuator::ranks};
    ranks.quirks.queue_in_real_time = true;
    for (bad const& each :
         {bad{{.window = 0}, "window"}, bad{{.initial_slice = 0ns}, "initial_slice"},
          bad{{.slice_floor = -1ns}, "slice_floor"}, bad{{.poll_period = -1ns}, "poll_period"},
          bad{{.filter_priority = 0}, "filter_priority"}, bad{{.filter_priority = 100}, "filter_priority is 100"},
          bad{queue, "queue_priority"}, bad{ranks, "actuator"}}) {
        auto const checked = validate(each.config);
        REQUIRE(checked.has_error());
        CHECK(checked.error().message.find(each.field) != std::string::npos);
    }
}

} // namespace hpcsched::cpu
