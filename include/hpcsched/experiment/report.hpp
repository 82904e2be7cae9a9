// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_EXPERIMENT_REPORT_HPP
#define HPCSCHED_EXPERIMENT_REPORT_HPP

#include <hpcsched/core/result.hpp>
#include <hpcsched/experiment/cell_result.hpp>

#include <cstddef>
#include <filesystem>
#include <iosfwd>
#include <span>
#include <string>
#include <vector>

namespace hpcsched::experiment {

/// A policy in words, for the reader of a report.
struct policy_note {
    std::string name;
    std::string description; ///< one line
};

/// What the policies of an experiment are to each other.
struct policy_roles {
    std::string oracle = "srpt";    ///< knows every service demand: the others are shown as multiples of it
    std::string baseline = "eevdf"; ///< what a reader has today

    /// Policies that run on a machine without costs, or that know what no scheduler can, or that are only foretold
    /// where others ran on a real machine: drawn dashed, and never named as the best. The oracle always counts as one.
    std::vector<std::string> idealised{"fcfs", "mlfq", "ps", "rr", "srpt"};
};

/// What a report says beside its numbers. Every text may hold anything: the page escapes it.
struct report_options {
    std::string title = "How the schedulers compare";
    std::string command{};  ///< the command that makes the same numbers again; empty: not shown
    std::string footnote{}; ///< version, machine, date: what the caller wants on record; empty: not shown
    policy_roles roles{};
    std::vector<policy_note> policies{}; ///< replaces the built-in words for the policies it names

    /// Points of all curves together: what bounds the size of the page (a point takes about 15 bytes). Every curve
    /// keeps at least 24 points and at most 200.
    std::size_t curve_points_max = 200'000;
};

/// Writes one HTML page that holds everything it needs: numbers, pictures, scripts. It opens offline and asks nothing
/// of the network.
///
/// Cells that differ only in their seed are shown as their mean with the 95 % interval of Student's t. Of cells with
/// equal keys the last counts. The order of the cells does not matter: equal cells give equal bytes.
/// \error no cells, or the stream failed
/// \complexity O(n log n) in the number of cells and their curves' points
/// \thread_safety none; the stream belongs to the caller
[[nodiscard]] result<void> write_report(std::ostream& out, std::span<cell_result const> cells,
                                        report_options const& options = {});

/// The same into a file, which appears whole or not at all: it is written beside its place and renamed.
/// \error as above, or the file cannot be written: the message names it
[[nodiscard]] result<void> write_report(std::filesystem::path const& file, std::span<cell_result const> cells,
                                        report_options const& options = {});

} // namespace hpcsched::experiment

#endif
