// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/workload/interval_arrivals.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cmath>
#include <cstdint>
#include <set>
#include <vector>

using namespace hpcsched;
using namespace hpcsched::workload;
using std::chrono::minutes;

namespace {

constexpr time_point start{std::chrono::seconds{600}};

struct arrival {
    time_point at;
    std::uint32_t function;

    friend bool operator==(arrival const&, arrival const&) = default;
};

std::vector<arrival> arrivals_of(interval_arrivals& made, std::vector<std::int64_t> const& counts) {
    made.begin(start, minutes{1});
    for (std::uint32_t function = 0; function < counts.size(); ++function) {
        made.add(function, counts[function]);
    }
    made.finish();
    std::vector<arrival> out;
    arrival a{};
    while (made.next(a.at, a.function)) {
        out.push_back(a);
    }
    return out;
}

std::vector<arrival> arrivals_of(spread how, std::vector<std::int64_t> const& counts, std::uint64_t seed = 1) {
    interval_arrivals made{how, random_stream{seed, "arrivals"}};
    return arrivals_of(made, counts);
}

} // namespace

TEST_CASE("interval_arrivals: every spread ascends, stays within the interval, and repeats with the same seed") {
    std::vector<std::int64_t> const counts{3, 0, 1'000, 1, 77};
    for (spread const how : {spread::even, spread::uniform, spread::poisson}) {
        std::vector<arrival> const made = arrivals_of(how, counts, 5);
        for (std::size_t i = 0; i < made.size(); ++i) {
            CHECK(made[i].at >= start);
            CHECK(made[i].at < start + minutes{1});
            CHECK((i == 0 || made[i - 1].at <= made[i].at));
            CHECK(made[i].function != 1);
        }
        bool const repeats = made == arrivals_of(how, counts, 5);
        CHECK(repeats);
    }
}

TEST_CASE("interval_arrivals: even and uniform give exactly as many arrivals as recorded") {
    std::vector<std::int64_t> const counts{3, 0, 1'000, 1, 77};
    for (spread const how : {spread::even, spread::uniform}) {
        std::vector<std::int64_t> found(counts.size());
        for (arrival const& a : arrivals_of(how, counts)) {
            ++found[a.function];
        }
        CHECK(found == counts);
    }
}

TEST_CASE("interval_arrivals: even means equal distances, and functions out of step") {
    std::vector<arrival> const made = arrivals_of(spread::even, std::vector<std::int64_t>(40, 6));
    std::vector<std::vector<time_point>> by_function(40);
    for (arrival const& a : made) {
        by_function[a.function].push_back(a.at);
    }
    std::set<time_point> firsts;
    for (auto const& times : by_function) {
        REQUIRE(times.size() == 6);
        for (std::size_t i = 1; i < times.size(); ++i) {
            CHECK(times[i] - times[i - 1] == std::chrono::seconds{10});
        }
        CHECK(times.front() - start < std::chrono::seconds{10});
        firsts.insert(times.front());
    }
    CHECK(firsts.size() == 40);
}

TEST_CASE("interval_arrivals: even counts of any size are exact, without overflow") {
    interval_arrivals made{spread::even, random_stream{1, "arrivals"}};
    made.begin(start, std::chrono::hours{24});
    made.add(0, std::int64_t{1} << 31U);
    made.finish();
    time_point at{};
    std::uint32_t function = 0;
    time_point previous = start;
    for (int i = 0; i < 1'000; ++i) {
        REQUIRE(made.next(at, function));
        CHECK(at >= previous);
        previous = at;
    }
    // 86,400 s / 2^31 = 40.233 us apart, so the thousandth lies 999 to 1,000 times that far in.
    CHECK(at - start >= std::chrono::microseconds{40'192});
    CHECK(at - start <= std::chrono::microseconds{40'234});
}

TEST_CASE("interval_arrivals: uniform arrivals are uniform") {
    std::vector<arrival> const made = arrivals_of(spread::uniform, {200'000});
    // Kolmogorov-Smirnov: the largest distance from the diagonal; 1.63 / sqrt(n) is exceeded once in a hundred times.
    double largest = 0;
    for (std::size_t i = 0; i < made.size(); ++i) {
        double const share = to_seconds(made[i].at - start) / 60.0;
        double const n = static_cast<double>(made.size());
        largest = std::max(
            {largest, std::abs(share - static_cast<double>(i) / n), std::abs(static_cast<double>(i + 1) / n - share)});
    }
    CHECK(largest < 1.63 / std::sqrt(static_cast<double>(made.size())));
}

TEST_CASE("interval_arrivals: in a Poisson process the number varies, with the recorded one as mean and variance") {
    interval_arrivals made{spread::poisson, random_stream{3, "arrivals"}};
    double sum = 0;
    double squares = 0;
    constexpr int rounds = 4'000;
    for (int i = 0; i < rounds; ++i) {
        auto const n = static_cast<double>(arrivals_of(made, {20}).size());
        sum += n;
        squares += n * n;
    }
    double const mean = sum / rounds;
    double const variance = squares / rounds - mean * mean;
    CHECK(mean == doctest::Approx(20.0).epsilon(0.02));
    CHECK(variance == doctest::Approx(20.0).epsilon(0.10));
}

TEST_CASE("interval_arrivals: equal arrivals keep the order in which the functions were added") {
    interval_arrivals made{spread::uniform, random_stream{1, "arrivals"}};
    made.begin(start, duration{1}); // one nanosecond: all arrive at once
    for (std::uint32_t const function : {4U, 2U, 9U}) {
        made.add(function, 2);
    }
    made.finish();
    std::vector<std::uint32_t> order;
    time_point at{};
    std::uint32_t function = 0;
    while (made.next(at, function)) {
        CHECK(at == start);
        order.push_back(function);
    }
    CHECK(order == std::vector<std::uint32_t>{4, 4, 2, 2, 9, 9});
}

TEST_CASE("interval_arrivals: one interval after the other") {
    interval_arrivals made{spread::uniform, random_stream{1, "arrivals"}};
    CHECK(arrivals_of(made, {5}).size() == 5);
    CHECK(arrivals_of(made, {}).empty());
    CHECK(arrivals_of(made, {0, 0}).empty());
    CHECK(arrivals_of(made, {1, 2}).size() == 3);
}
