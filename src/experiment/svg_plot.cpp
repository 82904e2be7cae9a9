// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/experiment/svg_plot.hpp>

#include "report/model.hpp"
#include "report/palette.hpp"
#include "report/text.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <set>
#include <string_view>

namespace hpcsched::experiment {
namespace {

using namespace detail;

constexpr std::string_view times = "\xC3\x97";
constexpr std::string_view dot = " \xC2\xB7 ";

struct plot_point {
    double x = 0, y = 0;
    double low = 0, high = 0; ///< of y; equal to it where there is no interval
};

struct plot_line {
    std::string name;
    line_style style;
    std::vector<plot_point> points;
    bool markers = false;
};

struct plot {
    std::string title, subtitle, x_label, y_label, summary;
    bool log_x = false, log_y = false;
    bool seconds_x = false, seconds_y = false; ///< ticks carry a unit
    bool percent_y = false;
    std::vector<double> ticks_x{}; ///< empty: round numbers
    std::vector<plot_line> lines{};
};

/// Coordinates with a tenth of a pixel.
[[nodiscard]] std::string pixels(double value) {
    std::array<char, 64> text{};
    auto const end = std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed, 1);
    return {text.data(), end.ptr};
}

/// One axis: values to pixels, and where its ticks are.
class axis {
  public:
    axis(double low, double high, bool logarithmic, double from_pixel, double to_pixel)
        : low_{low}, high_{high}, log_{logarithmic}, from_{from_pixel}, to_{to_pixel} {
        if (log_) {
            low_ = std::max(low_, 1e-12);
            high_ = std::max(high_, low_ * 1.001);
        } else if (!(high_ > low_)) {
            high_ = low_ + 1;
        }
    }

    [[nodiscard]] double at(double value) const {
        double const share =
            log_ ? std::log(std::max(value, low_) / low_) / std::log(high_ / low_) : (value - low_) / (high_ - low_);
        return from_ + std::clamp(share, 0.0, 1.0) * (to_ - from_);
    }

    [[nodiscard]] std::vector<double> ticks() const { return log_ ? log_ticks() : linear_ticks(); }

  private:
    [[nodiscard]] std::vector<double> log_ticks() const {
        double const decades = std::log10(high_ / low_);
        std::vector<double> const steps = decades > 3     ? std::vector<double>{1}
                                          : decades > 2.2 ? std::vector<double>{1, 3}
                                          : decades > 0.8 ? std::vector<double>{1, 2, 5}
                                                          : std::vector<double>{1, 1.5, 2, 3, 4, 5, 6, 7, 8, 9};
        std::vector<double> result;
        int const last = static_cast<int>(std::floor(std::log10(high_)));
        for (int exponent = static_cast<int>(std::floor(std::log10(low_))); exponent <= last; ++exponent) {
            for (double const step : steps) {
                double const value = step * std::pow(10.0, exponent);
                if (value >= low_ * 0.9999 && value <= high_ * 1.0001) {
                    result.push_back(value);
                }
            }
        }
        return result;
    }

    [[nodiscard]] std::vector<double> linear_ticks() const {
        double const rough = (high_ - low_) / 6;
        double const magnitude = std::pow(10.0, std::floor(std::log10(rough)));
        double step = 10 * magnitude;
        for (double const multiple : {1.0, 2.0, 2.5, 5.0}) {
            if (multiple * magnitude >= rough) {
                step = multiple * magnitude;
                break;
            }
        }
        std::vector<double> result;
        for (double n = std::ceil(low_ / step - 1e-9); n * step <= high_ + step * 1e-9; ++n) {
            result.push_back(n * step + 0.0); // no "-0"
        }
        return result;
    }

