// SPDX-License-Identifier: Apache-2.0
#include "values.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <optional>
#include <utility>

namespace hpcsched::cli {
namespace {

std::string quoted(std::string_view text) {
    return "'" + std::string{text} + "'";
}

std::string_view trimmed(std::string_view text) {
    auto const first = text.find_first_not_of(" \t");
    if (first == std::string_view::npos) {
        return {};
    }
    return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

/// The number at the head of a text, and what follows it.
std::optional<std::pair<double, std::string_view>> leading_number(std::string_view text) {
    double value = 0;
    auto const parsed = std::from_chars(text.data(), text.data() + text.size(), value);
    if (parsed.ec != std::errc{} || !std::isfinite(value)) {
        return std::nullopt;
    }
    return std::pair{value, trimmed(text.substr(static_cast<std::size_t>(parsed.ptr - text.data())))};
}

std::string shown(double value) {
    std::array<char, 32> text{};
    auto const end = std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed);
    return {text.data(), end.ptr};
}

} // namespace

result<duration> parse_duration(std::string_view text) {
    struct unit {
        std::string_view name;
        double nanoseconds;
    };
    static constexpr std::array<unit, 8> units{
        {{"ns", 1}, {"us", 1e3}, {"µs", 1e3}, {"ms", 1e6}, {"s", 1e9}, {"min", 60e9}, {"h", 3600e9}, {"d", 86400e9}}};
    auto const number = leading_number(trimmed(text));
    if (!number) {
        return error{quoted(text) + " is not a time: give a number with its unit, such as 4ms or 3.5us"};
    }
    if (number->first < 0) {
        return error{quoted(text) + " is negative: give a time of 0 or more"};
    }
    if (number->second.empty()) {
        if (number->first == 0) {
            return duration{0};
        }
        return error{quoted(text) + " has no unit: write " + std::string{trimmed(text)} + "ns, us, ms, s, min, h or d"};
    }
    for (unit const& u : units) {
        if (u.name == number->second) {
            double const nanoseconds = number->first * u.nanoseconds;
            if (nanoseconds >= 9.2e18) {
                return error{quoted(text) + " is longer than 292 years: give a shorter time"};
            }
            return duration{std::llround(nanoseconds)};
        }
    }
    return error{quoted(text) + " has the unknown unit " + quoted(number->second) +
                 ": the units are ns, us, ms, s, min, h and d"};
}

result<std::uint64_t> parse_count(std::string_view text, std::uint64_t least, std::uint64_t most) {
    std::string digits;
    for (char const c : trimmed(text)) {
        if (c != '_') {
            digits += c;
        }
    }
    std::string const range = std::to_string(least) + " to " + std::to_string(most);
    error not_a_count{quoted(text) + " is not a whole number: give " + range};
    // Exactly, where it is only digits: a seed may need all 64 bits.
    std::uint64_t exact = 0;
    auto const parsed = std::from_chars(digits.data(), digits.data() + digits.size(), exact);
    if (digits.empty() || parsed.ec != std::errc{} || parsed.ptr != digits.data() + digits.size()) {
        auto const number = leading_number(digits);
        if (!number) {
            return not_a_count;
        }
        double factor = 1;
        if (number->second == "k" || number->second == "K") {
            factor = 1e3;
        } else if (number->second == "M") {
            factor = 1e6;
        } else if (!number->second.empty()) {
            return not_a_count;
        }
        double const value = number->first * factor;
        if (value != std::floor(value)) {
            return not_a_count;
        }
        if (value < 0 || value >= 1.8e19) {
            return error{quoted(text) + " is out of range: give " + range};
        }
        exact = static_cast<std::uint64_t>(value);
    }
    if (exact < least || exact > most) {
        return error{quoted(text) + " is out of range: give " + range};
    }
    return exact;
}

result<double> parse_real(std::string_view text, double least, double most) {
    auto const number = leading_number(trimmed(text));
    if (!number || !number->second.empty()) {
        return error{quoted(text) + " is not a number: give " + shown(least) + " to " + shown(most)};
    }
    if (number->first < least || number->first > most) {
        return error{quoted(text) + " is out of range: give " + shown(least) + " to " + shown(most)};
    }
    return number->first;
}

result<std::uint64_t> parse_size(std::string_view text, std::uint64_t most) {
    struct unit {
        std::string_view name;
        double bytes;
    };
    static constexpr std::array<unit, 8> units{{{"B", 1},
                                                {"kB", 1e3},
                                                {"MB", 1e6},
                                                {"GB", 1e9},
                                                {"KiB", 1024},
                                                {"MiB", 1024.0 * 1024},
                                                {"GiB", 1024.0 * 1024 * 1024},
                                                {"TiB", 1024.0 * 1024 * 1024 * 1024}}};
    auto const number = leading_number(trimmed(text));
    if (!number || number->first < 0) {
        return error{quoted(text) + " is not a size: give a number with its unit, such as 256MiB"};
    }
    if (number->second.empty() && number->first == 0) {
        return 0U;
    }
    for (unit const& each : units) {
        if (each.name == number->second) {
            double const bytes = number->first * each.bytes;
            if (bytes > static_cast<double>(most)) {
                return error{quoted(text) + " is out of range: give at most " + std::to_string(most) + "B"};
            }
            return static_cast<std::uint64_t>(bytes);
        }
    }
    return error{quoted(text) + " has no unit of a size: write B, kB, MB, GB, KiB, MiB or GiB"};
}

result<double> parse_load(std::string_view text) {
    if (trimmed(text) == "recorded") {
        return 0.0;
    }
    auto const number = leading_number(trimmed(text));
    if (!number || (!number->second.empty() && number->second != "%")) {
        return error{quoted(text) + " is not a load: give a fraction such as 0.8, a percentage such as 80%, or "
                                    "'recorded' for arrivals as they are"};
    }
    double const load = number->second == "%" ? number->first / 100 : number->first;
    if (load <= 0 || load > 10) {
        return error{quoted(text) + " is out of range: give a load above 0 and at most 10; 0.8 means 80 %, 'recorded' "
                                    "leaves the arrivals as they are"};
    }
    return load;
}

result<double> parse_arrival_cv(std::string_view text) {
    if (trimmed(text) == "own") {
        return 0.0;
    }
    auto const number = leading_number(trimmed(text));
    if (!number || !number->second.empty()) {
        return error{quoted(text) + " is not a coefficient of variation: give a number such as 0.2, 1 or 2.33, or "
                                    "'own' for the workload's"};
    }
    if (number->first < 0.01 || number->first > 100) {
        return error{quoted(text) + " is out of range: give 0.01 to 100; for evenly spaced arrivals say --arrivals "
                                    "even"};
    }
    return number->first;
}

result<bool> parse_switch(std::string_view text) {
    std::string_view const word = trimmed(text);
    if (word == "on" || word == "true" || word == "yes") {
        return true;
    }
    if (word == "off" || word == "false" || word == "no") {
        return false;
    }
    return error{quoted(text) + " is neither on nor off: give one of them"};
}

std::vector<std::string> split_list(std::string_view text) {
    std::vector<std::string> elements;
    for (;;) {
        auto const comma = text.find(',');
        elements.emplace_back(trimmed(text.substr(0, comma)));
        if (comma == std::string_view::npos) {
            return elements;
        }
        text.remove_prefix(comma + 1);
    }
}

} // namespace hpcsched::cli
