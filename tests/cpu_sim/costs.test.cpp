// SPDX-License-Identifier: Apache-2.0
// What switches, migrations and the agent cost on the simulated Linux.
#include <hpcsched/cpu_sim/machine.hpp>

#include <doctest/doctest.h>

#include "linux.hpp"

#include <algorithm>
#include <vector>

namespace hpcsched::cpu_sim {
namespace {

using namespace scenario;

} // namespace

TEST_CASE("costs: hogs in turns lose a context switch each time the CPU changes over, and the run is as much longer") {
    auto hardware = machine_config::ideal(1);
    hardware.context_switch_cost = 3'500ns;
    auto const [seen, summary] = run(linux_with(hardware), hogs(4, 100ms));
    std::size_t changes = 0;
    std::uint32_t last = 99;
    for (log::stretch const& s : seen.stretches) {
        changes += s.task != last ? 1 : 0;
        last = s.task;
    }
    CHECK(changes > 90); // a tick each
    CHECK(summary.switch_time == 3'500ns * static_cast<std::int64_t>(changes));
    CHECK(summary.makespan == 400ms + summary.switch_time);
    CHECK(summary.busy == 400ms);
}

TEST_CASE("costs: each migration costs the task CPU time, which is seen in its record and in the summary") {
    auto hardware = machine_config::ideal(2);
    hardware.migration_cost = 20us;
    hardware.balance_period = 4ms;
    auto const [seen, summary] = run(linux_with(hardware), hogs(5, 50ms));
    CHECK(summary.migrations > 0);
    CHECK(summary.migration_time == 20us * static_cast<std::int64_t>(summary.migrations));
    std::uint64_t migrations = 0;
    for (task_record const& r : seen.exits) {
        CHECK(r.cpu_time == r.service + 20us * static_cast<std::int64_t>(r.migrations));
        migrations += r.migrations;
    }
    CHECK(migrations == summary.migrations);
}

TEST_CASE("costs: a command takes effect when the agent has had the CPU time for it, and not before") {
    auto hardware = machine_config::ideal(1);
    hardware.agent_event_cost = 700ns;
    hardware.agent_command_cost = 450ns;
    by_hand agent = makes_fifo(1);
    auto const [seen, summary] = run(linux_with(hardware), {job(0ms, 10ms), job(1ms, 1ms, {}, 1)}, agent);
    // The event, then the command; the agent runs on CPU 0, so its tasks stand still meanwhile.
    CHECK(seen.of(1).first_run == time_point{1ms + 1'150ns});
    CHECK(seen.of(1).exit == time_point{2ms + 1'150ns});
}

TEST_CASE("costs: commands queue up behind each other where the agent is busy") {
    auto hardware = machine_config::ideal(4);
    hardware.agent_command_cost = 1ms;
    hardware.agent_cpu = 4; // outside
    by_hand agent = makes_fifo(7);
    // Four hogs fill the CPUs, three tasks of function 7 arrive together: each is real-time 1 ms after the one before.
    std::vector<workload::invocation> jobs = hogs(4, 100ms);
    for (int i = 0; i < 3; ++i) {
        jobs.push_back(job(5ms, 20ms, {}, 7));
    }
    auto const [seen, summary] = run(linux_with(hardware), jobs, agent);
    for (std::uint32_t row = 4; row < 7; ++row) {
        CHECK(seen.of(row).first_run <= time_point{5ms + (row - 3) * 1ms});
        CHECK(seen.of(row).exit <= time_point{25ms + (row - 3) * 1ms});
    }
    CHECK(summary.agent_time == 3ms);
}

// `stopping` is told when every task has exited: on a machine that simulates to the end, nothing is left to restore.
TEST_CASE("costs: what an agent gives back at the end finds no task alive, is counted, and costs nothing") {
    struct gives_back : cpu::hands_off {
        using cpu::hands_off::handle;
        task_id last{};
        bool stopped = false;
        void handle(cpu::task_arrived const& e, time_point, cpu::command_sink& out) noexcept {
            last = e.task;
            out.append(cpu::set_nice{e.task, 5});
        }
        void handle(cpu::stopping const&, time_point, cpu::command_sink& out) noexcept {
            stopped = true;
            out.append(cpu::set_nice{last, 0});
        }
    };
    auto const machine = linux_with(machine_config::with_cpus(1));
    gives_back agent;
    auto const [seen, summary] = run(machine, {job(0ms, 1ms)}, agent);
    CHECK(agent.stopped);
    CHECK(summary.agent_commands == 2);
    machine_config const costs;
    // started, arrived with its command, exited; not stopping
    CHECK(summary.agent_time == 3 * costs.agent_event_cost + costs.agent_command_cost);
}

} // namespace hpcsched::cpu_sim
