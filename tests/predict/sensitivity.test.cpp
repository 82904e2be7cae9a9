// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/predict/sensitivity.hpp>

#include <doctest/doctest.h>

#include "walk.hpp"

#include <cstddef>

namespace hpcsched::predict {

using namespace test;

TEST_CASE("sensitivity: each source has what it adds to the answer, with its name") {
    noisy_simulation s{walk{}, jitter{.start = 2, .step = 0}, ends_beyond{11}};
    auto const all = sensitivities(s, {}, 1, 2000);
    REQUIRE(all.size() == 2);
    CHECK(all[0].source == "start");
    CHECK(all[1].source == "step");
    // Without noise it never ends beyond 11: all of the probability is due to the start.
    CHECK(all[0].shift_within.contains(normal_above(11, 10, 2)));
    CHECK(all[0].changed == doctest::Approx(all[0].shift));
    CHECK(all[1].changed == 0); // a source without spread
    CHECK(all[1].shift == 0);
    CHECK(all[1].worlds == 2000);
}

TEST_CASE("sensitivity: silencing one source leaves the draws of the others as they were") {
    noisy_simulation both{walk{}, jitter{}, where_it_ends{}};
    noisy_simulation start{walk{}, jitter{.step = 0}, where_it_ends{}};
    noisy_simulation step{walk{}, jitter{.start = 0}, where_it_ends{}};
    in_order on;
    auto const b = both.futures({}, both.noise(), 3, 0, 50, 100, on);
    auto const s = start.futures({}, start.noise(), 3, 0, 50, 100, on);
    auto const t = step.futures({}, step.noise(), 3, 0, 50, 100, on);
    for (std::size_t n = 0; n < 50; ++n) {
        CHECK(b[n].outcome == doctest::Approx(s[n].outcome + t[n].outcome - 10).epsilon(1e-12));
    }
}

TEST_CASE("sensitivity: a source may change many outcomes and not their mean") {
    noisy_simulation s{walk{}, jitter{.start = 1, .step = 0}, where_it_ends{}};
    auto const all = sensitivities(s, {}, 1, 1000);
    CHECK(all[0].changed == 1);
    CHECK(all[0].shift_within.contains(0));
}

TEST_CASE("sensitivity: worlds that end only one way are left out, and counted") {
    noisy_simulation s{walk{.edge = 10.5}, jitter{}, ends_beyond{9}};
    auto const all = sensitivities(s, {}, 1, 400);
    CHECK(all[0].worlds < 400);
    CHECK(all[0].worlds > 50);
}

} // namespace hpcsched::predict
