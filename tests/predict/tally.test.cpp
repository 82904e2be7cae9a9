// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/core/percentiles.hpp>
#include <hpcsched/predict/tally.hpp>

#include <doctest/doctest.h>

#include <limits>
#include <optional>
#include <span>

namespace hpcsched::predict {

TEST_CASE("tally: worlds without an outcome may have been a yes or a no, and the interval says so") {
    tally<bool> with_unknown;
    probability_sequence all_no;
    probability_sequence all_yes;
    for (int n = 0; n < 50; ++n) {
        bool const unknown = n % 5 == 4;
        bool const yes = n % 5 < 2;
        if (unknown) {
            with_unknown.add_unknown();
        } else {
            with_unknown.add(yes);
        }
        all_no.add(!unknown && yes);
        all_yes.add(unknown || yes);
    }
    probability_answer const a = with_unknown.answer(0.05);
    CHECK(a.yes == 20);
    CHECK(a.no == 20);
    CHECK(a.unknown == 10);
    CHECK(a.probability == 0.5);
    CHECK(a.within.low == all_no.within(0.05).low);
    CHECK(a.within.high == all_yes.within(0.05).high);
}

TEST_CASE("tally: a number that is none is not counted") {
    tally<double> t;
    CHECK(t.add(1));
    CHECK_FALSE(t.add(std::numeric_limits<double>::quiet_NaN()));
    CHECK_FALSE(t.add(std::numeric_limits<double>::infinity()));
    CHECK(t.add(3));
    number_answer const a = t.answer(0.05);
    CHECK(a.mean == 2);
    CHECK(a.sorted == std::vector<double>{1, 3});
}

TEST_CASE("tally: numbers are sorted for percentiles, and enough by a share of their mean") {
    tally<double> t;
    for (int n = 0; n < 400; ++n) {
        t.add(1000 + (n * 37) % 100);
    }
    number_answer const a = t.answer(0.05);
    CHECK(percentile(std::span<double const>{a.sorted}, p50) == 1049);
    CHECK(percentile(std::span<double const>{a.sorted}, p99) == 1098);
    CHECK_FALSE(t.enough({.half_width = 1}));
    CHECK(t.enough({.half_width = 1, .relative_half_width = 0.01}));
    CHECK(t.enough({.half_width = 1, .against = 900}));
    CHECK_FALSE(t.enough({.half_width = 1, .against = 1049}));
}

TEST_CASE("tally: times are numbers in seconds") {
    tally<duration> t;
    t.add(from_seconds(3));
    t.add(from_seconds(1));
    time_answer const a = t.answer(0.05);
    CHECK(a.mean == from_seconds(2));
    CHECK(a.sorted.front() == from_seconds(1));
    CHECK(a.within.contains(2));
}

TEST_CASE("tally: places have a mean, a covariance, and axes that share the error") {
    tally<place<2>> t;
    t.add({0, 0});
    t.add({2, 4});
    t.add({4, 8});
    CHECK_FALSE(t.add({0, std::numeric_limits<double>::quiet_NaN()}));
    place_answer<2> const a = t.answer(0.05);
    CHECK(a.mean == place<2>{2, 4});
    CHECK(a.covariance[0][0] == 4);
    CHECK(a.covariance[0][1] == 8);
    CHECK(a.covariance[1][0] == 8);
    CHECK(a.covariance[1][1] == 16);
    CHECK(a.all.size() == 3);
    mean_sequence axis;
    for (double const x : {0.0, 2.0, 4.0}) {
        axis.add(x);
    }
    CHECK(a.within[0] == axis.within(0.025));
    CHECK(t.enough({.half_width = 100}));
    CHECK_FALSE(t.enough({.half_width = 5}));
}

TEST_CASE("tally: what may not happen has a probability, and what it is where it does") {
    tally<std::optional<double>> t;
    for (int n = 0; n < 40; ++n) {
        t.add(n % 4 == 0 ? std::optional<double>{n} : std::nullopt);
    }
    auto const a = t.answer(0.05);
    CHECK(a.happens.probability == 0.25);
    REQUIRE(a.then);
    CHECK(a.then->mean == 18);
    CHECK(a.then->sorted.size() == 10);

    tally<std::optional<double>> never_happens;
    never_happens.add(std::nullopt);
    CHECK_FALSE(never_happens.answer(0.05).then);
    CHECK(never_happens.answer(0.05).happens.within.high < 1);
}

} // namespace hpcsched::predict
