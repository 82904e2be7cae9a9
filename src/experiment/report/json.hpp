// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_SRC_EXPERIMENT_REPORT_JSON_HPP
#define HPCSCHED_SRC_EXPERIMENT_REPORT_JSON_HPP

#include <boost/json/object.hpp>

#include "report/model.hpp"

#include <iosfwd>

namespace hpcsched::experiment::detail {

/// The model as the page reads it; numbers have five significant digits, shares of curves six decimals, what is not
/// finite is null.
///
///     title, command, footnote, oracle, baseline, verdict: text
///     opening: index of the scenario to show first
///     totals: {cells, seeds, tasks, run_seconds}
///     statistics: the names of the 9 columns of every distribution
///     policies: [{name, idealised, description, light, dark, marker, dash}]
///     scenarios: [{workload, cpus, cv, load, verdict, outcomes: [{
///         policy: index, tasks, seeds: [{seed, hash, tasks, makespan, offered_load, utilisation, run_seconds, mean,
///         p99}], turnaround, slowdown, rte, queueing: {mean: [9], half: [9] or null}, figures: {name: [mean, half]},
///         groups: [{name, from, to, tasks, turnaround, slowdown, switches: [[mean, half] of p25, p50, p75]}],
///         turnaround_cdf, rte_cdf: {value: [..], ppm: [share in parts per million]},
///         delay: {at: [..], mean: [..], max: [..]}}]}]
[[nodiscard]] boost::json::object to_json(report_model const& model, report_options const& options);

/// Writes `value` so that it can stand inside an HTML script element: no '<', '>' or '&' remains.
void write_json_for_html(std::ostream& out, boost::json::object const& value);

} // namespace hpcsched::experiment::detail

#endif
