// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/experiment/svg_plot.hpp>

#include "report/model.hpp"
#include "report/palette.hpp"
#include "report/plot.hpp"
#include "report/text.hpp"

#include <algorithm>
#include <cmath>
#include <set>
#include <string_view>

namespace hpcsched::experiment {
namespace {

using namespace detail;

constexpr std::string_view times = "\xC3\x97";
constexpr std::string_view dot = " \xC2\xB7 ";

/// The cells that the options name.
[[nodiscard]] std::vector<cell_result const*> matching(std::span<cell_result const> cells, svg_options const& options,
                                                       bool all_loads) {
    std::vector<cell_result const*> found;
    for (cell_result const& cell : cells) {
        bool const named = options.policies.empty() || std::find(options.policies.begin(), options.policies.end(),
                                                                 cell.key.policy) != options.policies.end();
        if (named && (options.workload.empty() || cell.key.workload == options.workload) &&
            options.cpu_count.value_or(cell.key.cpu_count) == cell.key.cpu_count &&
            options.arrival_cv.value_or(cell.key.arrival_cv) == cell.key.arrival_cv &&
            (all_loads || options.load.value_or(cell.key.load) == cell.key.load)) {
            found.push_back(&cell);
        }
    }
    return found;
}

[[nodiscard]] result<void> check(std::vector<cell_result const*> const& found, svg_options const& options) {
    if (found.empty()) {
        return error{"no finished cell matches what the picture should show"};
    }
    if (!(options.width >= 320 && options.height >= 200 && options.width <= 1e4 && options.height <= 1e4)) {
        return error{"a picture of " + format_number(options.width) + ' ' + std::string{times} + ' ' +
                     format_number(options.height) + " pixels: give 320 to 10000 by 200 to 10000"};
    }
    return {};
}

[[nodiscard]] std::string describe(scenario_key const& key, bool with_load, std::size_t seeds) {
    std::string text = key.workload;
    if (with_load) {
        text += std::string{dot} + format_load(key.load);
    }
    if (key.arrival_cv != 0) {
        text += std::string{dot} + "arrival CV " + format_parameter(key.arrival_cv);
    }
    text += std::string{dot} + format_count(key.cpu_count) + (key.cpu_count == 1 ? " CPU" : " CPUs");
    return text + std::string{dot} + format_count(seeds) + (seeds == 1 ? " seed" : " seeds, 95 % intervals");
}

} // namespace

result<std::string> turnaround_cdf_svg(std::span<cell_result const> cells, svg_options const& options) {
    std::vector<cell_result const*> const found = matching(cells, options, false);
    if (auto checked = check(found, options); !checked) {
        return checked.error();
    }
    report_model const model = make_model(found, report_options{.roles = options.roles});
    scenario const& shown = model.scenarios[model.opening];
    std::vector<line_style> const styles = style_policies(model.policies);
    plot picture{.title = options.title.empty() ? "Share of tasks done within a time" : options.title,
                 .subtitle = describe(shown.key, true, shown.outcomes.front().cells.size()),
                 .x_label = "turnaround: arrival to exit, logarithmic",
                 .y_label = "share of tasks",
                 .summary = shown.verdict,
                 .log_x = true,
                 .seconds_x = true,
                 .percent_y = true};
    for (policy_outcome const& outcome : shown.outcomes) {
        plot_line line{.name = model.policies[outcome.policy].name, .style = styles[outcome.policy], .points = {}};
        double before = 0;
        for (cdf_point const p : outcome.turnaround_cdf) {
            if (p.value > 0) { // the share stays until the next value, and jumps there
                line.points.push_back({p.value, before, before, before});
                line.points.push_back({p.value, p.share, p.share, p.share});
            }
            before = p.share;
        }
        picture.lines.push_back(std::move(line));
    }
    return result<std::string>{boost::system::in_place_value, draw(picture, options.width, options.height)};
}

result<std::string> mean_versus_load_svg(std::span<cell_result const> cells, svg_options const& options) {
    std::vector<cell_result const*> const found = matching(cells, options, true);
    if (auto checked = check(found, options); !checked) {
        return checked.error();
    }
    report_model const model = make_model(found, report_options{.roles = options.roles});
    scenario_key const like = model.scenarios[model.opening].key;
    std::vector<line_style> const styles = style_policies(model.policies);
    plot picture{.title = options.title.empty() ? "Mean turnaround versus load" : options.title,
                 .subtitle = describe(like, false, model.scenarios[model.opening].outcomes.front().cells.size()),
                 .x_label = "offered load: demand as a part of the machine",
                 .y_label = "mean turnaround, logarithmic",
                 .summary = model.verdict,
                 .log_y = true,
                 .seconds_y = true};
    std::set<double> loads;
    for (std::size_t policy = 0; policy < model.policies.size(); ++policy) {
        plot_line line{.name = model.policies[policy].name, .style = styles[policy], .points = {}, .markers = true};
        for (scenario const& s : model.scenarios) {
            policy_outcome const* const outcome = s.find(policy);
            bool const same_line = s.key.workload == like.workload && s.key.cpu_count == like.cpu_count &&
                                   s.key.arrival_cv == like.arrival_cv;
            if (!same_line || outcome == nullptr) {
                continue;
            }
            estimate const mean = outcome->turnaround.front();
            double const half = std::isfinite(mean.half_width) ? mean.half_width : 0.0;
            double const x = s.key.load > 0 ? s.key.load : outcome->offered_load.mean;
            if (mean.mean > 0 && std::isfinite(mean.mean) && std::isfinite(x)) {
                line.points.push_back({x, mean.mean, std::max(mean.mean - half, mean.mean * 0.05), mean.mean + half});
            }
        }
        std::sort(line.points.begin(), line.points.end(),
                  [](plot_point const& a, plot_point const& b) { return a.x < b.x; });
        for (plot_point const& p : line.points) {
            loads.insert(p.x);
        }
        if (!line.points.empty()) {
            picture.lines.push_back(std::move(line));
        }
    }
    if (loads.size() <= 10) {
        picture.ticks_x.assign(loads.begin(), loads.end());
    }
    return result<std::string>{boost::system::in_place_value, draw(picture, options.width, options.height)};
}

} // namespace hpcsched::experiment
