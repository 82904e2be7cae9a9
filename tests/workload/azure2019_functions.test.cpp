// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/workload/azure2019_functions.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <set>
#include <string>
#include <vector>

namespace hpcsched::workload::azure2019 {

TEST_CASE("azure2019_functions: popularity falls with the rank and adds up to one") {
    for (std::uint32_t const n : {1000U, 4000U, 10'000U, 33'333U}) {
        CAPTURE(n);
        std::vector<double> const shares = make_popularity(n).shares;
        REQUIRE(shares.size() == n);
        CHECK(std::accumulate(shares.begin(), shares.end(), 0.0) == doctest::Approx(1).epsilon(1e-9));
        CHECK(*std::min_element(shares.begin(), shares.end()) > 0);
        CHECK(std::is_sorted(shares.rbegin(), shares.rend()));
    }
}

// faas.md 10.1: popularity, cumulative share of invocations by top fraction of functions, and invocations per day.
TEST_CASE("azure2019_functions: popularity meets both published tables") {
    constexpr std::uint32_t n = 10'000;
    popularity_model const model = make_popularity(n);
    for (auto const [fraction, share] : popularity) {
        CAPTURE(fraction);
        auto const top = static_cast<std::ptrdiff_t>(std::lround(fraction * n));
        CHECK(std::accumulate(model.shares.begin(), model.shares.begin() + top, 0.0) ==
              doctest::Approx(share).epsilon(1e-4));
    }
    for (auto const [per_day, share] : invocations_per_day) {
        CAPTURE(per_day);
        double const limit = per_day * (1 + 1e-9) / (model.invocations_per_day * n);
        auto const rare =
            std::count_if(model.shares.begin(), model.shares.end(), [limit](double s) { return s <= limit; });
        CHECK(std::abs(static_cast<double>(rare) / n - share) < 0.005);
    }
}

TEST_CASE("azure2019_functions: every trigger has its share of the functions and of the invocations") {
    constexpr std::uint32_t n = 10'000;
    std::vector<double> const shares = make_popularity(n).shares;
    std::vector<trigger> const assigned = assign_triggers(shares);
    REQUIRE(assigned.size() == n);
    for (std::size_t t = 0; t < triggers.size(); ++t) {
        CAPTURE(t);
        double functions = 0;
        double invocations = 0;
        for (std::size_t rank = 0; rank < n; ++rank) {
            functions += assigned[rank] == static_cast<trigger>(t) ? 1.0 / n : 0;
            invocations += assigned[rank] == static_cast<trigger>(t) ? shares[rank] : 0;
        }
        CHECK(std::abs(functions - triggers[t].functions / 0.999) < 0.001);
        CHECK(std::abs(invocations - triggers[t].invocations / 1.001) < 0.001);
    }
}

// faas.md 10.5, step 3: lognormal(-.38, 2.36) truncated to [1 ms, 224 s]; 10.1: median .684 s.
TEST_CASE("azure2019_functions: mean durations are the quantiles of the truncated fit") {
    CHECK(detail::average_duration_quantile(1e-12) == doctest::Approx(shortest_mean_s).epsilon(1e-6));
    CHECK(detail::average_duration_quantile(1 - 1e-12) == doctest::Approx(longest_mean_s).epsilon(1e-6));
    CHECK(detail::average_duration_quantile(0.5) == doctest::Approx(0.684).epsilon(0.02));
    function_table const table = make_functions(10'000);
    for (auto const [seconds, share] : average_duration_fit_points) {
        CAPTURE(seconds);
        auto const shorter =
            std::count_if(table.functions.begin(), table.functions.end(), [limit = seconds](function_profile const& f) {
                return to_seconds(f.mean_service) <= limit + 1e-9;
            });
        CHECK(std::abs(static_cast<double>(shorter) / 10'000 - share) < 0.01);
    }
}

TEST_CASE("azure2019_functions: popular functions are as long and as short as the others") {
    function_table const table = make_functions(10'000);
    // 31 points of the sequence halve the range evenly: 16 below the median or on it.
    auto const below = std::count_if(table.functions.begin(), table.functions.begin() + 31, [](auto const& f) {
        return to_seconds(f.mean_service) < detail::average_duration_quantile(0.5) + 1e-6;
    });
    CHECK(below == 16);
}

TEST_CASE("azure2019_functions: the coefficient of variation runs through the published points") {
    auto const quantile = [](double share) {
        return detail::interarrival_cv_quantile(interarrival_cv_without_timers, share);
    };
    CHECK(quantile(0.1) == 0);
    CHECK(quantile(0.13) == 0);
    CHECK(quantile(0.36) == doctest::Approx(1));
    CHECK(quantile(0.455) == doctest::Approx(1.5));
    CHECK(quantile(0.55) == doctest::Approx(2));
    CHECK(quantile(0.92) == doctest::Approx(10));
    CHECK(quantile(1.0) == doctest::Approx(20));
    CHECK(detail::interarrival_cv_quantile(interarrival_cv_timers, 0.94) == doctest::Approx(1));
}

TEST_CASE("azure2019_functions: the most popular functions are close to Poisson processes") {
    function_table const table = make_functions(10'000);
    for (std::size_t rank = 0; rank < 100; ++rank) {
        CHECK(table.functions[rank].arrival_cv <= 4 + 1e-9);
        CHECK((rank >= 10 || table.functions[rank].arrival_cv == 1));
    }
}

TEST_CASE("azure2019_functions: names are unique and tell the trigger and the rank") {
    function_table const table = make_functions(1000);
    std::set<std::string> names;
    for (function_profile const& f : table.functions) {
        names.insert(f.name);
    }
    CHECK(names.size() == 1000);
    CHECK(table.functions[9].name == std::string{triggers[static_cast<std::size_t>(table.triggers[9])].name} + "-10");
}

TEST_CASE("azure2019_functions: a table depends on the count alone") {
    function_table const one = make_functions(2000);
    function_table const other = make_functions(2000);
    CHECK(one.triggers == other.triggers);
    CHECK(std::equal(one.functions.begin(), one.functions.end(), other.functions.begin(), [](auto& a, auto& b) {
        return a.name == b.name && a.share == b.share && a.mean_service == b.mean_service &&
               a.arrival_cv == b.arrival_cv;
    }));
}

} // namespace hpcsched::workload::azure2019
