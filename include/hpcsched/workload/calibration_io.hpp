// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_WORKLOAD_CALIBRATION_IO_HPP
#define HPCSCHED_WORKLOAD_CALIBRATION_IO_HPP

#include <hpcsched/workload/calibration.hpp>
#include <hpcsched/workload/calibration_row.hpp>
#include <hpcsched/workload/presets.hpp>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <string>
#include <string_view>

namespace hpcsched::workload {

/// "ok"; "OFF" where a binding row misses its tolerance; "unmet" where the row does not bind.
[[nodiscard]] inline std::string_view verdict_of(calibration_row const& row) noexcept {
    return !row.is_binding ? "unmet" : row.holds() ? "ok" : "OFF";
}

namespace detail {

[[nodiscard]] inline std::string left_aligned(std::string_view text, std::size_t width) {
    std::string padded{text};
    padded.resize(std::max(width, text.size()), ' ');
    return padded;
}

[[nodiscard]] inline std::string right_aligned(std::string_view text, std::size_t width) {
    return std::string(width - std::min(width, text.size()), ' ').append(text);
}

/// With one decimal or four, as fits the size of the row's figure, and right-aligned.
[[nodiscard]] inline std::string cell(double value, calibration_row const& row) {
    char text[64];
    int const decimals = std::abs(row.published) >= 100 ? 1 : 4;
    auto const end = std::to_chars(text, text + sizeof text, value, std::chars_format::fixed, decimals);
    return right_aligned({text, end.ptr}, 12);
}

} // namespace detail

/// A report as a table: a heading, a line per row, and how many rows are out of their tolerance.
/// \return lines that end in a newline each
[[nodiscard]] inline std::string to_string(calibration_report const& report) {
    using detail::left_aligned;
    using detail::right_aligned;
    constexpr std::size_t quantity_width = 58;
    preset_info const& info = info_of(report.from);
    std::string text{info.name};
    text.append(": ").append(info.source).append("; ").append(std::to_string(report.draws)).append(" draws, seed ");
    text.append(std::to_string(report.seed)).append("\n").append(left_aligned("quantity", quantity_width));
    text.append(right_aligned("published", 12))
        .append(right_aligned("generated", 12))
        .append(right_aligned("difference", 12));
    text.append("  ").append(left_aligned("unit", 12)).append("verdict\n");
    std::size_t off_count = 0;
    std::size_t unmet_count = 0;
    for (calibration_row const& row : report.rows) {
        off_count += row.holds() ? 0U : 1U;
        unmet_count += row.is_binding ? 0U : 1U;
        text.append(left_aligned(row.quantity, quantity_width)).append(detail::cell(row.published, row));
        text.append(detail::cell(row.generated, row)).append(detail::cell(row.difference(), row));
        text.append("  ").append(left_aligned(row.unit, 12)).append(verdict_of(row));
        if (!row.note.empty()) {
            text.append("  (").append(row.note).append(")");
        }
        text.append("\n");
    }
    text.append(std::to_string(report.rows.size() - unmet_count)).append(" figures, ");
    text.append(std::to_string(off_count)).append(" off; ").append(std::to_string(unmet_count));
    return text.append(" more contradict these and are not met\n");
}

} // namespace hpcsched::workload

#endif
