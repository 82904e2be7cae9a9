// SPDX-License-Identifier: Apache-2.0
#include "report/model.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>
#include <tuple>
#include <utility>

namespace hpcsched::experiment::detail {
namespace {

constexpr std::size_t curve_points_least = 24;
constexpr std::size_t curve_points_most = 200;
constexpr std::size_t curves_per_outcome = 3;

using cells_by_policy = std::map<std::string, std::vector<cell_result const*>>;
using cells_by_scenario = std::map<scenario_key, cells_by_policy>;

[[nodiscard]] scenario_key scenario_of(cell_key const& key) {
    return {.workload = key.workload, .cpu_count = key.cpu_count, .arrival_cv = key.arrival_cv, .load = key.load};
}

/// One cell per key, the last, each list in order of seed.
[[nodiscard]] cells_by_scenario sort_cells(std::vector<cell_result const*> const& cells) {
    std::map<cell_key, cell_result const*> last;
    for (cell_result const* cell : cells) {
        last[cell->key] = cell;
    }
    cells_by_scenario sorted;
    for (auto const& [key, cell] : last) { // ascending, the seed being the last word of a key
        sorted[scenario_of(key)][key.policy].push_back(cell);
    }
    return sorted;
}

template <class Project>
[[nodiscard]] estimate over(std::vector<cell_result const*> const& cells, Project project) {
    std::vector<double> samples;
    for (cell_result const* cell : cells) {
        samples.push_back(static_cast<double>(project(*cell)));
    }
    return estimate_of(samples);
}

/// \param from  the distributions of the seeds
[[nodiscard]] distribution_estimate over_distributions(std::vector<distribution const*> const& from) {
    distribution_estimate result;
    std::vector<std::array<double, statistic_count>> rows;
    for (distribution const* d : from) {
        rows.push_back(statistics(*d));
    }
    for (std::size_t i = 0; i < statistic_count; ++i) {
        std::vector<double> samples;
        for (auto const& row : rows) {
            samples.push_back(row[i]);
        }
        result[i] = estimate_of(samples);
    }
    return result;
}

[[nodiscard]] distribution_estimate over(std::vector<cell_result const*> const& cells,
                                         distribution cell_result::* member) {
    std::vector<distribution const*> from;
    for (cell_result const* cell : cells) {
        from.push_back(&(cell->*member));
    }
    return over_distributions(from);
}

[[nodiscard]] group_estimate fold_group(std::vector<group_result const*> const& seeds) {
    group_estimate result{.name = seeds.front()->name,
                          .service_from = seeds.front()->service_from,
                          .service_to = seeds.front()->service_to,
                          .task_count = {},
                          .turnaround = {},
                          .slowdown = {},
                          .switches_p25 = {},
                          .switches_p50 = {},
                          .switches_p75 = {}};
    auto const scalar = [&seeds](auto project) {
        std::vector<double> samples;
        for (group_result const* group : seeds) {
            samples.push_back(static_cast<double>(project(*group)));
        }
        return estimate_of(samples);
    };
    auto const whole = [&seeds](distribution group_result::* member) {
        std::vector<distribution const*> from;
        for (group_result const* group : seeds) {
            from.push_back(&(group->*member));
        }
        return over_distributions(from);
    };
    result.task_count = scalar([](group_result const& g) { return g.task_count; });
    result.turnaround = whole(&group_result::turnaround);
    result.slowdown = whole(&group_result::slowdown);
    result.switches_p25 = scalar([](group_result const& g) { return g.context_switches_p25; });
    result.switches_p50 = scalar([](group_result const& g) { return g.context_switches_p50; });
    result.switches_p75 = scalar([](group_result const& g) { return g.context_switches_p75; });
    return result;
}

/// A group counts the seeds in which it has tasks.
[[nodiscard]] std::vector<group_estimate> fold_groups(std::vector<cell_result const*> const& cells) {
    std::map<std::pair<double, std::string>, std::vector<group_result const*>> by_range;
    for (cell_result const* cell : cells) {
        for (group_result const& group : cell->groups) {
            by_range[{group.service_from, group.name}].push_back(&group);
        }
    }
    std::vector<group_estimate> groups;
    for (auto const& [range, seeds] : by_range) {
        groups.push_back(fold_group(seeds));
    }
    return groups;
}

void fold_curves(policy_outcome& outcome, std::size_t points) {
    std::vector<std::vector<cdf_point>> turnaround;
    std::vector<std::vector<cdf_point>> rte;
    std::vector<std::vector<delay_point> const*> delay;
    for (cell_result const* cell : outcome.cells) {
        turnaround.push_back(cell->turnaround_cdf);
        rte.push_back(cell->rte_cdf);
        delay.push_back(&cell->delay_over_time);
    }
    outcome.turnaround_cdf = merge_cdfs(turnaround, points);
    outcome.rte_cdf = merge_cdfs(rte, points);
    outcome.delay_over_time = merge_series(delay, points);
}

[[nodiscard]] policy_outcome fold(std::size_t policy, std::vector<cell_result const*> const& cells,
                                  std::size_t points) {
    policy_outcome o;
    o.policy = policy;
    o.cells = cells;
    o.turnaround = over(cells, &cell_result::turnaround);
    o.slowdown = over(cells, &cell_result::slowdown);
    o.rte = over(cells, &cell_result::rte);
    o.queueing_delay = over(cells, &cell_result::queueing_delay);
    o.offered_load = over(cells, [](cell_result const& c) { return c.offered_load; });
    o.utilisation = over(cells, [](cell_result const& c) { return c.utilisation; });
    o.switches_mean = over(cells, [](cell_result const& c) { return c.context_switches_mean; });
    o.switches_p25 = over(cells, [](cell_result const& c) { return c.context_switches_p25; });
    o.switches_p50 = over(cells, [](cell_result const& c) { return c.context_switches_p50; });
    o.switches_p75 = over(cells, [](cell_result const& c) { return c.context_switches_p75; });
    o.migrations = over(cells, [](cell_result const& c) { return c.migrations_mean; });
    o.agent_share = over(cells, [](cell_result const& c) { return c.agent_share; });
    o.switch_share = over(cells, [](cell_result const& c) { return c.switch_share; });
    o.others_share = over(cells, [](cell_result const& c) { return c.others_share; });
    o.agent_events = over(cells, [](cell_result const& c) { return c.agent_events; });
    o.agent_commands = over(cells, [](cell_result const& c) { return c.agent_commands; });
    o.billed_cost = over(cells, [](cell_result const& c) { return c.billed_cost; });
    o.billed_ratio = over(cells, [](cell_result const& c) {
        return c.billed_cost_ideal > 0 ? c.billed_cost / c.billed_cost_ideal : std::numeric_limits<double>::quiet_NaN();
    });
    o.groups = fold_groups(cells);
    fold_curves(o, points);
    return o;
}

/// Mean turnaround as a multiple of another policy's, over the seeds that both ran. Equal seeds had equal workloads, so
/// what both owe to the seed cancels in the interval.
[[nodiscard]] estimate versus(policy_outcome const& mine, policy_outcome const* other) {
    std::vector<double> numerators;
    std::vector<double> denominators;
    if (other != nullptr) {
        for (cell_result const* cell : mine.cells) {
            auto const same_seed = std::find_if(other->cells.begin(), other->cells.end(),
                                                [cell](cell_result const* c) { return c->key.seed == cell->key.seed; });
            if (same_seed != other->cells.end()) {
                numerators.push_back(cell->turnaround.mean);
                denominators.push_back((*same_seed)->turnaround.mean);
            }
        }
    }
    return ratio_of(numerators, denominators);
}

/// Policies by the geometric mean of their mean turnaround over the scenario's shortest; idealised ones after.
[[nodiscard]] std::vector<policy_entry> rank_policies(cells_by_scenario const& sorted, report_options const& options) {
    struct score {
        double log_sum = 0;
        double count = 0;
    };
    std::map<std::string, score> scores;
    for (auto const& [key, by_policy] : sorted) {
        double shortest = std::numeric_limits<double>::infinity();
        std::map<std::string, double> means;
        for (auto const& [name, cells] : by_policy) {
            double const mean = over(cells, [](cell_result const& c) { return c.turnaround.mean; }).mean;
            scores[name].count += 0; // known, even if it has no usable mean
            if (mean > 0 && std::isfinite(mean)) {
                means[name] = mean;
                shortest = std::min(shortest, mean);
            }
        }
        for (auto const& [name, mean] : means) {
            scores[name].log_sum += std::log(mean / shortest);
            scores[name].count += 1;
        }
    }
    std::vector<std::pair<std::pair<bool, double>, std::string>> ranked;
    for (auto const& [name, s] : scores) {
        bool const ideal = name == options.roles.oracle ||
                           std::find(options.roles.idealised.begin(), options.roles.idealised.end(), name) !=
                               options.roles.idealised.end();
        double const average = s.count > 0 ? s.log_sum / s.count : std::numeric_limits<double>::infinity();
        ranked.push_back({{ideal, average}, name});
    }
    std::sort(ranked.begin(), ranked.end());
    std::vector<policy_entry> entries;
    for (auto& [rank, name] : ranked) {
        entries.push_back({std::move(name), rank.first});
    }
    return entries;
}

[[nodiscard]] scenario fold_scenario(scenario_key const& key, cells_by_policy const& by_policy,
                                     report_model const& model, report_options const& options, std::size_t points) {
    scenario result{.key = key, .outcomes = {}, .verdict = {}};
    for (std::size_t i = 0; i < model.policies.size(); ++i) {
        auto const found = by_policy.find(model.policies[i].name);
        if (found != by_policy.end()) {
            result.outcomes.push_back(fold(i, found->second, points));
        }
    }
    policy_outcome const* const oracle = result.find(model.find_policy(options.roles.oracle));
    policy_outcome const* const baseline = result.find(model.find_policy(options.roles.baseline));
    for (policy_outcome& outcome : result.outcomes) {
        outcome.versus_oracle = versus(outcome, oracle);
        outcome.versus_baseline = versus(outcome, baseline);
    }
    return result;
}

/// The scenario that tells most at first sight: run with most policies, at the highest load that a machine can carry,
/// with arrivals as the workload has them or nearest to Poisson's.
[[nodiscard]] std::size_t choose_opening(std::vector<scenario> const& scenarios) {
    auto const unfitness = [](scenario const& s) {
        bool const overload = s.key.load > 1.0;
        double const from_poisson = s.key.arrival_cv == 0 ? 0.0 : std::fabs(s.key.arrival_cv - 1.0);
        return std::tuple{-static_cast<double>(s.outcomes.size()), overload, overload ? s.key.load : -s.key.load,
                          from_poisson};
    };
    auto const best =
        std::min_element(scenarios.begin(), scenarios.end(),
                         [&unfitness](scenario const& a, scenario const& b) { return unfitness(a) < unfitness(b); });
    return static_cast<std::size_t>(best - scenarios.begin());
}

} // namespace

std::array<double, statistic_count> statistics(distribution const& from) {
    return {from.mean, from.p50, from.p75, from.p90, from.p95, from.p99, from.p999, from.p9999, from.max};
}

policy_outcome const* scenario::find(std::size_t policy) const noexcept {
    for (policy_outcome const& outcome : outcomes) {
        if (outcome.policy == policy) {
            return &outcome;
        }
    }
    return nullptr;
}

std::size_t report_model::find_policy(std::string_view name) const noexcept {
    std::size_t index = 0;
    while (index < policies.size() && policies[index].name != name) {
        ++index;
    }
    return index;
}

report_model make_model(std::vector<cell_result const*> const& cells, report_options const& options) {
    cells_by_scenario const sorted = sort_cells(cells);
    report_model model;
    model.policies = rank_policies(sorted, options);
    std::size_t outcome_count = 0;
    std::set<std::uint64_t> seeds;
    for (auto const& [key, by_policy] : sorted) {
        outcome_count += by_policy.size();
        for (auto const& [name, seed_cells] : by_policy) {
            for (cell_result const* cell : seed_cells) {
                seeds.insert(cell->key.seed);
                ++model.cell_count;
                model.task_count += cell->task_count;
                model.run_seconds += cell->run_seconds;
            }
        }
    }
    model.seed_count = seeds.size();
    std::size_t const points = std::clamp(options.curve_points_max / (outcome_count * curves_per_outcome),
                                          curve_points_least, curve_points_most);
    for (auto const& [key, by_policy] : sorted) {
        model.scenarios.push_back(fold_scenario(key, by_policy, model, options, points));
    }
    model.opening = choose_opening(model.scenarios);
    judge(model, options);
    return model;
}

} // namespace hpcsched::experiment::detail
