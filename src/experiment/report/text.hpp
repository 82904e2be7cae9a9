// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_SRC_EXPERIMENT_REPORT_TEXT_HPP
#define HPCSCHED_SRC_EXPERIMENT_REPORT_TEXT_HPP

#include <cstdint>
#include <string>
#include <string_view>

namespace hpcsched::experiment::detail {

/// `text` with every byte that is not part of well-formed UTF-8 replaced by U+FFFD, and control characters other than
/// tab and newline by a space: XML forbids them even when escaped.
[[nodiscard]] std::string clean_utf8(std::string_view text);

/// `text`, cleaned and escaped for the content and the attributes of HTML and XML.
[[nodiscard]] std::string escape_markup(std::string_view text);

/// Three significant digits with the unit: "35.2 µs", "611 ms", "1,240 s"; "–" for what is not finite.
[[nodiscard]] std::string format_seconds(double seconds);

/// The same without zeros at the end, for axes: "35.2 µs", "50 ms", "1 s".
[[nodiscard]] std::string format_tick_seconds(double seconds);

/// `value` with three significant digits and no unit: "0.0123", "1.08", "12,300"; "–" for what is not finite.
[[nodiscard]] std::string format_number(double value);

/// "1,234,567".
[[nodiscard]] std::string format_count(std::uint64_t count);

/// What a person typed, up to four significant digits and without zeros at the end: "0.65", "1", "2.33".
[[nodiscard]] std::string format_parameter(double value);

/// "load 0.8", or "load as recorded" for 0.
[[nodiscard]] std::string format_load(double load);

} // namespace hpcsched::experiment::detail

#endif
