// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_WORKLOAD_PARSE_NUMBER_HPP
#define HPCSCHED_WORKLOAD_PARSE_NUMBER_HPP

#include <hpcsched/core/assert.hpp>

#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string_view>
#include <system_error>

namespace hpcsched::workload {

/// What is wrong with the text of a number.
enum class number_fault : std::uint8_t {
    none,
    missing,   ///< empty or NaN: the trace has no value here
    malformed, ///< not a number, or not one of the asked kind
    negative,  ///< below zero, where only zero and more make sense
    too_large, ///< beyond what 64 bits hold, or infinite
};

/// A number read from text: `value` where `fault` is none (and, for `negative`, the value too).
struct parsed_number {
    std::int64_t value = 0;
    number_fault fault = number_fault::none;

    [[nodiscard]] constexpr bool ok() const noexcept { return fault == number_fault::none; }

    friend bool operator==(parsed_number const&, parsed_number const&) = default;
};

namespace detail {

/// A number as it is written: (-1)^negative x digits x 10^exponent. Significant digits beyond the 19th are dropped, but
/// for what they do to a result of 19 digits: the first of them rounds it, and one that is not 0 makes it inexact.
struct decimal {
    std::uint64_t digits = 0;
    std::int64_t exponent = 0;
    bool negative = false;
    bool any_dropped = false;
    bool rounds_up = false;
    bool is_cut = false;
};

inline constexpr std::array<std::uint64_t, 20> powers_of_ten = [] {
    std::array<std::uint64_t, 20> powers{};
    std::uint64_t power = 1;
    for (std::uint64_t& p : powers) {
        p = power;
        power *= 10; // the last product wraps and is not used
    }
    return powers;
}();

[[nodiscard]] constexpr bool is_digit(char c) noexcept {
    return static_cast<unsigned char>(c - '0') < 10;
}

[[nodiscard]] constexpr bool equals_ignoring_case(std::string_view text, std::string_view lower) noexcept {
    if (text.size() != lower.size()) {
        return false;
    }
    for (std::size_t i = 0; i < text.size(); ++i) {
        char const c = text[i] >= 'A' && text[i] <= 'Z' ? static_cast<char>(text[i] - 'A' + 'a') : text[i];
        if (c != lower[i]) {
            return false;
        }
    }
    return true;
}

/// What a text that is not a row of digits means.
[[nodiscard]] constexpr number_fault fault_of_word(std::string_view text) noexcept {
    if (!text.empty() && (text.front() == '-' || text.front() == '+')) {
        text.remove_prefix(1);
    } else if (text.empty()) {
        return number_fault::missing;
    }
    if (equals_ignoring_case(text, "nan")) {
        return number_fault::missing;
    }
    return equals_ignoring_case(text, "inf") || equals_ignoring_case(text, "infinity") ? number_fault::too_large
                                                                                       : number_fault::malformed;
}

/// Takes the digits at `p` into `number`; a digit that is kept adds `weight` to the exponent, one that is dropped
/// `weight` + 1.
[[nodiscard]] constexpr char const* take_digits(char const* p, char const* end, decimal& number, int weight) noexcept {
    constexpr std::uint64_t full = 1'000'000'000'000'000'000;
    for (; p != end && is_digit(*p); ++p) {
        if (number.digits < full) {
            number.digits = number.digits * 10 + static_cast<std::uint64_t>(*p - '0');
            number.exponent += weight;
        } else {
            number.exponent += weight + 1;
            number.rounds_up = number.rounds_up || (!number.any_dropped && *p >= '5');
            number.any_dropped = true;
            number.is_cut = number.is_cut || *p != '0';
        }
    }
    return p;
}

/// Reads what follows the "e" of a number.
[[nodiscard]] inline char const* take_exponent(char const* p, char const* end, decimal& number) noexcept {
    if (p != end && *p == '+') {
        ++p;
        if (p != end && *p == '-') {
            return nullptr;
        }
    }
    int exponent = 0;
    auto const [rest, status] = std::from_chars(p, end, exponent);
    if (status == std::errc::invalid_argument) {
        return nullptr;
    }
    constexpr int far = 2'000'000'000; // beyond the length of any text that a reader accepts
    number.exponent += status == std::errc::result_out_of_range ? (*p == '-' ? -far : far) : exponent;
    return rest;
}

/// Reads [+-] digits [. digits] [(e|E) [+-] digits]. `std::from_chars` has no fixed-point form: it would go through
/// `double`, and 16 or 17 digits after the point, which the traces have, do not survive that.
[[nodiscard]] inline number_fault parse_decimal(std::string_view text, decimal& number) noexcept {
    char const* p = text.data();
    char const* const end = p + text.size();
    if (p != end && (*p == '-' || *p == '+')) {
        number.negative = *p++ == '-';
    }
    char const* const whole = p;
    p = take_digits(p, end, number, 0);
    bool any = p != whole;
    if (p != end && *p == '.') {
        char const* const fraction = ++p;
        p = take_digits(p, end, number, -1);
        any |= p != fraction;
    }
    if (!any) {
        return fault_of_word(text);
    }
    if (p != end && (*p == 'e' || *p == 'E')) {
        p = take_exponent(p + 1, end, number);
    }
    return p == end ? number_fault::none : number_fault::malformed;
}

/// |number| x 10^scale, rounded to nearest, halves up.
struct scaled_decimal {
    std::uint64_t magnitude = 0;
    bool fits = true;  ///< 63 bits hold it
    bool exact = true; ///< nothing was rounded
};

[[nodiscard]] constexpr scaled_decimal scale_decimal(decimal const& number, int scale) noexcept {
    constexpr auto largest = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
    std::int64_t const power = number.exponent + scale;
    if (number.digits == 0) {
        return {};
    }
    if (power > 0) {
        if (power > 18 || number.digits > largest / powers_of_ten[static_cast<std::size_t>(power)]) {
            return {0, false, false};
        }
        return {number.digits * powers_of_ten[static_cast<std::size_t>(power)]};
    }
    if (power < -19) {
        return {0, true, false}; // at most 19 digits, divided by 10^20 or more
    }
    if (power == 0) {
        std::uint64_t const rounded = number.digits + (number.rounds_up ? 1U : 0U);
        return {rounded, rounded <= largest, !number.is_cut};
    }
    std::uint64_t const divisor = powers_of_ten[static_cast<std::size_t>(-power)];
    std::uint64_t const remainder = number.digits % divisor;
    std::uint64_t const rounded = number.digits / divisor + (remainder >= divisor - remainder ? 1U : 0U);
    return {rounded, rounded <= largest, remainder == 0 && !number.is_cut};
}

[[nodiscard]] inline parsed_number finish_number(decimal const& number, scaled_decimal const& scaled) noexcept {
    if (!scaled.fits) {
        return {0, number_fault::too_large};
    }
    auto const value = static_cast<std::int64_t>(scaled.magnitude);
    return number.negative && value != 0 ? parsed_number{-value, number_fault::negative}
                                         : parsed_number{value, number_fault::none};
}

} // namespace detail

/// Reads a decimal number, with or without a fraction and an exponent, as an integer of units of 10^-scale: with
/// scale 9, seconds become nanoseconds. Exact, never by way of `double`; what is finer than a unit is rounded to
/// nearest, halves away from zero. "-0.0" is zero; "" and "NaN" are missing.
///
/// \param scale  0 <= scale <= 18
/// \complexity O(length)
[[nodiscard]] inline parsed_number parse_scaled(std::string_view text, int scale) noexcept {
    HPCSCHED_ASSERT(scale >= 0);
    HPCSCHED_ASSERT(scale <= 18);
    detail::decimal number;
    number_fault const fault = detail::parse_decimal(text, number);
    return fault != number_fault::none ? parsed_number{0, fault}
                                       : detail::finish_number(number, detail::scale_decimal(number, scale));
}

/// Reads a whole number that may be written as pandas writes one: "5", "5.0", "5e3". A true fraction is malformed.
/// \complexity O(length)
[[nodiscard]] inline parsed_number parse_count(std::string_view text) noexcept {
    detail::decimal number;
    if (number_fault const fault = detail::parse_decimal(text, number); fault != number_fault::none) {
        return {0, fault};
    }
    detail::scaled_decimal const scaled = detail::scale_decimal(number, 0);
    return scaled.fits && !scaled.exact ? parsed_number{0, number_fault::malformed}
                                        : detail::finish_number(number, scaled);
}

/// Reads a whole number that is written in digits only.
/// \complexity O(length)
[[nodiscard]] inline parsed_number parse_whole(std::string_view text) noexcept {
    char const* const end = text.data() + text.size();
    std::int64_t value = 0;
    auto const [rest, status] = std::from_chars(text.data(), end, value);
    if (status == std::errc::invalid_argument) {
        return {0, detail::fault_of_word(text)};
    }
    if (rest != end) {
        return {0, number_fault::malformed};
    }
    if (status == std::errc::result_out_of_range) {
        return {0, number_fault::too_large};
    }
    return {value, value < 0 ? number_fault::negative : number_fault::none};
}

} // namespace hpcsched::workload

#endif
