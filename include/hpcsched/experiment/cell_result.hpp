// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_EXPERIMENT_CELL_RESULT_HPP
#define HPCSCHED_EXPERIMENT_CELL_RESULT_HPP

#include <hpcsched/core/time.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace hpcsched::experiment {

/// One cell of a grid: a policy meets a workload.
struct cell_key {
    std::string policy{};   ///< name of a policy in the registry, e.g. "serpt"
    std::string workload{}; ///< preset or file, as the user named it
    double load = 0;        ///< offered load the workload was scaled to; 0: as recorded
    double arrival_cv = 0;  ///< coefficient of variation of inter-arrival times; 0: the preset's own, or as recorded
    std::uint32_t cpu_count = 1;
    std::uint64_t seed = 1;

    friend auto operator<=>(cell_key const&, cell_key const&) = default;
};

/// Mean and percentiles of a quantity over tasks; times in seconds, slowdown and RTE without unit.
struct distribution {
    double mean = 0, p50 = 0, p75 = 0, p90 = 0, p95 = 0, p99 = 0, p999 = 0, p9999 = 0, max = 0;
};

/// One point of a cumulative distribution: `share` of all values are <= `value`.
struct cdf_point {
    double value = 0, share = 0;
};

/// The tasks whose service demand lies in one range (ALPS's G1 to G4).
struct group_result {
    std::string name{};      ///< "G1" .. "G4"
    double service_from = 0; ///< seconds, inclusive
    double service_to = 0;   ///< seconds, exclusive; infinity for the last
    std::uint64_t task_count = 0;
    distribution turnaround{};
    distribution slowdown{};
    double context_switches_p25 = 0, context_switches_p50 = 0, context_switches_p75 = 0;
};

/// One interval of a time series.
struct delay_point {
    double at = 0;         ///< start of the interval, seconds since the start of the run
    double mean_delay = 0; ///< mean of first run - arrival of the tasks that arrived in it, seconds
    double max_delay = 0;
    std::uint64_t arrivals = 0;
};

/// All that is reported of one finished cell.
struct cell_result {
    cell_key key{};
    std::uint64_t task_count = 0;
    double makespan = 0;           ///< seconds from the first arrival to the last exit
    double offered_load = 0;       ///< service / (CPUs x span of arrivals), as it came out
    double utilisation = 0;        ///< share of CPU time spent on tasks, 0 .. 1
    distribution turnaround{};     ///< seconds
    distribution slowdown{};       ///< turnaround / (service + blocking)
    distribution rte{};            ///< SFS's run-time effectiveness: CPU time / turnaround
    distribution queueing_delay{}; ///< first run - arrival, seconds
    double context_switches_mean = 0, context_switches_p25 = 0, context_switches_p50 = 0, context_switches_p75 = 0;
    double migrations_mean = 0;
    double billed_cost = 0;       ///< US dollars by wall duration and memory size
    double billed_cost_ideal = 0; ///< the same for the shortest possible durations
    double agent_share = 0;       ///< CPU time of the agent as a share of the machine, 0 .. 1
    double switch_share = 0;      ///< CPU time lost to context switches and migrations, 0 .. 1
    double others_share = 0;      ///< CPU time that processes outside the run took, 0 .. 1; of a simulated machine 0
    std::uint64_t agent_events = 0, agent_commands = 0;
    std::vector<group_result> groups{};         ///< those that have tasks
    std::vector<cdf_point> turnaround_cdf{};    ///< at most 200 points, ascending
    std::vector<cdf_point> rte_cdf{};           ///< at most 200 points, ascending
    std::vector<delay_point> delay_over_time{}; ///< at most 200 intervals
    std::uint64_t trace_hash = 0;               ///< equal hashes: the same schedule
    double run_seconds = 0;                     ///< real time that the simulation of this cell took
};

} // namespace hpcsched::experiment

#endif
