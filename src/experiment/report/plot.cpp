// SPDX-License-Identifier: Apache-2.0
#include "report/plot.hpp"

#include "report/text.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <initializer_list>
#include <limits>
#include <set>
#include <string_view>

namespace hpcsched::experiment::detail {
namespace {

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
    if (line.joined && line.points.size() > 1) {
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
        if (line.joined) {
            out += line_between(x, y, x + 28, y, stroke_of(line.style));
        }
        if (line.markers) {
            out += marker_at(x + 14, y, line.style);
        }
        out += text_at(x + 34, y + 4, "start", "hp-name", shortened(line.name));
        y += step;
    }
    return out;
}

} // namespace

std::string draw(plot const& from, double width, double height) {
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

} // namespace hpcsched::experiment::detail
