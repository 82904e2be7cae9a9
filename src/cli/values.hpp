// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_CLI_VALUES_HPP
#define HPCSCHED_CLI_VALUES_HPP

#include <hpcsched/core/result.hpp>
#include <hpcsched/core/time.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

/// Values as people write them. Every error names the text and says what to write instead.
namespace hpcsched::cli {

/// "4ms", "3.5us", "50 ns", "2min", "0"; the unit may be left out for 0 only. Rounded to the nanosecond.
[[nodiscard]] result<duration> parse_duration(std::string_view text);

/// "10000", "10_000", "10k", "2.5M", "1e6": a whole number of at least `least` and at most `most`.
[[nodiscard]] result<std::uint64_t> parse_count(std::string_view text, std::uint64_t least, std::uint64_t most);

/// "6MiB", "512 MB", "4096B", "0": bytes, at most `most`; the unit may be left out for 0 only. Powers of 1,000 without,
/// of 1,024 with an i.
[[nodiscard]] result<std::uint64_t> parse_size(std::string_view text, std::uint64_t most);

/// "0.8", "80%", or "recorded", which is 0.
[[nodiscard]] result<double> parse_load(std::string_view text);

/// "2.33", or "own", which is 0.
[[nodiscard]] result<double> parse_arrival_cv(std::string_view text);

/// A number from `least` to `most`.
[[nodiscard]] result<double> parse_real(std::string_view text, double least, double most);

/// "on", "off", "true", "false", "yes", "no".
[[nodiscard]] result<bool> parse_switch(std::string_view text);

/// The elements of a comma-separated list, blanks around them removed.
[[nodiscard]] std::vector<std::string> split_list(std::string_view text);

} // namespace hpcsched::cli

#endif
