// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_EXPERIMENT_SUMMARY_HPP
#define HPCSCHED_EXPERIMENT_SUMMARY_HPP

#include <hpcsched/experiment/cell_result.hpp>
#include <hpcsched/experiment/estimate.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace hpcsched::experiment {

/// One policy under one workload, load, arrival CV and CPU count, over all its seeds.
struct summary_row {
    cell_key key; ///< its seed is that of the first cell
    std::size_t seed_count = 0;
    std::uint64_t task_count = 0;                                         ///< of the first cell
    estimate turnaround, turnaround_p50, turnaround_p99, turnaround_p999; ///< seconds
    estimate slowdown;
    estimate rte;
    estimate context_switches;
    estimate billed_cost;  ///< US dollars
    estimate others_share; ///< of the machine, that processes outside the run took, 0 .. 1
};

/// The cells with their seeds folded into means, in the order in which the cells first name them.
/// \complexity O(n^2) in the number of rows, which a person is to read
[[nodiscard]] std::vector<summary_row> summarise(std::span<cell_result const> cells);

/// The summary as text for a terminal: one table per workload, CPU count, load and arrival CV, columns aligned, each
/// line ended. Times are in seconds, or in milliseconds where all of a table are short. Where real machines ran there
/// is a column of what processes outside the run took.
/// \param idealised  policies to be marked with a star and a note: no scheduler can be like them
[[nodiscard]] std::string summary_table(std::span<cell_result const> cells, std::span<std::string const> idealised);

} // namespace hpcsched::experiment

#endif
