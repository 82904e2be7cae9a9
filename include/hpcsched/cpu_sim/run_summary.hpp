// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_CPU_SIM_RUN_SUMMARY_HPP
#define HPCSCHED_CPU_SIM_RUN_SUMMARY_HPP

#include <hpcsched/core/time.hpp>

#include <cstdint>

namespace hpcsched::cpu_sim {

/// What a run came to, beside what its observer saw.
struct run_summary {
    std::uint64_t task_count = 0;
    std::uint64_t event_count =
        0; ///< scheduling events: arrivals, wake-ups, stops, ends of slices, timers, commands, balances
    std::uint64_t context_switches = 0; ///< as in `task_record`, over all tasks
    std::uint64_t migrations = 0;
    duration makespan{};       ///< from the first arrival to the last exit
    duration busy{};           ///< CPU time that tasks received
    duration switch_time{};    ///< CPU time lost to context switches
    duration migration_time{}; ///< part of `busy` that migrations cost
    duration agent_time{};     ///< CPU time of the agent
    std::uint64_t agent_events = 0;
    std::uint64_t agent_commands = 0;

    friend bool operator==(run_summary const&, run_summary const&) = default;
};

} // namespace hpcsched::cpu_sim

#endif
