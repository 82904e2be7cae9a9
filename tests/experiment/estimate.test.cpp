// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/experiment/estimate.hpp>

#include <doctest/doctest.h>

#include <array>
#include <cmath>

namespace hpcsched::experiment {

TEST_CASE("estimate: the interval of 1, 2, 3, 4 is the tables' t(0.975, 3) times the standard error") {
    estimate const seen = estimate_of(std::array{1.0, 2.0, 3.0, 4.0});
    CHECK(seen.mean == doctest::Approx(2.5));
    CHECK(seen.half_width == doctest::Approx(3.1824 * 0.645497).epsilon(1e-4));
}

TEST_CASE("estimate: one sample has a mean and no interval, none has neither, equal ones have an interval of 0") {
    CHECK(std::isnan(estimate_of({}).mean));
    CHECK(estimate_of(std::array{7.0}).mean == 7);
    CHECK(std::isnan(estimate_of(std::array{7.0}).half_width));
    CHECK(estimate_of(std::array{0.1, 0.1, 0.1}).half_width == 0);
}

TEST_CASE("estimate: what numerator and denominator have in common cancels in their ratio") {
    estimate const twice = ratio_of(std::array{2.0, 20.0}, std::array{1.0, 10.0});
    CHECK(twice.mean == doctest::Approx(2));
    CHECK(twice.half_width == 0);
    // Means 3 and 2; residuals 2 - 1.5 * 1 = 0.5 and 4 - 1.5 * 3 = -0.5, over 2; t(0.975, 1) = 12.706.
    estimate const apart = ratio_of(std::array{2.0, 4.0}, std::array{1.0, 3.0});
    CHECK(apart.mean == doctest::Approx(1.5));
    CHECK(apart.half_width == doctest::Approx(12.706 * 0.25).epsilon(1e-4));
    CHECK(std::isnan(ratio_of(std::array{1.0}, std::array{0.0}).mean));
}

} // namespace hpcsched::experiment
