// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/predict_bullet/agreement.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
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

} // namespace hpcsched::predict_bullet
