// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/core/percentiles.hpp>
#include <hpcsched/core/random.hpp>

#include <boost/random/uniform_int_distribution.hpp>
#include <doctest/doctest.h>

#include "death.hpp"

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

namespace hpcsched {
namespace {

int percentile_of(std::vector<int> const& sorted, ratio share) {
    return percentile(std::span<int const>{sorted}, share);
}

// The definition, by counting: the smallest value that at least `share` of all values do not exceed.
int percentile_by_definition(std::vector<int> const& sorted, ratio share) {
    for (int const candidate : sorted) {
        auto const not_above =
            static_cast<std::uint64_t>(std::ranges::count_if(sorted, [&](int v) { return v <= candidate; }));
        if (not_above * share.denominator >= sorted.size() * share.numerator) {
            return candidate;
        }
    }
    return sorted.back();
}

} // namespace

TEST_CASE("percentiles: nearest rank takes a value that occurred, never one between two") {
    CHECK(percentile_of({15, 20, 35, 40, 50}, {5, 100}) == 15);
    CHECK(percentile_of({15, 20, 35, 40, 50}, {30, 100}) == 20);
    CHECK(percentile_of({15, 20, 35, 40, 50}, {40, 100}) == 20);
    CHECK(percentile_of({15, 20, 35, 40, 50}, p50) == 35);
    CHECK(percentile_of({15, 20, 35, 40, 50}, {1, 1}) == 50);
    CHECK(percentile_of({1, 2}, p50) == 1);
}

TEST_CASE("percentiles: one value is every percentile") {
    for (ratio const share : {p50, p75, p90, p95, p99, p999, p9999}) {
        CHECK(percentile_of({7}, share) == 7);
    }
}

TEST_CASE("percentiles: of 10,000 values p99.99 is the last but one") {
    std::vector<int> values(10'000);
    for (std::size_t i = 0; i < values.size(); ++i) {
        values[i] = static_cast<int>(i);
    }
    CHECK(percentile_of(values, p9999) == 9'998);
    CHECK(percentile_of(values, p999) == 9'989);
    CHECK(percentile_of(values, p99) == 9'899);
}

TEST_CASE("percentiles: every rank agrees with the definition by counting") {
    random_stream bits{1, "percentiles"};
    boost::random::uniform_int_distribution<int> draw{0, 20};
    for (std::size_t size = 1; size <= 60; ++size) {
        std::vector<int> values(size);
        std::ranges::generate(values, [&] { return draw(bits); });
        std::ranges::sort(values);
        for (ratio const share : {ratio{1, 1000}, ratio{1, 3}, p50, p75, p90, p95, p99, p999, p9999, ratio{1, 1}}) {
            REQUIRE(percentile_of(values, share) == percentile_by_definition(values, share));
        }
    }
}

TEST_CASE("percentiles: of nothing there is none") {
    CHECK(test::run_apart([] { (void)percentile_of({}, p50); }).aborted);
    CHECK(test::run_apart([] { (void)percentile_of({1}, {0, 1}); }).aborted);
    CHECK(test::run_apart([] { (void)percentile_of({1}, {3, 2}); }).aborted);
}

} // namespace hpcsched
