// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_WORKLOAD_CALIBRATION_IO_HPP
#define HPCSCHED_WORKLOAD_CALIBRATION_IO_HPP

#include <hpcsched/workload/calibration.hpp>
#include <hpcsched/workload/calibration_row.hpp>
#include <hpcsched/workload/presets.hpp>

#include <cmath>
#include <iomanip>
#include <ostream>
#include <string_view>

namespace hpcsched::workload {

/// "ok"; "OFF" where a binding row misses its tolerance; "unmet" where the row does not bind.
[[nodiscard]] inline std::string_view verdict_of(calibration_row const& row) noexcept {
    return !row.is_binding ? "unmet" : row.holds() ? "ok" : "OFF";
}

/// Prints a report as a table: a heading, a line per row, and how many rows are out of their tolerance.
inline std::ostream& operator<<(std::ostream& out, calibration_report const& report) {
    preset_info const& info = info_of(report.from);
    auto const flags = out.flags();
    auto const precision = out.precision();
    out << info.name << ": " << info.source << "; " << report.draws << " draws, seed " << report.seed << '\n';
    out << std::left << std::setw(58) << "quantity" << std::right << std::setw(12) << "published" << std::setw(12)
        << "generated" << std::setw(12) << "difference" << "  " << std::left << std::setw(12) << "unit"
        << "verdict\n";
    std::size_t off_count = 0;
    std::size_t unmet_count = 0;
    for (calibration_row const& row : report.rows) {
        off_count += row.holds() ? 0U : 1U;
        unmet_count += row.is_binding ? 0U : 1U;
        out << std::left << std::setw(58) << row.quantity << std::right << std::fixed
            << std::setprecision(std::abs(row.published) >= 100 ? 1 : 4) << std::setw(12) << row.published
            << std::setw(12) << row.generated << std::setw(12) << row.difference() << "  " << std::left << std::setw(12)
            << row.unit << verdict_of(row);
        if (!row.note.empty()) {
            out << "  (" << row.note << ')';
        }
        out << '\n';
    }
    out << report.rows.size() - unmet_count << " figures, " << off_count << " off; " << unmet_count
        << " more contradict these and are not met\n";
    out.flags(flags);
    out.precision(precision);
    return out;
}

} // namespace hpcsched::workload

#endif