    double low_, high_;
    bool log_;
    double from_, to_;
};

struct frame {
    double width, height, left = 66, right, top = 58, bottom;
};

[[nodiscard]] std::string tick_text(double value, bool seconds, bool percent) {
    if (seconds) {
        return format_tick_seconds(value);
    }
    return percent ? format_parameter(value * 100) + " %" : format_parameter(value);
}

[[nodiscard]] std::string text_at(double x, double y, std::string_view anchor, std::string_view style_class,
                                  std::string_view text) {
    return "<text x=\"" + pixels(x) + "\" y=\"" + pixels(y) + "\" text-anchor=\"" + std::string{anchor} +
           "\" class=\"" + std::string{style_class} + "\">" + escape_markup(text) + "</text>\n";
}

[[nodiscard]] std::string line_between(double x1, double y1, double x2, double y2, std::string_view attributes) {
    return "<line x1=\"" + pixels(x1) + "\" y1=\"" + pixels(y1) + "\" x2=\"" + pixels(x2) + "\" y2=\"" + pixels(y2) +
           "\" " + std::string{attributes} + "/>\n";
}

/// The class that carries a colour; equal in every picture of one page.
[[nodiscard]] std::string colour_class(line_style const& style) {
    return "hp-" + std::string{style.light.substr(1)};
}

[[nodiscard]] std::string stroke_of(line_style const& style) {
    std::string result = "class=\"" + colour_class(style) + "\" fill=\"none\" stroke-width=\"2\"";
    if (!style.dash.empty()) {
        result += " stroke-dasharray=\"";
        for (double const length : style.dash) {
            result += pixels(length) + ' ';
        }
        result.back() = '"';
    }
    return result;
}

[[nodiscard]] std::string marker_at(double x, double y, line_style const& style) {
    std::string const attributes = "class=\"" + colour_class(style) + " hp-marker\"";
    auto const polygon = [&](std::initializer_list<std::array<double, 2>> corners) {
        std::string shape = "<polygon " + attributes + " points=\"";
        for (auto const& corner : corners) {
            shape += pixels(x + corner[0]) + ',' + pixels(y + corner[1]) + ' ';
        }
        shape.back() = '"';
        return shape + "/>\n";
    };
    if (style.marker == "rect") {
        return polygon({{-3.4, -3.4}, {3.4, -3.4}, {3.4, 3.4}, {-3.4, 3.4}});
    }
    if (style.marker == "triangle") {
        return polygon({{0, -4.4}, {4.2, 3.2}, {-4.2, 3.2}});
    }
    if (style.marker == "rectRot") {
        return polygon({{0, -4.6}, {4.6, 0}, {0, 4.6}, {-4.6, 0}});
    }
    return "<circle " + attributes + " cx=\"" + pixels(x) + "\" cy=\"" + pixels(y) + "\" r=\"3.8\"/>\n";
}

[[nodiscard]] std::string style_sheet(plot const& from) {
    std::set<std::array<std::string_view, 2>> colours;
    for (plot_line const& line : from.lines) {
        colours.insert({line.style.light, line.style.dark});
    }
    std::string light;
    std::string dark;
    for (auto const& [on_light, on_dark] : colours) {
        std::string const name = ".hp-" + std::string{on_light.substr(1)};
        light +=
            name + "{stroke:" + std::string{on_light} + "}" + name + ".hp-marker{fill:" + std::string{on_light} + "}\n";
        dark +=
            name + "{stroke:" + std::string{on_dark} + "}" + name + ".hp-marker{fill:" + std::string{on_dark} + "}\n";
    }
    return "<style>\n"
           ".hp-plot text{font-family:system-ui,'Segoe UI','DejaVu Sans',sans-serif;font-size:12px;fill:#4b5563}\n"
           ".hp-plot .hp-title{font-size:15px;font-weight:600;fill:#111827}\n"
           ".hp-plot .hp-name{fill:#111827}\n"
           ".hp-ground{fill:#ffffff}.hp-grid{stroke:#e5e7eb}.hp-axis{stroke:#9ca3af}\n" +
           light +
           "@media (prefers-color-scheme:dark){\n"
           ".hp-plot text{fill:#b6bfcc}.hp-plot .hp-title,.hp-plot .hp-name{fill:#f3f4f6}\n"
           ".hp-ground{fill:#15191f}.hp-grid{stroke:#2b323c}.hp-axis{stroke:#6b7280}\n" +
           dark + "}\n</style>\n";
}

[[nodiscard]] std::string draw_axes(plot const& from, frame const& in, axis const& x, axis const& y) {
    std::string out;
    double const right = in.width - in.right;
    double const bottom = in.height - in.bottom;
    for (double const tick : from.ticks_x.empty() ? x.ticks() : from.ticks_x) {
        out += line_between(x.at(tick), in.top, x.at(tick), bottom, "class=\"hp-grid\"");
        out += text_at(x.at(tick), bottom + 18, "middle", "hp-tick", tick_text(tick, from.seconds_x, false));
    }
    for (double const tick : y.ticks()) {
        out += line_between(in.left, y.at(tick), right, y.at(tick), "class=\"hp-grid\"");
        out += text_at(in.left - 8, y.at(tick) + 4, "end", "hp-tick", tick_text(tick, from.seconds_y, from.percent_y));
    }
    out += line_between(in.left, bottom, right, bottom, "class=\"hp-axis\"");
    out += text_at((in.left + right) / 2, bottom + 40, "middle", "hp-label", from.x_label);
    out += "<g transform=\"translate(16 " + pixels((in.top + bottom) / 2) + ") rotate(-90)\">" +
           text_at(0, 0, "middle", "hp-label", from.y_label) + "</g>\n";
    return out;
}

[[nodiscard]] std::string draw_line(plot_line const& line, axis const& x, axis const& y) {
    std::string out;
    if (line.points.size() > 1) {
        out += "<polyline " + stroke_of(line.style) + " stroke-linejoin=\"round\" points=\"";
        for (plot_point const& p : line.points) {
            out += pixels(x.at(p.x)) + ',' + pixels(y.at(p.y)) + ' ';
        }
        out.back() = '"';
        out += "/>\n";
    }
    for (plot_point const& p : line.points) {
        if (line.markers && p.high > p.low) {
            std::string const whisker = "class=\"" + colour_class(line.style) + "\" stroke-width=\"1.2\"";
            out += line_between(x.at(p.x), y.at(p.low), x.at(p.x), y.at(p.high), whisker);
            out += line_between(x.at(p.x) - 3, y.at(p.low), x.at(p.x) + 3, y.at(p.low), whisker);
            out += line_between(x.at(p.x) - 3, y.at(p.high), x.at(p.x) + 3, y.at(p.high), whisker);
        }
        if (line.markers) {
            out += marker_at(x.at(p.x), y.at(p.y), line.style);
        }
    }
    return out;
}

/// Names as they fit beside the picture.
[[nodiscard]] std::string shortened(std::string const& name) {
    std::string clean = clean_utf8(name);
    constexpr std::size_t longest = 18;
    std::size_t characters = 0;
    for (std::size_t at = 0; at < clean.size(); ++at) {
        bool const starts = (static_cast<unsigned char>(clean[at]) & 0xC0U) != 0x80U;
        if (starts && ++characters > longest) {
            return clean.substr(0, at) + "\xE2\x80\xA6";
        }
    }
    return clean;
}

[[nodiscard]] std::string draw_legend(plot const& from, frame const& in) {
    std::string out;
    double const x = in.width - in.right + 16;
    double const step = std::min(20.0, (in.height - in.top - 12) / static_cast<double>(from.lines.size()));
    double y = in.top + 8;
    for (plot_line const& line : from.lines) {
        out += line_between(x, y, x + 28, y, stroke_of(line.style));
        if (line.markers) {
            out += marker_at(x + 14, y, line.style);
        }
        out += text_at(x + 34, y + 4, "start", "hp-name", shortened(line.name));
        y += step;
    }
    return out;
}

[[nodiscard]] std::string draw(plot const& from, double width, double height) {
    double x_low = std::numeric_limits<double>::infinity();
    double y_low = x_low;
    double x_high = -x_low;
    double y_high = -x_low;
    for (plot_line const& line : from.lines) {
        for (plot_point const& p : line.points) {
            x_low = std::min(x_low, p.x);
            x_high = std::max(x_high, p.x);
            y_low = std::min(y_low, from.log_y && p.low <= 0 ? p.y : p.low);
            y_high = std::max(y_high, p.high);
        }
    }
    if (!(x_low <= x_high)) { // nothing to draw: axes all the same
        x_low = y_low = 0.1;
        x_high = y_high = 1;
    }
    if (from.percent_y) {
        y_low = 0;
        y_high = 1;
    } else if (from.log_y) {
        y_low *= 0.85;
        y_high *= 1.15;
    }
    if (!from.log_x) {
        double const room = x_high > x_low ? (x_high - x_low) * 0.04 : 0.5;
        x_low -= room;
        x_high += room;
    }
    frame const in{.width = width, .height = height, .right = 172, .bottom = 54};
    axis const x{x_low, x_high, from.log_x, in.left, width - in.right};
    axis const y{y_low, y_high, from.log_y, height - in.bottom, in.top};
    std::string out = "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"hp-plot\" role=\"img\" viewBox=\"0 0 " +
                      pixels(width) + ' ' + pixels(height) + "\" width=\"" + pixels(width) + "\" height=\"" +
                      pixels(height) + "\">\n<title>" + escape_markup(from.title + ". " + from.summary) + "</title>\n" +
                      style_sheet(from) + "<rect class=\"hp-ground\" width=\"100%\" height=\"100%\"/>\n";
    out += text_at(16, 24, "start", "hp-title", from.title);
    out += text_at(16, 43, "start", "hp-label", from.subtitle);
    out += draw_axes(from, in, x, y);
    for (auto line = from.lines.rbegin(); line != from.lines.rend(); ++line) { // the best policy on top
        out += draw_line(*line, x, y);
    }
    return out + draw_legend(from, in) + "</svg>\n";
}

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
