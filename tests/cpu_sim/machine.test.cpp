// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/cpu/fcfs.hpp>
#include <hpcsched/cpu/processor_sharing.hpp>
#include <hpcsched/cpu/round_robin.hpp>
#include <hpcsched/cpu/rt.hpp>
#include <hpcsched/cpu_sim/machine.hpp>

#include <doctest/doctest.h>

#include "scenario.hpp"

#include <algorithm>
#include <utility>
#include <vector>

namespace hpcsched::cpu_sim {
namespace {

using namespace scenario;

/// Real-time tasks above a queue in order of arrival: the smallest kernel with two classes.
using two_classes = machine<cpu::rt, cpu::fcfs>;

time_point at(duration since) {
    return time_point{since};
}

/// An agent that makes every task of function 1 SCHED_FIFO when it arrives.
by_hand promotes_function_1() {
    by_hand agent;
    agent.arrived = [](cpu::task_arrived const& e, time_point, cpu::command_sink& out) {
        if (e.function == function_id{1}) {
            out.append(cpu::set_policy{e.task, cpu::sched_policy::fifo, 50});
        }
    };
    return agent;
}

} // namespace

// --- the life of a task ------------------------------------------------------------------------------------------

TEST_CASE("machine: a task alone takes its service and nothing else") {
    auto const [seen, summary] = run(machine<cpu::fcfs>{machine_config::ideal(1)}, {job(5ms, 3ms)});
    task_record const& r = seen.of(0);
    CHECK(r.arrival == at(5ms));
    CHECK(r.first_run == at(5ms));
    CHECK(r.exit == at(8ms));
    CHECK(r.waited() == 0ms);
    CHECK(r.context_switches == 0);
    CHECK(summary.makespan == 3ms);
    CHECK(summary.busy == 3ms);
}

TEST_CASE("machine: a task blocks where its segments say and comes back") {
    auto const [seen, summary] =
        run(machine<cpu::fcfs>{machine_config::ideal(1)}, {job(0ms, 10ms, {{4ms, 5ms}, {6ms, 1ms}}), job(1ms, 3ms)});
    CHECK(seen.of(0).blocked == 6ms);
    CHECK(seen.of(1).exit == at(7ms)); // runs in the gap from 4 to 9
    CHECK(seen.of(0).exit == at(4ms + 5ms + 2ms + 1ms + 4ms));
    CHECK(seen.of(0).waited() == 0ms);
    CHECK(seen.of(0).context_switches == 2);
    CHECK(seen.of(0).preemptions == 0);
}

TEST_CASE("machine: a task that blocks before its first instruction still passes through the CPU") {
    auto const [seen, summary] =
        run(machine<cpu::fcfs>{machine_config::ideal(1)}, {job(0ms, 2ms), job(1ms, 2ms, {{0ms, 5ms}})});
    CHECK(seen.of(1).first_run == at(2ms));
    CHECK(seen.of(1).exit == at(9ms));
}

TEST_CASE("machine: a task that blocks at its very end exits when it wakes") {
    auto const [seen, summary] = run(machine<cpu::fcfs>{machine_config::ideal(1)}, {job(0ms, 2ms, {{2ms, 5ms}})});
    CHECK(seen.of(0).exit == at(7ms));
    CHECK(seen.of(0).cpu_time == 2ms);
}

TEST_CASE("machine: blocking under processor sharing costs the service and the wait, to a few nanoseconds") {
    auto const [seen, summary] =
        run(machine<cpu::processor_sharing>{machine_config::ideal(1)}, {job(0ms, 4ms, {{0ms, 1ms}, {2ms, 1ms}})});
    CHECK(seen.of(0).turnaround() >= 6ms);
    CHECK(seen.of(0).turnaround() <= 6ms + 5ns);
}

TEST_CASE("machine: a source that goes back in time is an error that says so") {
    std::vector<workload::invocation> const jobs{job(5ms, 1ms), job(4ms, 1ms)};
    workload::in_memory source{jobs};
    silent nothing;
    auto const r = machine<cpu::fcfs>{machine_config::ideal(1)}.run(source, nothing);
    REQUIRE(r.has_error());
    CHECK(r.error().message == "the workload's arrivals go back in time: sort it by arrival");
}

TEST_CASE("machine: an invocation without service is an error that says so") {
    std::vector<workload::invocation> const jobs{job(5ms, 0ms)};
    workload::in_memory source{jobs};
    silent nothing;
    auto const r = machine<cpu::fcfs>{machine_config::ideal(1)}.run(source, nothing);
    REQUIRE(r.has_error());
    CHECK(r.error().message == "the workload holds an invocation without service time: give it at least 1 ns");
}

TEST_CASE("machine: an empty workload ends at once, and the agent is still started and stopped") {
    by_hand agent;
    auto const [seen, summary] = run(two_classes{machine_config::with_cpus(3)}, {}, agent);
    CHECK(summary.task_count == 0);
    CHECK(summary.makespan == 0ms);
    CHECK(agent.calls == std::vector<std::string>{"started 3", "stopping"});
}

// --- what it costs -----------------------------------------------------------------------------------------------

TEST_CASE("machine: every switch to another task costs a context switch, going on with the same one does not") {
    machine_config hardware = machine_config::ideal(1);
    hardware.context_switch_cost = 10us;
    auto const [seen, summary] = run(machine<cpu::fcfs>{hardware}, {job(0ms, 1ms, {{500us, 1ms}}), job(5ms, 1ms)});
    // idle -> 0, (0 blocks and comes back to a CPU that nobody used since), -> 1
    CHECK(summary.switch_time == 20us);
    CHECK(seen.of(0).exit == at(2ms + 10us));
    CHECK(seen.of(1).first_run == at(5ms + 10us));
}

TEST_CASE("machine: a task that runs on another CPU than before pays for cold caches") {
    machine_config hardware = machine_config::ideal(2);
    hardware.migration_cost = 100us;
    // 0 blocks on CPU 0, which 2 takes; 0 comes back on CPU 1.
    auto const [seen, summary] =
        run(machine<cpu::fcfs>{hardware}, {job(0ms, 2ms, {{1ms, 3ms}}), job(0ms, 2ms), job(500us, 20ms)});
    CHECK(seen.of(0).migrations == 1);
    CHECK(seen.of(0).cpu_time == 2ms + 100us);
    CHECK(seen.of(0).exit == at(5ms + 100us));
    CHECK(summary.migration_time == 100us);
}

TEST_CASE("machine: an agent's commands take effect after the time that they cost, on a CPU that loses it") {
    machine_config hardware = machine_config::ideal(1);
    hardware.agent_event_cost = 10us;
    hardware.agent_command_cost = 5us;
    by_hand agent = promotes_function_1();
    auto const [seen, summary] = run(two_classes{hardware}, {job(0ms, 10ms), job(1ms, 1ms, {}, 1)}, agent);
    // The second arrival: 10 us for the event and 5 us for the command; then it preempts.
    CHECK(seen.of(1).first_run == at(1ms + 15us));
    CHECK(seen.of(1).exit == at(2ms + 15us + 0us));
    CHECK(summary.agent_commands == 1);
    CHECK(summary.agent_events == 6);            // started, 2 x arrived, 2 x exited, stopping
    CHECK(summary.agent_time == 10us * 5 + 5us); // stopping comes when all is over
    // The first lost the time of the agent's start, of both arrivals, and of the second task's exit.
    CHECK(seen.of(0).exit == at(11ms + 10us + 10us + 15us + 10us));
}

TEST_CASE("machine: an agent on a CPU outside the machine delays its commands but takes nobody's time") {
    machine_config hardware = machine_config::ideal(1);
    hardware.agent_event_cost = 10us;
    hardware.agent_command_cost = 5us;
    hardware.agent_cpu = 1;
    by_hand agent = promotes_function_1();
    auto const [seen, summary] = run(two_classes{hardware}, {job(0ms, 10ms), job(1ms, 1ms, {}, 1)}, agent);
    CHECK(seen.of(1).first_run == at(1ms + 15us));
    CHECK(seen.of(0).exit == at(11ms));
}

// --- classes above classes ----------------------------------------------------------------------------------------

TEST_CASE("machine: a task of an earlier class takes the CPU from one of a later class") {
    by_hand agent = promotes_function_1();
    auto const [seen, summary] =
        run(two_classes{machine_config::ideal(1)}, {job(0ms, 10ms), job(4ms, 3ms, {}, 1)}, agent);
    CHECK(seen.of(1).exit == at(7ms));
    CHECK(seen.of(0).exit == at(13ms));
    CHECK(seen.of(0).preemptions == 1);
}

TEST_CASE("machine: on two CPUs the real-time task takes an idle CPU before it preempts") {
    by_hand agent = promotes_function_1();
    auto const [seen, summary] =
        run(two_classes{machine_config::ideal(2)}, {job(0ms, 10ms), job(4ms, 3ms, {}, 1)}, agent);
    CHECK(summary.context_switches == 0);
    CHECK(seen.of(1).exit == at(7ms));
}

TEST_CASE("machine: a demoted task that still is the best stays on its CPU without a switch") {
    by_hand agent = promotes_function_1();
    agent.timer = [first = true](cpu::timer_fired const&, time_point, cpu::command_sink& out) mutable {
        if (std::exchange(first, false)) {
            out.append(cpu::set_policy{task_id{0, 0}, cpu::sched_policy::normal, 0});
        }
    };
    agent.exited = [](auto&&...) {};
    by_hand armed = agent;
    armed.arrived = [promote = agent.arrived](cpu::task_arrived const& e, time_point now, cpu::command_sink& out) {
        promote(e, now, out);
        out.append(cpu::arm_timer{timer_id{3}, time_point{2ms}});
    };
    auto const [seen, summary] = run(two_classes{machine_config::ideal(1)}, {job(0ms, 5ms, {}, 1)}, armed);
    CHECK(seen.of(0).exit == at(5ms));
    CHECK(seen.of(0).context_switches == 0);
}

TEST_CASE("machine: of the running tasks the one of the lowest real-time priority gives way") {
    by_hand agent;
    agent.arrived = [](cpu::task_arrived const& e, time_point, cpu::command_sink& out) {
        out.append(cpu::set_policy{e.task, cpu::sched_policy::fifo, static_cast<int>(e.function.value)});
    };
    auto const [seen, summary] = run(two_classes{machine_config::ideal(2)},
                                     {job(0ms, 10ms, {}, 30), job(0ms, 10ms, {}, 20), job(2ms, 5ms, {}, 25)}, agent);
    CHECK(seen.of(0).exit == at(10ms));
    CHECK(seen.of(2).exit == at(7ms));
    CHECK(seen.of(1).exit == at(15ms));
}

TEST_CASE("machine: a real-time task is kept to the CPUs of its affinity") {
    by_hand agent;
    agent.arrived = [](cpu::task_arrived const& e, time_point, cpu::command_sink& out) {
        out.append(cpu::set_affinity{e.task, cpu::cpu_mask::range(cpu_id{1}, 1)});
        out.append(cpu::set_policy{e.task, cpu::sched_policy::fifo, 10});
    };
    auto const [seen, summary] =
        run(two_classes{machine_config::ideal(2)}, {job(0ms, 3ms), job(0ms, 3ms), job(1ms, 3ms)}, agent);
    CHECK(std::all_of(seen.stretches.begin(), seen.stretches.end(),
                      [](auto const& s) { return s.cpu == cpu_id{1} || s.from == s.to; }));
    CHECK(summary.makespan == 9ms);
}

TEST_CASE("machine: the fluid class gets the CPUs that real-time tasks leave") {
    by_hand agent = promotes_function_1();
    auto const [seen, summary] = run(machine<cpu::rt, cpu::processor_sharing>{machine_config::ideal(2)},
                                     {job(0ms, 4ms), job(0ms, 4ms), job(0ms, 4ms, {}, 1)}, agent);
    CHECK(seen.of(2).exit == at(4ms)); // a CPU of its own
    // The other two share one CPU until then (2 ms each), and have one each afterwards.
    CHECK(seen.of(0).exit == at(6ms));
    CHECK(seen.of(1).exit == at(6ms));
}

// --- the fair server and throttling --------------------------------------------------------------------------------

// linux.md 2.6: a FIFO hog and a normal hog on one CPU: 95.0 / 5.0 %; gaps of 950 ms for the one, of 50 ms for the
// other
TEST_CASE("machine: the fair server gives a starving normal task 50 ms of every second") {
    machine_config hardware = machine_config::ideal(1);
    hardware.fair_server.enabled = true;
    by_hand agent = promotes_function_1();
    auto const [seen, summary] = run(two_classes{hardware}, {job(0ms, 20s, {}, 1), job(0ms, 500ms)}, agent);
    CHECK(seen.of(1).exit == at(10s));
    CHECK(seen.of(0).exit == at(20s + 500ms));
    for (auto const& s : seen.stretches) {
        if (s.task == 0 && s.to != at(20s + 500ms)) {
            CHECK(s.to - s.from == 950ms);
        } else if (s.task == 1) {
            CHECK(s.to - s.from == 50ms);
        }
    }
}

TEST_CASE("machine: without starving tasks the fair server takes nothing from real-time tasks") {
    machine_config hardware = machine_config::ideal(1);
    hardware.fair_server.enabled = true;
    by_hand agent = promotes_function_1();
    auto const [seen, summary] = run(two_classes{hardware}, {job(0ms, 20s, {}, 1)}, agent);
    CHECK(seen.of(0).exit == at(20s));
    CHECK(seen.of(0).context_switches == 0);
}

TEST_CASE("machine: real-time throttling leaves 5 % of every second to others, and idles where there are none") {
    machine_config const hardware = machine_config::ideal(1);
    two_classes const m{{hardware, {cpu::rt::config::throttled(), {}}}};
    SUBCASE("others") {
        by_hand agent = promotes_function_1();
        auto const [seen, summary] = run(m, {job(0ms, 19s, {}, 1), job(0ms, 500ms)}, agent);
        CHECK(seen.of(1).exit == at(10s));
    }
    SUBCASE("none") {
        by_hand agent = promotes_function_1();
        auto const [seen, summary] = run(m, {job(0ms, 19s, {}, 1)}, agent);
        // The throttle is noticed at the tick: 952 ms in the first period, 948 ms in the next to make up for it.
        CHECK(seen.of(0).exit >= at(19s + 18 * 48ms));
        CHECK(seen.of(0).exit <= at(19s + 20 * 52ms));
    }
}

// --- timers --------------------------------------------------------------------------------------------------------

TEST_CASE("machine: a CPU timer fires when the task has had that CPU time, not when that time has passed") {
    by_hand agent;
    std::vector<std::pair<time_point, duration>> fired;
    agent.arrived = [](cpu::task_arrived const& e, time_point, cpu::command_sink& out) {
        if (e.function == function_id{1}) {
            out.append(cpu::arm_cpu_timer{e.task, 3ms});
        }
    };
    agent.cpu_timer = [&](cpu::cpu_timer_fired const& e, time_point now, cpu::command_sink&) {
        fired.emplace_back(now, e.cpu_time);
    };
    SUBCASE("in turn with others") {
        machine<cpu::round_robin> const m{{machine_config::ideal(1), {cpu::round_robin::config{.quantum = 1ms}}}};
        run(m, {job(0ms, 5ms, {}, 1), job(0ms, 5ms)}, agent);
        REQUIRE(fired.size() == 1);
        CHECK(fired[0].first == at(5ms)); // 0-1, 2-3, 4-5
        CHECK(fired[0].second == 3ms);
    }
    SUBCASE("over a block") {
        run(machine<cpu::fcfs>{machine_config::ideal(1)}, {job(0ms, 5ms, {{2ms, 10ms}}, 1)}, agent);
        REQUIRE(fired.size() == 1);
        CHECK(fired[0].first == at(13ms));
    }
    SUBCASE("shared") {
        run(machine<cpu::processor_sharing>{machine_config::ideal(1)}, {job(0ms, 5ms, {}, 1), job(0ms, 5ms)}, agent);
        REQUIRE(fired.size() == 1);
        CHECK(fired[0].first == at(6ms));
        CHECK(fired[0].second == 3ms);
    }
    SUBCASE("not for a task that exits at that very moment") {
        run(machine<cpu::fcfs>{machine_config::ideal(1)}, {job(0ms, 3ms, {}, 1)}, agent);
        CHECK(fired.empty());
    }
}

TEST_CASE("machine: a CPU timer armed for a time already had fires at once, also for a task that waits") {
    by_hand agent;
    std::vector<time_point> fired;
    agent.timer = [](cpu::timer_fired const&, time_point, cpu::command_sink& out) {
        out.append(cpu::arm_cpu_timer{task_id{0, 0}, 1ms});
    };
    agent.arrived = [](cpu::task_arrived const&, time_point, cpu::command_sink& out) {
        out.append(cpu::arm_timer{timer_id{0}, time_point{3ms}});
    };
    agent.cpu_timer = [&](cpu::cpu_timer_fired const&, time_point now, cpu::command_sink&) { fired.push_back(now); };
    SUBCASE("running") {
        run(machine<cpu::fcfs>{machine_config::ideal(1)}, {job(0ms, 5ms)}, agent);
    }
    SUBCASE("blocked") {
        run(machine<cpu::fcfs>{machine_config::ideal(1)}, {job(0ms, 5ms, {{2ms, 5ms}})}, agent);
    }
    SUBCASE("shared") {
        run(machine<cpu::processor_sharing>{machine_config::ideal(1)}, {job(0ms, 5ms)}, agent);
    }
    CHECK(fired == std::vector<time_point>{at(3ms)});
}

TEST_CASE("machine: a timer armed again fires only at its new time, a cancelled one never") {
    by_hand agent;
    std::vector<std::uint32_t> fired;
    agent.arrived = [](cpu::task_arrived const&, time_point, cpu::command_sink& out) {
        out.append(cpu::arm_timer{timer_id{1}, time_point{1ms}});
        out.append(cpu::arm_timer{timer_id{1}, time_point{3ms}});
        out.append(cpu::arm_timer{timer_id{2}, time_point{2ms}});
        out.append(cpu::cancel_timer{timer_id{2}});
    };
    agent.timer = [&](cpu::timer_fired const& e, time_point now, cpu::command_sink&) {
        fired.push_back(e.timer.value);
        CHECK(now == at(3ms));
        CHECK(e.cpu_time_of_all == 3ms);
    };
    run(machine<cpu::fcfs>{machine_config::ideal(1)}, {job(0ms, 5ms)}, agent);
    CHECK(fired == std::vector<std::uint32_t>{1});
}

TEST_CASE("machine: commands for a task that has exited are dropped") {
    by_hand agent;
    agent.exited = [](cpu::task_exited const& e, time_point, cpu::command_sink& out) {
        out.append(cpu::set_policy{e.task, cpu::sched_policy::fifo, 1});
        out.append(cpu::set_nice{e.task, 5});
        out.append(cpu::set_slice{e.task, 1ms});
        out.append(cpu::set_rank{e.task, 1});
        out.append(cpu::set_affinity{e.task, cpu::cpu_mask{}});
        out.append(cpu::arm_cpu_timer{e.task, 1ms});
        out.append(cpu::cancel_cpu_timer{e.task});
    };
    auto const [seen, summary] = run(two_classes{machine_config::ideal(1)}, {job(0ms, 5ms), job(1ms, 5ms)}, agent);
    CHECK(summary.task_count == 2);
    CHECK(seen.of(1).exit == at(10ms));
}

// --- properties ----------------------------------------------------------------------------------------------------

TEST_CASE("machine: whoever runs, no CPU runs two tasks at once and no task runs on two CPUs") {
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
        auto const jobs = random_jobs(seed, 500, 3, 1.1);
        by_hand agent = promotes_function_1();
        auto const [seen, summary] = run(two_classes{machine_config::with_cpus(3)}, jobs, agent);
        auto stretches = seen.stretches;
        duration covered{};
        std::vector<time_point> cpu_free(3);
        std::sort(stretches.begin(), stretches.end(), [](auto const& a, auto const& b) { return a.from < b.from; });
        std::vector<time_point> task_free(jobs.size());
        for (auto const& s : stretches) {
            CHECK(s.from >= cpu_free[s.cpu.value]);
            CHECK(s.from >= task_free[s.task]);
            cpu_free[s.cpu.value] = s.to;
            task_free[s.task] = s.to;
            covered += s.to - s.from;
        }
        // Stretches hold all the CPU time that tasks received, and the time that the agent took from them.
        CHECK(covered >= summary.busy);
        CHECK(covered <= summary.busy + summary.agent_time);
    }
}

TEST_CASE("machine: CPU time is what was asked for and what migrations cost") {
    auto const jobs = random_jobs(11, 2'000, 4, 1.0);
    by_hand agent = promotes_function_1();
    auto const [seen, summary] = run(two_classes{machine_config::with_cpus(4)}, jobs, agent);
    duration asked{};
    duration received{};
    for (auto const& r : seen.exits) {
        CHECK(r.cpu_time == r.service + r.migrations * machine_config{}.migration_cost);
        asked += r.service;
        received += r.cpu_time;
    }
    CHECK(received == summary.busy);
    CHECK(asked + summary.migration_time == summary.busy);
}

} // namespace hpcsched::cpu_sim
