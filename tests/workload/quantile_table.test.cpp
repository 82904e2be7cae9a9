// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/core/random.hpp>
#include <hpcsched/workload/quantile_table.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <vector>

using namespace hpcsched;
using namespace hpcsched::workload;

TEST_CASE("quantile_table: gives its points, and between them what is linear in the logarithm") {
    quantile_table const table{{0, 1}, {0.5, 100}, {0.75, 100}, {1, 10'000}};
    CHECK(table.quantile(0) == 1);
    CHECK(table.quantile(0.5) == doctest::Approx(100));
    CHECK(table.quantile(0.25) == doctest::Approx(10));
    CHECK(table.quantile(0.6) == doctest::Approx(100));
    CHECK(table.quantile(0.875) == doctest::Approx(1'000));
    CHECK(table.quantile(1) == doctest::Approx(10'000));
    CHECK(table.points().size() == 4);
}

TEST_CASE("quantile_table: draws have the shares and the mean of the table") {
    quantile_table const table{{0, 1}, {0.25, 3}, {0.5, 5}, {0.75, 11}, {0.9, 32}, {1, 1'021}};
    random_stream bits{1, "quantile_table"};
    std::vector<double> values(200'000);
    std::generate(values.begin(), values.end(), [&] { return table.draw(bits); });
    double sum = 0;
    for (double const value : values) {
        sum += value;
    }
    CHECK(sum / 200'000 == doctest::Approx(table.mean()).epsilon(0.02));
    for (quantile_point const& p : table.points()) {
        auto const upto = std::count_if(values.begin(), values.end(), [&](double v) { return v <= p.value; });
        CHECK(std::abs(static_cast<double>(upto) / 200'000 - p.share) < 0.005);
    }
    CHECK(quantile_table{{0, 7}, {1, 7}}.mean() == 7);
    CHECK(quantile_table{{0, 1}, {1, std::exp(1.0)}}.mean() == doctest::Approx(std::exp(1.0) - 1));
}

TEST_CASE("quantile_table: points that make no table are told apart") {
    constexpr double infinity = std::numeric_limits<double>::infinity();
    constexpr double nan = std::numeric_limits<double>::quiet_NaN();
    using points = std::vector<quantile_point>;
    CHECK(quantile_table::is_sound(points{{0, 1}, {1, 1}}));
    CHECK(quantile_table::is_sound(points{{0, 1}, {0.5, 1}, {1, 2}}));
    for (points const& bad :
         {points{}, points{{0, 1}}, points{{0, 0}, {1, 1}}, points{{0, -1}, {1, 1}}, points{{0.1, 1}, {1, 2}},
          points{{0, 1}, {0.9, 2}}, points{{0, 1}, {0.5, 3}, {1, 2}}, points{{0, 1}, {0.5, 2}, {0.5, 3}, {1, 4}},
          points{{0, 1}, {1, infinity}}, points{{0, nan}, {1, 1}}, points{{0, 1}, {1, nan}},
          points{{0, 1}, {nan, 2}, {1, 3}}, points{{0, 1}, {0.5, nan}, {1, 3}}}) {
        CHECK_FALSE(quantile_table::is_sound(bad));
    }
}
