// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_SRC_EXPERIMENT_REPORT_MODEL_HPP
#define HPCSCHED_SRC_EXPERIMENT_REPORT_MODEL_HPP

#include <hpcsched/experiment/cell_result.hpp>
#include <hpcsched/experiment/estimate.hpp>
#include <hpcsched/experiment/report.hpp>

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

/// What all pictures and pages of an experiment are made from: the cells, sorted into scenarios, with the seeds of each
/// policy folded into means and intervals.
namespace hpcsched::experiment::detail {

inline constexpr std::size_t statistic_count = 9;
inline constexpr std::array<std::string_view, statistic_count> statistic_names{"mean", "p50",   "p75",    "p90", "p95",
                                                                               "p99",  "p99.9", "p99.99", "max"};

/// In the order of `statistic_names`.
[[nodiscard]] std::array<double, statistic_count> statistics(distribution const& from);

using distribution_estimate = std::array<estimate, statistic_count>;

/// Everything of a cell's key but the policy and the seed.
struct scenario_key {
    std::string workload;
    std::uint32_t cpu_count = 1;
    double arrival_cv = 0;
    double load = 0;

    friend auto operator<=>(scenario_key const&, scenario_key const&) = default;
};

struct group_estimate {
    std::string name;
    double service_from = 0, service_to = 0; ///< seconds
    estimate task_count;
    distribution_estimate turnaround, slowdown;
    estimate switches_p25, switches_p50, switches_p75;
};

/// One policy in one scenario, over all its seeds.
struct policy_outcome {
    std::size_t policy = 0;                ///< index into `report_model::policies`
    std::vector<cell_result const*> cells; ///< in order of seed; borrowed from the caller
    distribution_estimate turnaround, slowdown, rte, queueing_delay;
    estimate offered_load, utilisation;
    estimate switches_mean, switches_p25, switches_p50, switches_p75, migrations;
    estimate agent_share, switch_share, others_share, agent_events, agent_commands;
    estimate billed_cost, billed_ratio; ///< US dollars; cost / cost of the shortest possible durations
    estimate versus_oracle;             ///< mean turnaround as a multiple of the oracle's
    estimate versus_baseline;           ///< the same of the baseline's
    std::vector<group_estimate> groups;
    std::vector<cdf_point> turnaround_cdf, rte_cdf; ///< mean of the seeds' shares
    std::vector<delay_point> delay_over_time;       ///< over all seeds
};

struct scenario {
    scenario_key key;
    std::vector<policy_outcome> outcomes; ///< in the order of `report_model::policies`
    std::string verdict;                  ///< one sentence

    /// That policy's outcome; null where it was not run.
    [[nodiscard]] policy_outcome const* find(std::size_t policy) const noexcept;
};

struct policy_entry {
    std::string name;
    bool idealised = false;
};

struct report_model {
    std::vector<policy_entry> policies; ///< idealised ones last, else the best first
    std::vector<scenario> scenarios;    ///< ascending by key
    std::size_t opening = 0;            ///< the scenario to show first
    std::string verdict;                ///< one sentence over all scenarios
    std::size_t cell_count = 0;
    std::size_t seed_count = 0; ///< different seeds
    std::uint64_t task_count = 0;
    double run_seconds = 0;

    /// Index of the policy of that name; `policies.size()` where there is none.
    [[nodiscard]] std::size_t find_policy(std::string_view name) const noexcept;
};

/// Sorts, folds and judges. The cells must outlive the model.
/// \pre cells is not empty and holds no null
[[nodiscard]] report_model make_model(std::vector<cell_result const*> const& cells, report_options const& options);

/// Fills in the sentences of the model and of its scenarios.
void judge(report_model& model, report_options const& options);

/// The mean of the seeds' distribution functions, ascending, at most `count` points, the last with share 1.
[[nodiscard]] std::vector<cdf_point> merge_cdfs(std::span<std::vector<cdf_point> const> curves, std::size_t count);

/// The seeds' time series as one of at most `count` intervals; means are weighted by arrivals.
[[nodiscard]] std::vector<delay_point> merge_series(std::span<std::vector<delay_point> const*> series,
                                                    std::size_t count);

} // namespace hpcsched::experiment::detail

#endif
