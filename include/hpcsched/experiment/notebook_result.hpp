// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_EXPERIMENT_NOTEBOOK_RESULT_HPP
#define HPCSCHED_EXPERIMENT_NOTEBOOK_RESULT_HPP

#include <hpcsched/core/time.hpp>
#include <hpcsched/notebook_sim/run_record.hpp>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace hpcsched::experiment {

/// What a device costs; a host's devices cost from the order of the host to its being gone.
struct device_price {
    double dollars_per_hour = 3.06; ///< an eighth of Amazon's p3.16xlarge on demand, us-east-1: eight V100
};

/// Quantiles of times in seconds; all 0 where there are none.
struct time_quantiles {
    double mean = 0, p50 = 0, p90 = 0, p99 = 0, largest = 0;
};

/// Figures of the cells of one kind.
struct cell_figures {
    std::uint64_t count = 0;   ///< that began within the run
    double at_once = 0;        ///< share whose devices were there when they were submitted, 0 .. 1
    double moved = 0;          ///< share that a replica had to move, or a container to start, for
    double same_executor = 0;  ///< share that ran where the session's cell before did, of those that had one
    time_quantiles delay;      ///< interactivity delay: from submission to the start of the code
    time_quantiles completion; ///< from submission to reply, of those that ended
    double device_hours = 0;   ///< that they compute
};

/// A point of a curve: the share of cells that are at most at `seconds`.
struct share_point {
    double seconds = 0;
    double share = 0;
};

/// What one policy did with one trace.
struct notebook_result {
    std::string policy;
    std::string workload;
    std::uint64_t seed = 0;
    std::uint32_t devices_per_host = 8;

    cell_figures all;
    cell_figures brief; ///< cells of up to `brief_cell`: most of the cells, few of the device-hours
    cell_figures long_; ///< the others

    // Device-hours.
    double provisioned = 0; ///< of all hosts, from their order to their being gone
    double leased = 0;
    double busy = 0;
    double wasted = 0; ///< provisioned and not busy
    double dollars = 0;

    std::uint64_t hosts_provisioned = 0, hosts_released = 0, hosts_lost = 0;
    std::uint32_t hosts_peak = 0;
    double hosts_mean = 0;
    std::uint64_t moves_for_cells = 0, moves_ahead = 0;
    std::uint32_t members_peak = 0;
    std::uint64_t rerun_cells = 0; ///< whose host was lost under them
    double subscription_ratio_mean = 0;

    std::uint64_t events = 0;
    double run_seconds = 0; ///< real time that the simulation took

    std::vector<share_point> delay_curve;
    std::vector<share_point> completion_curve;
    std::vector<notebook_sim::cluster_sample> samples;
};

/// Cells up to this long count as brief.
inline constexpr duration brief_cell = std::chrono::minutes{15};

/// The figures of a run. Names, seed and `run_seconds` are the caller's to set.
/// \complexity O(n log n) in the number of cells
[[nodiscard]] notebook_result summarize_notebooks(notebook_sim::run_record const& run, std::uint32_t devices_per_host,
                                                  device_price price = {});

} // namespace hpcsched::experiment

#endif
