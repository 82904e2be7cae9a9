// SPDX-License-Identifier: Apache-2.0
#include "values.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace hpcsched::cli {

using namespace std::chrono_literals;

TEST_CASE("values: times take every unit, and whole nanoseconds come out") {
    struct reading {
        std::string text;
        duration length;
    };
    for (reading const& r : std::vector<reading>{{"4ms", 4ms},
                                                 {"3.5us", 3'500ns},
                                                 {"3.5µs", 3'500ns},
                                                 {" 50 ns ", 50ns},
                                                 {"2min", 2min},
                                                 {"1.5h", 90min},
                                                 {"14d", 336h},
                                                 {"0", 0ns},
                                                 {"1e3ns", 1us},
                                                 {"0.4ns", 0ns},
                                                 {"2s", 2s}}) {
        CAPTURE(r.text);
        CHECK(parse_duration(r.text).value() == r.length);
    }
    for (std::string const bad : {"", "ms", "4", "4 m s", "-1ms", "nan s", "inf", "4mss", "1e400s"}) {
        CAPTURE(bad);
        CHECK(parse_duration(bad).has_error());
    }
}

TEST_CASE("values: counts take k, M, underscores and exponents, and all 64 bits") {
    struct reading {
        std::string text;
        std::uint64_t count;
    };
    constexpr auto most = ~std::uint64_t{0};
    for (reading const& r : std::vector<reading>{{"0", 0},
                                                 {"10_000", 10'000},
                                                 {"10k", 10'000},
                                                 {"2.5M", 2'500'000},
                                                 {"1e6", 1'000'000},
                                                 {"18446744073709551615", most}}) {
        CAPTURE(r.text);
        CHECK(parse_count(r.text, 0, most).value() == r.count);
    }
    for (std::string const bad : {"", "-1", "1.5", "ten", "1kk", "0x10", "18446744073709551616", "1e300", "_"}) {
        CAPTURE(bad);
        CHECK(parse_count(bad, 0, most).has_error());
    }
    CHECK(parse_count("5", 6, 9).error().message == "'5' is out of range: give 6 to 9");
    CHECK(parse_count("10", 6, 9).error().message == "'10' is out of range: give 6 to 9");
}

TEST_CASE("values: sizes have units, of 1,000 and of 1,024") {
    CHECK(parse_size("6MiB", 1U << 30U).value() == 6U << 20U);
    CHECK(parse_size("1.5 kB", 1U << 30U).value() == 1500);
    CHECK(parse_size("4096B", 4096).value() == 4096);
    CHECK(parse_size("0", 1).value() == 0);
    CHECK(parse_size("6", 100).error().message == "'6' has no unit of a size: write B, kB, MB, GB, KiB, MiB or GiB");
    CHECK(parse_size("-1B", 100).error().message == "'-1B' is not a size: give a number with its unit, such as 256MiB");
    CHECK(parse_size("1KiB", 1000).error().message == "'1KiB' is out of range: give at most 1000B");
}

TEST_CASE("values: loads are fractions, percentages, or as recorded") {
    CHECK(parse_load("0.8").value() == 0.8);
    CHECK(parse_load("80%").value() == 0.8);
    CHECK(parse_load("80 %").value() == 0.8);
    CHECK(parse_load("recorded").value() == 0.0);
    for (std::string const bad : {"0", "11", "-1", "80 percent", "", "nan", "inf"}) {
        CAPTURE(bad);
        CHECK(parse_load(bad).has_error());
    }
}

TEST_CASE("values: lists keep empty elements, for whoever judges them") {
    CHECK(split_list("a, b,c") == std::vector<std::string>{"a", "b", "c"});
    CHECK(split_list("a,,b,") == std::vector<std::string>{"a", "", "b", ""});
    CHECK(split_list("") == std::vector<std::string>{""});
}

} // namespace hpcsched::cli
