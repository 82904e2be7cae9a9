// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/core/random.hpp>
#include <hpcsched/workload/parse_number.hpp>

#include <boost/multiprecision/cpp_int.hpp>
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

using hpcsched::workload::number_fault;
using hpcsched::workload::parse_count;
using hpcsched::workload::parse_scaled;
using hpcsched::workload::parse_whole;
using hpcsched::workload::parsed_number;

namespace {

struct number_case {
    std::string_view text;
    std::int64_t value;
    number_fault fault = number_fault::none;
};

constexpr std::int64_t largest = std::numeric_limits<std::int64_t>::max();

} // namespace

TEST_CASE("parse_scaled: seconds become whole nanoseconds, rounded to nearest, never by way of double") {
    constexpr std::array cases{
        number_case{"0", 0},
        number_case{"1", 1'000'000'000},
        number_case{"+1", 1'000'000'000},
        number_case{"007.5", 7'500'000'000},
        number_case{".5", 500'000'000},
        number_case{"5.", 5'000'000'000},
        number_case{"-0.0", 0},
        number_case{"57.157860040664673", 57'157'860'041},       // 17 digits, from the Azure 2021 trace
        number_case{"0.07949090003967285", 79'490'900},          // likewise
        number_case{"1200.0132656097412", 1'200'013'265'610},    // likewise
        number_case{"9007199.254740993", 9'007'199'254'740'993}, // 2^53 + 1: no double is this number
        number_case{"0.0000000005", 1},                          // halves go up
        number_case{"0.00000000049999999999999999999999", 0},
        number_case{"0.0000000015", 2},
        number_case{"1e0", 1'000'000'000},
        number_case{"6e-06", 6'000}, // as pandas writes 6 microseconds
        number_case{"6E-06", 6'000},
        number_case{"1.5e+3", 1'500'000'000'000},
        number_case{"1e-999999999999999999999", 0},
        number_case{"0e999999999999999999999", 0},
        number_case{"9223372036.854775807", largest},
        number_case{"9223372036.8547758074", largest},
        number_case{"9223372036.8547758075", 0, number_fault::too_large},
        number_case{"9223372036.854775808", 0, number_fault::too_large},
        number_case{"1e10", 0, number_fault::too_large},
        number_case{"1e999999999999999999999", 0, number_fault::too_large},
        number_case{"99999999999999999999999999", 0, number_fault::too_large},
        number_case{"inf", 0, number_fault::too_large},
        number_case{"-Infinity", 0, number_fault::too_large},
        number_case{"-3", -3'000'000'000, number_fault::negative},
        number_case{"-0.0000000005", -1, number_fault::negative},
        number_case{"", 0, number_fault::missing},
        number_case{"nan", 0, number_fault::missing},
        number_case{"NaN", 0, number_fault::missing},
        number_case{"-nan", 0, number_fault::missing},
        number_case{".", 0, number_fault::malformed},
        number_case{"-", 0, number_fault::malformed},
        number_case{"+", 0, number_fault::malformed},
        number_case{"--1", 0, number_fault::malformed},
        number_case{"1 ", 0, number_fault::malformed},
        number_case{" 1", 0, number_fault::malformed},
        number_case{"1e", 0, number_fault::malformed},
        number_case{"1e+", 0, number_fault::malformed},
        number_case{"1e+-3", 0, number_fault::malformed},
        number_case{"1e5.5", 0, number_fault::malformed},
        number_case{"1.2.3", 0, number_fault::malformed},
        number_case{"0x10", 0, number_fault::malformed},
        number_case{"1,5", 0, number_fault::malformed},
        number_case{"nano", 0, number_fault::malformed},
        number_case{"abc", 0, number_fault::malformed},
    };
    for (number_case const& c : cases) {
        CAPTURE(c.text);
        parsed_number const found = parse_scaled(c.text, 9);
        CHECK(found.value == c.value);
        CHECK(static_cast<int>(found.fault) == static_cast<int>(c.fault));
    }
}

TEST_CASE("parse_scaled: agrees with rational arithmetic for random texts and every scale") {
    using boost::multiprecision::cpp_int;
    hpcsched::random_stream draws{1, "parse_scaled"};
    for (int round = 0; round < 20'000; ++round) {
        std::size_t const whole_size = draws() % 12;
        std::size_t const fraction_size = draws() % 20;
        int const exponent = static_cast<int>(draws() % 13) - 6;
        int const scale = static_cast<int>(draws() % 19);
        std::string digits;
        for (std::size_t i = 0; i < whole_size + fraction_size; ++i) {
            digits += static_cast<char>('0' + draws() % 10);
        }
        if (digits.empty()) {
            continue;
        }
        std::string const text =
            digits.substr(0, whole_size) + '.' + digits.substr(whole_size) + 'e' + std::to_string(exponent);
        std::size_t const leading = std::min(digits.find_first_not_of('0'), digits.size() - 1);
        cpp_int numerator{digits.substr(leading)};
        cpp_int denominator = 1;
        int const power = exponent + scale - static_cast<int>(fraction_size);
        for (int i = 0; i < power; ++i) {
            numerator *= 10;
        }
        for (int i = 0; i > power; --i) {
            denominator *= 10;
        }
        cpp_int const expected = (2 * numerator + denominator) / (2 * denominator);
        parsed_number const found = parse_scaled(text, scale);
        CAPTURE(text);
        CAPTURE(scale);
        // Beyond 19 significant digits the text is cut, which can only matter where the result has as many.
        if (expected > largest) {
            REQUIRE(found.fault == number_fault::too_large);
        } else {
            REQUIRE(found.ok());
            REQUIRE(cpp_int{found.value} == expected);
        }
    }
}

TEST_CASE("parse_count: takes whole numbers as pandas writes them, and no true fraction") {
    constexpr std::array cases{
        number_case{"5", 5},
        number_case{"5.0", 5},
        number_case{"5.000000", 5},
        number_case{"5e3", 5'000},
        number_case{"1.5e1", 15},
        number_case{"0.0", 0},
        number_case{"-0.0", 0},
        number_case{"9223372036854775807", largest},
        number_case{"9223372036854775808", 0, number_fault::too_large},
        number_case{"5.5", 0, number_fault::malformed},
        number_case{"1e-1", 0, number_fault::malformed},
        number_case{"0.00000000000000000000000001", 0, number_fault::malformed},
        number_case{"-2", -2, number_fault::negative},
        number_case{"NaN", 0, number_fault::missing},
        number_case{"x", 0, number_fault::malformed},
    };
    for (number_case const& c : cases) {
        CAPTURE(c.text);
        CHECK(parse_count(c.text) == parsed_number{c.value, c.fault});
    }
}

TEST_CASE("parse_whole: takes digits only") {
    constexpr std::array cases{
        number_case{"0", 0},
        number_case{"0042", 42},
        number_case{"9223372036854775807", largest},
        number_case{"9223372036854775808", 0, number_fault::too_large},
        number_case{"-9223372036854775809", 0, number_fault::too_large},
        number_case{"-7", -7, number_fault::negative},
        number_case{"5.0", 0, number_fault::malformed},
        number_case{"5e3", 0, number_fault::malformed},
        number_case{"+5", 0, number_fault::malformed},
        number_case{"9223372036854775808x", 0, number_fault::malformed},
        number_case{"", 0, number_fault::missing},
        number_case{"nan", 0, number_fault::missing},
        number_case{"inf", 0, number_fault::too_large},
    };
    for (number_case const& c : cases) {
        CAPTURE(c.text);
        CHECK(parse_whole(c.text) == parsed_number{c.value, c.fault});
    }
}
