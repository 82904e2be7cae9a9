// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_SRC_EXPERIMENT_REPORT_PLOT_HPP
#define HPCSCHED_SRC_EXPERIMENT_REPORT_PLOT_HPP

#include "report/palette.hpp"

#include <string>
#include <vector>

namespace hpcsched::experiment::detail {

struct plot_point {
    double x = 0, y = 0;
    double low = 0, high = 0; ///< of y; equal to it where there is no interval
};

/// A line, or points with markers.
struct plot_line {
    std::string name;
    line_style style;
    std::vector<plot_point> points;
    bool markers = false;
    bool joined = true; ///< by a line
};

/// A picture of lines over two axes, with a legend beside it.
struct plot {
    std::string title, subtitle, x_label, y_label;
    std::string summary; ///< a sentence for those who cannot see it
    bool log_x = false, log_y = false;
    bool seconds_x = false, seconds_y = false; ///< ticks carry a unit
    bool percent_y = false;
    std::vector<double> ticks_x{}; ///< empty: round numbers
    std::vector<plot_line> lines{};
};

/// The picture as one SVG element that follows the reader's dark mode and needs no font or file.
/// \param width, height  pixels; at least 320 by 200
[[nodiscard]] std::string draw(plot const& from, double width, double height);

} // namespace hpcsched::experiment::detail

#endif
