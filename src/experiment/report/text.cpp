// SPDX-License-Identifier: Apache-2.0
#include "report/text.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>

namespace hpcsched::experiment::detail {
namespace {

constexpr std::string_view replacement = "\xEF\xBF\xBD"; // U+FFFD
constexpr std::string_view en_dash = "\xE2\x80\x93";
constexpr std::string_view micro = "\xC2\xB5";

[[nodiscard]] unsigned byte_at(std::string_view text, std::size_t at) noexcept {
    return at < text.size() ? static_cast<unsigned char>(text[at]) : 0U;
}

/// Length of the well-formed sequence at `at`, or 0.
/// \source The Unicode Standard 15.0, table 3-7 (well-formed UTF-8 byte sequences)
[[nodiscard]] std::size_t sequence_length(std::string_view text, std::size_t at) noexcept {
    unsigned const first = byte_at(text, at);
    if (first < 0x80) {
        return 1;
    }
    std::size_t const length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
    if (first < 0xC2 || first > 0xF4) {
        return 0;
    }
    unsigned const second = byte_at(text, at + 1);
    unsigned const lowest = first == 0xE0 ? 0xA0U : first == 0xF0 ? 0x90U : 0x80U;
    unsigned const highest = first == 0xED ? 0x9FU : first == 0xF4 ? 0x8FU : 0xBFU;
    if (second < lowest || second > highest) {
        return 0;
    }
    for (std::size_t i = 2; i < length; ++i) {
        if ((byte_at(text, at + i) & 0xC0U) != 0x80U) {
            return 0;
        }
    }
    return length;
}

/// As printf does, but the same under every locale.
[[nodiscard]] std::string to_text(double value, std::chars_format format, int precision) {
    std::array<char, 400> text{}; // the longest double has 309 digits before its point
    auto const end = std::to_chars(text.data(), text.data() + text.size(), value, format, precision);
    return {text.data(), end.ptr};
}

/// Puts a comma between groups of three digits of the integer part.
[[nodiscard]] std::string with_separators(std::string digits) {
    std::size_t const first = digits.starts_with('-') ? 1 : 0;
    std::size_t end = digits.find('.');
    end = end == std::string::npos ? digits.size() : end;
    while (end > first + 3) {
        end -= 3;
        digits.insert(end, 1, ',');
    }
    return digits;
}

} // namespace

std::string clean_utf8(std::string_view text) {
    std::string clean;
    clean.reserve(text.size());
    for (std::size_t at = 0; at < text.size();) {
        std::size_t const length = sequence_length(text, at);
        if (length == 0) {
            clean += replacement;
            ++at;
            continue;
        }
        unsigned const first = byte_at(text, at);
        bool const control = length == 1 && (first < 0x20 || first == 0x7F) && first != '\t' && first != '\n';
        clean += control ? std::string_view{" "} : text.substr(at, length);
        at += length;
    }
    return clean;
}

std::string escape_markup(std::string_view text) {
    std::string escaped;
    for (char const c : clean_utf8(text)) {
        switch (c) {
        case '&':
            escaped += "&amp;";
            break;
        case '<':
            escaped += "&lt;";
            break;
        case '>':
            escaped += "&gt;";
            break;
        case '"':
            escaped += "&quot;";
            break;
        case '\'':
            escaped += "&#39;";
            break;
        default:
            escaped += c;
        }
    }
    return escaped;
}

std::string format_number(double value) {
    if (!std::isfinite(value)) {
        return std::string{en_dash};
    }
    if (value == 0) {
        return "0";
    }
    // Rounded to three digits first, so that 9.996 becomes 10.0 and not 10.00.
    double const magnitude = std::floor(std::log10(std::fabs(value)));
    double const step = std::pow(10.0, magnitude - 2);
    double const rounded = std::round(value / step) * step;
    int const decimals = static_cast<int>(2 - std::floor(std::log10(std::fabs(rounded)) + 1e-9));
    return with_separators(to_text(rounded, std::chars_format::fixed, decimals > 0 ? decimals : 0));
}

std::string format_seconds(double seconds) {
    if (!std::isfinite(seconds)) {
        return std::string{en_dash};
    }
    double const size = std::fabs(seconds);
    // The limits leave no room for "1000 ms": what rounds up to 1000 takes the next unit.
    if (size == 0 || size >= 0.9995) {
        return format_number(seconds) + " s";
    }
    if (size >= 0.9995e-3) {
        return format_number(seconds * 1e3) + " ms";
    }
    if (size >= 0.9995e-6) {
        return format_number(seconds * 1e6) + ' ' + std::string{micro} + 's';
    }
    return format_number(seconds * 1e9) + " ns";
}

std::string format_tick_seconds(double seconds) {
    std::string text = format_seconds(seconds);
    std::size_t const space = text.find(' ');
    if (space == std::string::npos || text.find('.') > space) {
        return text;
    }
    std::size_t const last = text.find_last_not_of('0', space - 1);
    std::size_t const end = text[last] == '.' ? last : last + 1;
    return text.substr(0, end) + text.substr(space);
}

std::string format_count(std::uint64_t count) {
    return with_separators(std::to_string(count));
}

std::string format_parameter(double value) {
    return to_text(value, std::chars_format::general, 4);
}

std::string format_load(double load) {
    return load == 0 ? "load as recorded" : "load " + format_parameter(load);
}

} // namespace hpcsched::experiment::detail
