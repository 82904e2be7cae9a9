// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/predict_bullet/agreement.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <string>
#include <vector>

namespace hpcsched::predict_bullet {

TEST_CASE("agreement: a correlation is what its formula says, and nothing where something does not vary") {
    std::vector<double> const a{1, 2, 3, 4};
    std::vector<double> const b{1, 3, 2, 4};
    CHECK(*correlation(a, b) == doctest::Approx(0.8));
    CHECK(*correlation(a, std::vector<double>{8, 6, 4, 2}) == doctest::Approx(-1));
    CHECK_FALSE(correlation(a, std::vector<double>{0.1, 0.1, 0.1, 0.1}));
    CHECK_FALSE(correlation(std::vector<double>{1}, std::vector<double>{1}));
}

TEST_CASE("agreement: a bootstrap interval holds the correlation and narrows with more stimuli") {
    std::vector<double> a;
    std::vector<double> b;
    auto const width = [&](std::size_t count) {
        a.clear();
        b.clear();
        for (std::size_t n = 0; n < count; ++n) {
            a.push_back(std::sin(static_cast<double>(n)));
            b.push_back(a.back() + std::cos(3.7 * static_cast<double>(n)));
        }
        auto const within = bootstrap_correlation(a, b);
        CHECK(within.contains(*correlation(a, b)));
        return within.high - within.low;
    };
    double const wide = width(30);
    CHECK(width(600) < 0.5 * wide);
    CHECK(bootstrap_correlation(a, b) == bootstrap_correlation(a, b));
}

TEST_CASE("agreement: a logistic regression finds the weights that made the shares") {
    std::vector<std::vector<double>> rows;
    std::vector<double> shares;
    for (int n = 0; n < 200; ++n) {
        double const x = std::sin(1.3 * n);
        double const z = std::cos(2.1 * n);
        rows.push_back({1, x, z});
        shares.push_back(1 / (1 + std::exp(-(0.5 + 2 * x - z))));
    }
    auto const found = logistic_regression::fit(rows, shares, 1e-6);
    REQUIRE(found.has_value());
    for (std::size_t n = 0; n < rows.size(); n += 17) {
        CHECK(found->share(rows[n]) == doctest::Approx(shares[n]).epsilon(1e-3));
    }
}

TEST_CASE("agreement: a logistic regression refuses what it cannot be fitted to") {
    std::vector<std::vector<double>> const uneven{{1, 2}, {1}};
    std::vector<double> const half{0.5, 0.5};
    CHECK(logistic_regression::fit(uneven, half).has_error());
    CHECK(logistic_regression::fit({}, {}).has_error());
    std::vector<std::vector<double>> const infinite{{1, std::numeric_limits<double>::infinity()}, {1, 0}};
    CHECK(logistic_regression::fit(infinite, half).has_error());
}

TEST_CASE("agreement: which half a stimulus is in depends on its name alone, and the halves are about as large") {
    // Said here so that a changed hash, which would change every figure of the study, is noticed.
    CHECK(is_for_fitting("pilot-containment-bowl_0001") == is_for_fitting("pilot-containment-bowl_0001"));
    std::size_t fitted = 0;
    std::string first;
    for (int n = 0; n < 1000; ++n) {
        bool const fit = is_for_fitting("stimulus_" + std::to_string(n));
        fitted += fit ? 1U : 0U;
        first += n < 16 ? fit ? "f" : "t" : "";
    }
    CHECK(fitted > 450);
    CHECK(fitted < 550);
    CHECK(first == "ftfftffttffffftt");
}

TEST_CASE("agreement: reliability is what is left of the variance of shares when that of drawing people is taken off") {
    // Variance 0.04; drawing 11 people adds 0.3 x 0.7 / 10 = 0.021 to each.
    std::vector<double> const shares{0.3, 0.7, 0.3, 0.7};
    std::vector<double> const eleven(4, 11);
    CHECK(reliability(shares, eleven) == doctest::Approx(1 - 0.021 / 0.04));
    std::vector<double> const many(4, 1e9);
    CHECK(reliability(shares, many) == doctest::Approx(1));
    std::vector<double> const one(4, 1); // 0.21 of noise in 0.04
    CHECK(reliability(shares, one) == 0);
    CHECK(reliability(std::vector<double>(4, 0.5), eleven) == 0);
}

TEST_CASE("agreement: a bootstrap interval of what does not vary, or of nothing, has no bounds") {
    std::vector<double> const same(8, 0.5);
    std::vector<double> const other{1, 2, 3, 4, 5, 6, 7, 8};
    CHECK(bootstrap_correlation(same, other) == predict::interval{});
    CHECK(bootstrap_correlation({}, {}) == predict::interval{});
}

TEST_CASE("agreement: scene features tell the push's speed and angle, and how far target and zone are apart") {
    scene s;
    s.bodies.push_back({.id = 1, .position = {3, 0, 4}, .immovable = true});
    s.bodies.push_back({.id = 2, .position = {0, 0.5, 0}, .mass = 3});
    s.bodies.push_back({.id = 3, .position = {-2, 0, 0}, .mass = 2});
    s.pushes.push_back({.body = 2, .impulse = {0, 0, 8}});
    auto const features = scene_features(s);
    auto const has = [&](double value) {
        return std::any_of(features.begin(), features.end(), [&](double x) { return std::abs(x - value) < 1e-9; });
    };
    CHECK(has(5));                   // from target to zone
    CHECK(has(2));                   // from probe to target
    CHECK(has(4));                   // m/s
    CHECK(has(std::acos(-1.0) / 2)); // at a right angle to the way
    CHECK(has(std::log(3.0)));
    CHECK(has(std::log(2.0)));
    s.pushes.clear();
    for (double const x : scene_features(s)) {
        CHECK(std::isfinite(x));
    }
}

} // namespace hpcsched::predict_bullet
