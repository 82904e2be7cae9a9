// SPDX-License-Identifier: Apache-2.0
#include "report/model.hpp"
#include "report/text.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace hpcsched::experiment::detail {
namespace {

/// The candidates of a scenario, shortest mean turnaround first: the idealised ones only where nobody else ran.
[[nodiscard]] std::vector<policy_outcome const*> ranking(report_model const& model, scenario const& in) {
    std::vector<policy_outcome const*> real;
    std::vector<policy_outcome const*> all;
    for (policy_outcome const& outcome : in.outcomes) {
        if (std::isfinite(outcome.turnaround.front().mean)) {
            all.push_back(&outcome);
            if (!model.policies[outcome.policy].idealised) {
                real.push_back(&outcome);
            }
        }
    }
    std::vector<policy_outcome const*>& candidates = real.empty() ? all : real;
    std::sort(candidates.begin(), candidates.end(), [](policy_outcome const* a, policy_outcome const* b) {
        return std::pair{a->turnaround.front().mean, a->policy} < std::pair{b->turnaround.front().mean, b->policy};
    });
    return candidates;
}

/// "1.08 × the oracle's (srpt)".
[[nodiscard]] std::string multiple_of(double ratio, std::string const& whose) {
    return format_number(ratio) + " \xC3\x97 " + whose;
}

/// "62 % below eevdf's", "equal to eevdf's", "3.1 × eevdf's".
[[nodiscard]] std::string compared(double ratio, std::string const& whose) {
    double const percent = 100 * (1 - ratio);
    if (std::fabs(percent) < 0.5) {
        return "equal to " + whose + "\xE2\x80\x99s";
    }
    if (ratio > 2) {
        return multiple_of(ratio, whose) + "\xE2\x80\x99s";
    }
    return std::to_string(std::lround(std::fabs(percent))) + " % " + (percent > 0 ? "below " : "above ") + whose +
           "\xE2\x80\x99s";
}

/// The part of a sentence that says how far `ratio_*` are from the two marks; empty where neither was run.
[[nodiscard]] std::string distance(double to_oracle, double to_baseline, std::string const& winner,
                                   report_options const& options) {
    std::vector<std::string> parts;
    if (std::isfinite(to_oracle) && winner != options.roles.oracle) {
        parts.push_back(multiple_of(to_oracle, "the oracle\xE2\x80\x99s (" + options.roles.oracle + ")"));
    }
    if (std::isfinite(to_baseline) && winner != options.roles.baseline) {
        parts.push_back(compared(to_baseline, options.roles.baseline));
    }
    if (parts.empty()) {
        return {};
    }
    return parts.size() == 1 ? parts.front() : parts[0] + " and " + parts[1];
}

/// Whether the difference of the two means is within what the seeds scatter: their paired 95 % interval holds zero.
[[nodiscard]] bool not_told_apart(policy_outcome const& a, policy_outcome const& b) {
    std::vector<double> differences;
    for (cell_result const* mine : a.cells) {
        for (cell_result const* theirs : b.cells) {
            if (mine->key.seed == theirs->key.seed) {
                differences.push_back(theirs->turnaround.mean - mine->turnaround.mean);
            }
        }
    }
    estimate const difference = estimate_of(differences);
    return std::isfinite(difference.half_width) && difference.half_width > 0 &&
           std::fabs(difference.mean) <= difference.half_width;
}

[[nodiscard]] std::string scenario_verdict(report_model const& model, scenario const& in,
                                           report_options const& options) {
    auto const ranked = ranking(model, in);
    if (ranked.empty()) {
        return "No task finished in this scenario.";
    }
    policy_outcome const& best = *ranked.front();
    std::string const& name = model.policies[best.policy].name;
    std::string const mean = format_seconds(best.turnaround.front().mean);
    std::string const far = distance(best.versus_oracle.mean, best.versus_baseline.mean, name, options);
    std::string verdict;
    if (ranked.size() == 1) {
        verdict = name + " had a mean turnaround of " + mean;
    } else {
        verdict = name + " had the lowest mean turnaround, " + mean;
    }
    verdict += far.empty() ? "" : ": " + far;
    if (ranked.size() > 1 && not_told_apart(best, *ranked[1])) {
        verdict += "; the seeds do not tell it apart from " + model.policies[ranked[1]->policy].name;
    }
    return verdict + '.';
}

/// The geometric mean of what `ratio` gives for one policy's outcomes; NaN where none has it.
template <class Ratio>
[[nodiscard]] double average_ratio(report_model const& model, std::size_t policy, Ratio ratio) {
    double sum = 0;
    double count = 0;
    for (scenario const& s : model.scenarios) {
        policy_outcome const* const outcome = s.find(policy);
        if (outcome != nullptr && ratio(*outcome) > 0 && std::isfinite(ratio(*outcome))) {
            sum += std::log(ratio(*outcome));
            count += 1;
        }
    }
    return count > 0 ? std::exp(sum / count) : std::numeric_limits<double>::quiet_NaN();
}

[[nodiscard]] std::string overall_verdict(report_model const& model, report_options const& options) {
    if (model.scenarios.size() == 1) {
        return model.scenarios.front().verdict;
    }
    std::vector<std::size_t> wins(model.policies.size(), 0);
    std::vector<std::size_t> narrow_wins(model.policies.size(), 0);
    std::size_t contested = 0;
    for (scenario const& s : model.scenarios) {
        auto const ranked = ranking(model, s);
        if (ranked.size() > 1) {
            ++wins[ranked.front()->policy];
            narrow_wins[ranked.front()->policy] += not_told_apart(*ranked[0], *ranked[1]) ? 1U : 0U;
            ++contested;
        }
    }
    if (contested == 0) {
        return format_count(model.scenarios.size()) + " scenarios, none of them run with two policies to compare.";
    }
    // The first of equals is the better on average: the policies are in that order.
    auto const most = std::max_element(wins.begin(), wins.end());
    auto const best = static_cast<std::size_t>(most - wins.begin());
    double const oracle = average_ratio(model, best, [](policy_outcome const& o) { return o.versus_oracle.mean; });
    double const baseline = average_ratio(model, best, [](policy_outcome const& o) { return o.versus_baseline.mean; });
    std::string const& name = model.policies[best].name;
    std::string verdict =
        name + " had the lowest mean turnaround in " +
        (*most == contested ? (contested == 2 ? std::string{"both"} : "all " + format_count(contested))
                            : format_count(*most) + " of " + format_count(contested)) +
        " scenarios";
    if (narrow_wins[best] == *most) {
        verdict += " (though in none do the seeds tell it apart from the next)";
    } else if (narrow_wins[best] > 0) {
        verdict += " (in " + format_count(narrow_wins[best]) + " of them the seeds do not tell it apart from the next)";
    }
    std::string const far = distance(oracle, baseline, name, options);
    return verdict + (far.empty() ? "" : ", on geometric average " + far) + '.';
}

} // namespace

void judge(report_model& model, report_options const& options) {
    for (scenario& s : model.scenarios) {
        s.verdict = scenario_verdict(model, s, options);
    }
    model.verdict = overall_verdict(model, options);
}

} // namespace hpcsched::experiment::detail
