// SPDX-License-Identifier: Apache-2.0
#include "report/json.hpp"

#include <boost/json/array.hpp>
#include <boost/json/serializer.hpp>
#include <boost/json/value.hpp>

#include "report/palette.hpp"
#include "report/text.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <ostream>
#include <string>
#include <string_view>

namespace hpcsched::experiment::detail {
namespace {

namespace json = boost::json;

/// `value` with five significant digits; whole numbers as integers, since they take less room.
[[nodiscard]] json::value number(double value) {
    if (!std::isfinite(value)) {
        return nullptr;
    }
    if (value == std::floor(value) && std::fabs(value) < 1e15) {
        return static_cast<std::int64_t>(value);
    }
    std::array<char, 64> text{};
    auto const end = std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::scientific, 4);
    double rounded = 0;
    std::from_chars(text.data(), end.ptr, rounded);
    return rounded;
}

[[nodiscard]] json::string text(std::string_view from) {
    return json::string{clean_utf8(from)};
}

[[nodiscard]] json::array pair(estimate const& e) {
    return {number(e.mean), number(e.half_width)};
}

[[nodiscard]] json::object distribution_json(distribution_estimate const& from) {
    json::array means;
    json::array halves;
    bool any = false;
    for (estimate const& e : from) {
        means.push_back(number(e.mean));
        halves.push_back(number(e.half_width));
        any = any || std::isfinite(e.half_width);
    }
    return {{"mean", std::move(means)}, {"half", any ? json::value(std::move(halves)) : json::value(nullptr)}};
}

[[nodiscard]] json::object cdf_json(std::vector<cdf_point> const& points) {
    json::array values;
    json::array shares;
    for (cdf_point const p : points) {
        values.push_back(number(p.value));
        shares.push_back(std::llround(p.share * 1e6));
    }
    return {{"value", std::move(values)}, {"ppm", std::move(shares)}};
}

[[nodiscard]] json::object delay_json(std::vector<delay_point> const& points) {
    json::array at;
    json::array mean;
    json::array max;
    for (delay_point const& p : points) {
        at.push_back(number(p.at));
        mean.push_back(number(p.mean_delay));
        max.push_back(number(p.max_delay));
    }
    return {{"at", std::move(at)}, {"mean", std::move(mean)}, {"max", std::move(max)}};
}

/// Hashes and seeds are text: a JavaScript number holds 53 bits.
[[nodiscard]] std::string hexadecimal(std::uint64_t value) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string result(16, '0');
    for (std::size_t i = 16; i-- > 0; value >>= 4U) {
        result[i] = digits[value & 0xFU];
    }
    return result;
}

[[nodiscard]] json::array seeds_json(policy_outcome const& outcome) {
    json::array seeds;
    for (cell_result const* cell : outcome.cells) {
        seeds.push_back(json::object{{"seed", std::to_string(cell->key.seed)},
                                     {"hash", hexadecimal(cell->trace_hash)},
                                     {"tasks", cell->task_count},
                                     {"makespan", number(cell->makespan)},
                                     {"offered_load", number(cell->offered_load)},
                                     {"utilisation", number(cell->utilisation)},
                                     {"run_seconds", number(cell->run_seconds)},
                                     {"mean", number(cell->turnaround.mean)},
                                     {"p99", number(cell->turnaround.p99)}});
    }
    return seeds;
}

[[nodiscard]] json::array groups_json(policy_outcome const& outcome) {
    json::array groups;
    for (group_estimate const& g : outcome.groups) {
        groups.push_back(
            json::object{{"name", text(g.name)},
                         {"from", number(g.service_from)},
                         {"to", number(g.service_to)},
                         {"tasks", number(g.task_count.mean)},
                         {"turnaround", distribution_json(g.turnaround)},
                         {"slowdown", distribution_json(g.slowdown)},
                         {"switches", json::array{pair(g.switches_p25), pair(g.switches_p50), pair(g.switches_p75)}}});
    }
    return groups;
}

[[nodiscard]] json::object figures_json(policy_outcome const& o) {
    return {{"offered_load", pair(o.offered_load)},   {"utilisation", pair(o.utilisation)},
            {"switches_mean", pair(o.switches_mean)}, {"switches_p25", pair(o.switches_p25)},
            {"switches_p50", pair(o.switches_p50)},   {"switches_p75", pair(o.switches_p75)},
            {"migrations", pair(o.migrations)},       {"agent_share", pair(o.agent_share)},
            {"switch_share", pair(o.switch_share)},   {"others_share", pair(o.others_share)},
            {"agent_events", pair(o.agent_events)},   {"agent_commands", pair(o.agent_commands)},
            {"billed_cost", pair(o.billed_cost)},     {"billed_ratio", pair(o.billed_ratio)},
            {"versus_oracle", pair(o.versus_oracle)}, {"versus_baseline", pair(o.versus_baseline)}};
}

