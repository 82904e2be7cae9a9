// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/experiment/report.hpp>
#include <hpcsched/experiment/svg_plot.hpp>

#include "report/assets.hpp"
#include "report/json.hpp"
#include "report/model.hpp"
#include "report/text.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <functional>
#include <map>
#include <ostream>
#include <string>
#include <string_view>
#include <system_error>

namespace hpcsched::experiment {
namespace {

using namespace detail;

constexpr std::size_t scenarios_without_script = 40;

void write(std::ostream& out, asset from) {
    for (std::string_view const piece : from) {
        out << piece;
    }
}

[[nodiscard]] std::string joined(asset from) {
    std::string text;
    for (std::string_view const piece : from) {
        text += piece;
    }
    return text;
}

[[nodiscard]] std::string fact(std::string_view name, std::string const& value) {
    return "<div><dt>" + std::string{name} + "</dt><dd>" + escape_markup(value) + "</dd></div>";
}

/// What was run, in numbers.
[[nodiscard]] std::string facts(report_model const& model) {
    std::map<std::string_view, int> workloads;
    std::map<double, int> loads;
    for (scenario const& s : model.scenarios) {
        ++workloads[s.key.workload];
        ++loads[s.key.load];
    }
    auto const counted = [](std::string const& one, std::size_t count) { return count == 1 ? one : one + 's'; };
    std::string text;
    text += fact(model.policies.size() == 1 ? "policy" : "policies", format_count(model.policies.size()));
    text += fact(counted("workload", workloads.size()), format_count(workloads.size()));
    text += fact(counted("load", loads.size()), format_count(loads.size()));
    text += fact(counted("seed", model.seed_count), format_count(model.seed_count));
    text += fact(counted("run", model.cell_count), format_count(model.cell_count));
    text += fact("tasks", format_count(model.task_count));
    if (model.run_seconds > 0) {
        text += fact("of computing", format_seconds(model.run_seconds));
    }
    return text;
}

/// Means of the first scenarios, for readers without scripts.
[[nodiscard]] std::string means_table(report_model const& model) {
    std::string text = "<div class=\"scroll\"><table><caption>Mean turnaround</caption><thead><tr><th>scenario</th>";
    for (policy_entry const& policy : model.policies) {
        text += "<th>" + escape_markup(policy.name) + "</th>";
    }
    text += "</tr></thead><tbody>";
    std::size_t const shown = std::min(model.scenarios.size(), scenarios_without_script);
    for (std::size_t i = 0; i < shown; ++i) {
        scenario const& s = model.scenarios[i];
        std::string name = s.key.workload + ", " + format_load(s.key.load);
        name += s.key.arrival_cv != 0 ? ", CV " + format_parameter(s.key.arrival_cv) : std::string{};
        name += ", " + format_count(s.key.cpu_count) + (s.key.cpu_count == 1 ? " CPU" : " CPUs");
        text += "<tr><th scope=\"row\">" + escape_markup(name) + "</th>";
        for (std::size_t policy = 0; policy < model.policies.size(); ++policy) {
            policy_outcome const* const outcome = s.find(policy);
            text += "<td>" + (outcome ? format_seconds(outcome->turnaround.front().mean) : std::string{}) + "</td>";
        }
        text += "</tr>";
    }
    text += "</tbody></table></div>";
    if (shown < model.scenarios.size()) {
        text +=
            "<p>The first " + format_count(shown) + " of " + format_count(model.scenarios.size()) + " scenarios.</p>";
    }
    return text;
}

[[nodiscard]] std::string without_script(report_model const& model, std::span<cell_result const> cells,
                                         report_options const& options) {
    scenario_key const& key = model.scenarios[model.opening].key;
    svg_options const shown{.workload = key.workload,
                            .cpu_count = key.cpu_count,
                            .arrival_cv = key.arrival_cv,
                            .load = key.load,
                            .roles = options.roles};
    std::string text;
    for (auto const& picture : {turnaround_cdf_svg(cells, shown), mean_versus_load_svg(cells, shown)}) {
        text += picture ? picture.value() : std::string{};
    }
    return text + means_table(model);
}

/// Writes `page`, calling the writer of NAME in place of each {{NAME}}.
void fill(std::ostream& out, std::string_view page,
          std::map<std::string_view, std::function<void(std::ostream&)>> const& writers) {
    while (!page.empty()) {
        std::size_t const open = page.find("{{");
        out << page.substr(0, open);
        if (open == std::string_view::npos) {
            return;
        }
        std::size_t const close = page.find("}}", open);
        writers.at(page.substr(open + 2, close - open - 2))(out);
        page.remove_prefix(close + 2);
    }
}

} // namespace

result<void> write_report(std::ostream& out, std::span<cell_result const> cells, report_options const& options) {
    if (cells.empty()) {
        return error{"no finished cells: there is nothing to report"};
    }
    std::vector<cell_result const*> all;
    for (cell_result const& cell : cells) {
        all.push_back(&cell);
    }
    report_model const model = make_model(all, options);
    auto const text = [](std::string const& written) { return [written](std::ostream& to) { to << written; }; };
    std::string const command = options.command.empty()
                                    ? std::string{}
                                    : "<details class=\"command\"><summary>Run it again</summary><pre><code>" +
                                          escape_markup(options.command) + "</code></pre></details>";
    out << "<!doctype html>\n";
    fill(out, joined(page_html()),
         {{"title", text(escape_markup(options.title))},
          {"verdict", text(escape_markup(model.verdict))},
          {"facts", text(facts(model))},
          {"command", text(command)},
          {"footnote", text(options.footnote.empty() ? "" : "<p>" + escape_markup(options.footnote) + "</p>")},
          {"noscript", text(without_script(model, cells, options))},
          {"style", [](std::ostream& to) { write(to, page_css()); }},
          {"trouble", [](std::ostream& to) { write(to, trouble_js()); }},
          {"library", [](std::ostream& to) { write(to, chart_js()); }},
          {"script", [](std::ostream& to) { write(to, page_js()); }},
          {"data", [&](std::ostream& to) { write_json_for_html(to, to_json(model, options)); }}});
    out.flush();
    if (!out) {
        return error{"the report could not be written: is the disk full?"};
    }
    return {};
}

result<void> write_report(std::filesystem::path const& file, std::span<cell_result const> cells,
                          report_options const& options) {
    std::filesystem::path beside = file;
    beside += ".part";
    {
        errno = 0;
        std::ofstream out{beside, std::ios::binary};
        if (!out) {
            return error{"cannot write " + file.string() + ": " + std::strerror(errno)};
        }
        if (auto written = write_report(out, cells, options); !written) {
            out.close();
            std::error_code ignored;
            std::filesystem::remove(beside, ignored);
            return error{file.string() + ": " + written.error().message};
        }
    }
    std::error_code failure;
    std::filesystem::rename(beside, file, failure);
    if (failure) {
        return error{"cannot write " + file.string() + ": " + failure.message()};
    }
    return {};
}

} // namespace hpcsched::experiment
