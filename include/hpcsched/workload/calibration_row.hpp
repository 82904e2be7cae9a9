// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_WORKLOAD_CALIBRATION_ROW_HPP
#define HPCSCHED_WORKLOAD_CALIBRATION_ROW_HPP

#include <string>
#include <string_view>

namespace hpcsched::workload {

/// How far a generated probability may be from the published one.
inline constexpr double probability_tolerance = 0.01;

/// One published figure and what was generated.
struct calibration_row {
    std::string quantity;  ///< "share of fib-20 to fib-26"
    std::string_view unit; ///< "probability", "ms", "1"; names a literal
    double published = 0;
    double generated = 0;
    double tolerance = 0;   ///< of the difference, in the unit
    bool is_binding = true; ///< false: the figure contradicts others and is not met; `note` says why
    std::string_view note;  ///< may be empty; names a literal

    [[nodiscard]] double difference() const noexcept { return generated - published; }

    /// Whether the difference is within the tolerance; always, where the row does not bind.
    [[nodiscard]] bool holds() const noexcept {
        double const off = difference();
        return !is_binding || (off <= tolerance && off >= -tolerance);
    }
};

} // namespace hpcsched::workload

#endif