[[nodiscard]] json::object outcome_json(policy_outcome const& o) {
    std::uint64_t tasks = 0;
    for (cell_result const* cell : o.cells) {
        tasks += cell->task_count;
    }
    return {{"policy", o.policy},
            {"tasks", tasks},
            {"seeds", seeds_json(o)},
            {"turnaround", distribution_json(o.turnaround)},
            {"slowdown", distribution_json(o.slowdown)},
            {"rte", distribution_json(o.rte)},
            {"queueing", distribution_json(o.queueing_delay)},
            {"figures", figures_json(o)},
            {"groups", groups_json(o)},
            {"turnaround_cdf", cdf_json(o.turnaround_cdf)},
            {"rte_cdf", cdf_json(o.rte_cdf)},
            {"delay", delay_json(o.delay_over_time)}};
}

[[nodiscard]] json::array policies_json(report_model const& model, report_options const& options) {
    std::vector<line_style> const styles = style_policies(model.policies);
    json::array policies;
    for (std::size_t i = 0; i < model.policies.size(); ++i) {
        std::string const& name = model.policies[i].name;
        auto const note = std::find_if(options.policies.begin(), options.policies.end(),
                                       [&name](policy_note const& n) { return n.name == name; });
        std::string_view const description =
            note != options.policies.end() ? std::string_view{note->description} : built_in_description(name);
        policies.push_back(json::object{{"name", text(name)},
                                        {"idealised", model.policies[i].idealised},
                                        {"description", text(description)},
                                        {"light", json::string{styles[i].light}},
                                        {"dark", json::string{styles[i].dark}},
                                        {"marker", json::string{styles[i].marker}},
                                        {"dash", json::array(styles[i].dash.begin(), styles[i].dash.end())}});
    }
    return policies;
}

[[nodiscard]] json::array scenarios_json(report_model const& model) {
    json::array scenarios;
    for (scenario const& s : model.scenarios) {
        json::array outcomes;
        for (policy_outcome const& outcome : s.outcomes) {
            outcomes.push_back(outcome_json(outcome));
        }
        scenarios.push_back(json::object{{"workload", text(s.key.workload)},
                                         {"cpus", s.key.cpu_count},
                                         {"cv", number(s.key.arrival_cv)},
                                         {"load", number(s.key.load)},
                                         {"verdict", text(s.verdict)},
                                         {"outcomes", std::move(outcomes)}});
    }
    return scenarios;
}

} // namespace

boost::json::object to_json(report_model const& model, report_options const& options) {
    json::array names;
    for (std::string_view const name : statistic_names) {
        names.push_back(json::string{name});
    }
    return {{"title", text(options.title)},
            {"command", text(options.command)},
            {"footnote", text(options.footnote)},
            {"oracle", text(options.roles.oracle)},
            {"baseline", text(options.roles.baseline)},
            {"verdict", text(model.verdict)},
            {"opening", model.opening},
            {"totals", json::object{{"cells", model.cell_count},
                                    {"seeds", model.seed_count},
                                    {"tasks", model.task_count},
                                    {"run_seconds", number(model.run_seconds)}}},
            {"statistics", std::move(names)},
            {"policies", policies_json(model, options)},
            {"scenarios", scenarios_json(model)}};
}

void write_json_for_html(std::ostream& out, boost::json::object const& value) {
    json::serializer serializer;
    serializer.reset(&value);
    std::array<char, 16384> chunk{};
    std::string escaped;
    while (!serializer.done()) {
        json::string_view const part = serializer.read(chunk.data(), chunk.size());
        escaped.clear();
        for (char const c : part) {
            // These three stand only inside strings, where \u escapes are allowed.
            switch (c) {
            case '<':
                escaped += "\\u003c";
                break;
            case '>':
                escaped += "\\u003e";
                break;
            case '&':
                escaped += "\\u0026";
                break;
            default:
                escaped += c;
            }
        }
        out.write(escaped.data(), static_cast<std::streamsize>(escaped.size()));
    }
}

} // namespace hpcsched::experiment::detail
