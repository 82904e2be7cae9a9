// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_TESTS_CPU_SIM_LINUX_HPP
#define HPCSCHED_TESTS_CPU_SIM_LINUX_HPP

#include <hpcsched/cpu/eevdf.hpp>
#include <hpcsched/cpu/rt.hpp>
#include <hpcsched/cpu_sim/machine.hpp>

#include "scenario.hpp"

#include <algorithm>
#include <cstdint>
#include <vector>

/// The simulated Linux 6.18 with the constants of a machine of two CPUs, on which its facts were measured; and what to
/// ask of a run on it.
namespace hpcsched::cpu_sim::scenario {

using linux_machine = machine<cpu::rt, cpu::eevdf>;

inline linux_machine linux_with(machine_config const& hardware, cpu::rt::config const& rt = {}) {
    return linux_machine{{hardware, {rt, cpu::eevdf::config::for_cpus(2)}}};
}

/// Costs nothing: what is asked for here are shares and times of the scheduler's own.
inline linux_machine linux_on(std::uint32_t cpus) {
    return linux_with(machine_config::ideal(cpus));
}

/// So many tasks that only compute, all from the start; their function is their row.
inline std::vector<workload::invocation> hogs(std::size_t count, duration service) {
    std::vector<workload::invocation> all;
    for (std::uint32_t i = 0; i < count; ++i) {
        all.push_back(job(duration{0}, service, {}, i));
    }
    return all;
}

/// The stretches of the task of that row. All tasks of the run arrived before any exited.
inline std::vector<log::stretch> runs_of(log const& seen, std::uint32_t row) {
    std::vector<log::stretch> runs;
    std::copy_if(seen.stretches.begin(), seen.stretches.end(), std::back_inserter(runs),
                 [row](log::stretch const& s) { return s.task == row; });
    return runs;
}

/// CPU time of a task up to `end`, in percent of it.
inline double share(log const& seen, std::uint32_t row, duration end) {
    duration sum{};
    for (log::stretch const& s : runs_of(seen, row)) {
        sum += std::max(std::min(s.to, time_point{end}) - std::min(s.from, time_point{end}), duration{0});
    }
    return 100 * to_seconds(sum) / to_seconds(end);
}

/// The longest time up to `end` for which a task was off the CPU.
inline duration longest_gap(log const& seen, std::uint32_t row, duration end) {
    duration gap{};
    time_point last{};
    for (log::stretch const& s : runs_of(seen, row)) {
        gap = std::max(gap, std::min(s.from, time_point{end}) - std::min(last, time_point{end}));
        last = s.to;
    }
    return gap;
}

/// The mean length of a task's runs that ended before `end`.
inline duration mean_run(log const& seen, std::uint32_t row, duration end) {
    duration sum{};
    std::int64_t count = 0;
    for (log::stretch const& s : runs_of(seen, row)) {
        if (s.to < time_point{end}) {
            sum += s.to - s.from;
            ++count;
        }
    }
    return sum / std::max<std::int64_t>(count, 1);
}

/// An agent that greets the tasks of each function with a command, which it is free to give.
template <class Command>
by_hand greets_with(Command const& command) {
    by_hand agent;
    agent.arrived = [command](cpu::task_arrived const& e, time_point, cpu::command_sink& out) {
        command(e.task, e.function.value, out);
    };
    return agent;
}

inline by_hand makes_fifo(std::uint32_t function) {
    return greets_with([function](task_id task, std::uint32_t its, cpu::command_sink& out) {
        if (its == function) {
            out.append(cpu::set_policy{task, cpu::sched_policy::fifo, 50});
        }
    });
}

} // namespace hpcsched::cpu_sim::scenario

#endif
