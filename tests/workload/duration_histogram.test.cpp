// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/core/random.hpp>
#include <hpcsched/workload/duration_histogram.hpp>

#include <boost/random/uniform_int_distribution.hpp>
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>
#include <vector>

namespace hpcsched::workload {

using namespace std::chrono_literals;

TEST_CASE("duration_histogram: small values are exact") {
    for (std::int64_t v = 0; v < 512; ++v) {
        duration_histogram h;
        h.add(duration{0});
        h.add(duration{v});
        h.add(duration{511});
        CHECK(h.percentile({2, 3}) == duration{v});
    }
}

TEST_CASE("duration_histogram: a percentile is off by one part in 512 at most") {
    random_stream bits{1, "histogram"};
    for (int round = 0; round < 30; ++round) {
        duration_histogram h;
        std::vector<duration> values;
        for (int i = 0; i < 500; ++i) {
            int const octave = boost::random::uniform_int_distribution<int>{0, 62}(bits);
            std::int64_t const top = std::int64_t{1} << octave;
            values.emplace_back(boost::random::uniform_int_distribution<std::int64_t>{0, top}(bits));
            h.add(values.back());
        }
        std::sort(values.begin(), values.end());
        for (ratio const share : {ratio{1, 500}, ratio{1, 10}, p50, p75, p90, p95, p99, p999, ratio{1, 1}}) {
            auto const exact = static_cast<double>(percentile(std::span<duration const>{values}, share).count());
            auto const found = static_cast<double>(h.percentile(share).count());
            REQUIRE(std::abs(found - exact) <= exact / 512 + 1e-9);
        }
        CHECK(h.min() == values.front());
        CHECK(h.max() == values.back());
        CHECK(h.count() == 500);
    }
}

TEST_CASE("duration_histogram: the longest duration has a place") {
    duration_histogram h;
    h.add(unlimited);
    CHECK(h.percentile(p50) == unlimited);
    h.add(1ns);
    CHECK(h.percentile(p50) == 1ns);
    CHECK(h.percentile({1, 1}) <= unlimited);
}

} // namespace hpcsched::workload
