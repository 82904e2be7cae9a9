// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_EXPERIMENT_NOTEBOOK_RESULTS_IO_HPP
#define HPCSCHED_EXPERIMENT_NOTEBOOK_RESULTS_IO_HPP

#include <hpcsched/experiment/notebook_result.hpp>

#include <span>
#include <string>

namespace hpcsched::experiment {

/// What all results of one run have in common.
struct notebook_run_description {
    std::string program{}; ///< name and version
    std::string command{}; ///< that makes the same numbers again
    double span_hours = 0; ///< of the trace, or of the window of it that was run
    std::string window{};  ///< which part of the trace, in words; empty: all of it
    device_price price{};
    std::string assumptions{}; ///< the times and prices that the run took, in one line
};

/// A table for a terminal: one line per result, what each saved against `reservation` where that ran.
[[nodiscard]] std::string notebook_table(std::span<notebook_result const> results);

/// One JSON document: `{"schema": "hpcsched.notebook_results", "version": 1, .., "results": [..]}`. Times are seconds,
/// device time is in hours, shares are 0 to 1.
[[nodiscard]] std::string notebook_results_json(notebook_run_description const& run,
                                                std::span<notebook_result const> results);

/// CSV (RFC 4180, with a header line), one row per result; curves and samples are in the JSON only.
[[nodiscard]] std::string notebook_results_csv(std::span<notebook_result const> results);

/// One HTML page that holds everything it needs and asks nothing of the network: the table, what each policy
/// provisioned over time, the curves of interactivity delay and completion time, both ends of the cells.
[[nodiscard]] std::string notebook_report(notebook_run_description const& run,
                                          std::span<notebook_result const> results);

} // namespace hpcsched::experiment

#endif
