// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/gpu/queueing.hpp>
#include <hpcsched/testing/conformance/queueing_policy.hpp>

#include <doctest/doctest.h>

#include "site.hpp"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

namespace hpcsched::gpu {
namespace {

using namespace test;

/// Wants are numbered in order of arrival.
waiting_want waits(std::uint64_t number, lease_want w, time_point since = {}) {
    w.owner = number;
    return {std::move(w), since, number};
}

template <class Policy>
std::vector<std::uint64_t> order(Policy const& p, std::vector<waiting_want> wants, time_point now = {},
                                 tenant_usage const& usage = {}) {
    std::sort(wants.begin(), wants.end(), [&](waiting_want const& a, waiting_want const& b) {
        auto const one = p.rank(a, now, usage);
        auto const other = p.rank(b, now, usage);
        return one != other ? one < other : a.number < b.number;
    });
    std::vector<std::uint64_t> numbers;
    for (waiting_want const& w : wants) {
        numbers.push_back(w.number);
    }
    return numbers;
}

using numbers = std::vector<std::uint64_t>;

} // namespace

TEST_CASE("fifo: the more urgent first, then who came first") {
    CHECK(order(fifo{}, {waits(1, {}), waits(2, {.priority = 5}), waits(3, {.priority = -5}),
                         waits(4, {.priority = 5})}) == numbers{2, 4, 1, 3});
}

TEST_CASE("fifo: nobody passes, or nobody passes who has waited for as long as its patience") {
    CHECK(fifo{}.holds_up(waits(1, {}), at(0s)));
    fifo const patient{.patience = 60s};
    CHECK_FALSE(patient.holds_up(waits(1, {}, at(10s)), at(69s)));
    CHECK(patient.holds_up(waits(1, {}, at(10s)), at(70s)));
    CHECK_FALSE(fifo{.patience = unlimited}.holds_up(waits(1, {}), at(1'000'000s)));
}

TEST_CASE("fifo: the extremes of urgency are in order as well") {
    constexpr std::int32_t least = std::numeric_limits<std::int32_t>::min();
    constexpr std::int32_t most = std::numeric_limits<std::int32_t>::max();
    CHECK(order(fifo{}, {waits(1, {.priority = least}), waits(2, {.priority = 0}), waits(3, {.priority = most}),
                         waits(4, {.priority = least + 1})}) == numbers{3, 2, 4, 1});
}

TEST_CASE("shortest_first: the shortest run first, and those that are not known last") {
    CHECK(order(shortest_first{}, {waits(1, {}), waits(2, {.expected_run = 60s}), waits(3, {.expected_run = 5s}),
                                   waits(4, {.expected_run = unlimited}), waits(5, {.priority = 1})}) ==
          numbers{5, 3, 2, 1, 4});
    CHECK_FALSE(shortest_first::holds_up(waits(1, {}), at(1'000'000s)));
}

TEST_CASE("aged: the larger ratio of waiting to run goes first") {
    std::vector<waiting_want> const wants{waits(1, {.expected_run = 100s}, at(0s)),
                                          waits(2, {.expected_run = 10s}, at(90s)),
                                          waits(3, {.expected_run = 1s}, at(100s))};
    CHECK(order(aged{}, wants, at(100s)) == numbers{1, 2, 3}); // 100/100, 10/10, 0
    CHECK(order(aged{}, wants, at(101s)) == numbers{2, 1, 3}); // 1.01, 1.1, 1
    CHECK(order(aged{}, wants, at(110s)) == numbers{3, 2, 1}); // 1.1, 2, 10
    CHECK(order(aged{.unknown_run = 1s}, {waits(1, {.expected_run = 2s}), waits(2, {})}, at(10s)) == numbers{2, 1});
    CHECK_FALSE(aged{}.holds_up(waits(1, {}), at(1'000'000s)));
    CHECK(aged{.patience = 5s}.holds_up(waits(1, {}, at(2s)), at(7s)));
}

TEST_CASE("aged: runs too short to be divided by a thousand count as a microsecond") {
    CHECK(order(aged{}, {waits(1, {.expected_run = 1ns}), waits(2, {.expected_run = 999ns})}, at(1s)) == numbers{1, 2});
    CHECK(order(aged{}, {waits(1, {.expected_run = 1ms}), waits(2, {.expected_run = 1ns})}, at(1s)) == numbers{2, 1});
}

// Two tenants share eight devices: the first may have six, the second two.
TEST_CASE("fair_share: who would stay within the quota goes first, and there who uses the smallest part of it") {
    fair_share const p{{{1, 6000}, {2, 2000}}};
    auto const of = [](std::uint64_t number, std::uint32_t tenant, std::uint16_t count = 1) {
        return waits(number, {.request = whole(count), .tenant = tenant});
    };
    CHECK(order(p, {of(1, 2), of(2, 1)}) == numbers{1, 2});                             // neither has anything
    CHECK(order(p, {of(1, 2), of(2, 1)}, {}, {{1, 2000}, {2, 1000}}) == numbers{2, 1}); // a third, a half
    CHECK(order(p, {of(1, 2), of(2, 1)}, {}, {{1, 5000}, {2, 0}}) == numbers{1, 2});
    CHECK(order(p, {of(1, 2), of(2, 1)}, {}, {{1, 5000}, {2, 2000}}) == numbers{2, 1}); // the second is at its quota
    CHECK(order(p, {of(1, 2, 3), of(2, 1)}, {}, {{1, 5000}}) == numbers{2, 1});         // would pass it
    CHECK(order(p, {of(1, 1), of(2, 2)}, {}, {{1, 9000}, {2, 4000}}) == numbers{1, 2}); // both beyond: 1.5, 2
}

TEST_CASE("fair_share: a tenant without a quota has the default one, one with a quota of 0 gets what others leave") {
    fair_share const p{{{1, 0}}, 1000};
    auto const of = [](std::uint64_t number, std::uint32_t tenant) {
        return waits(number, {.request = whole(1), .tenant = tenant});
    };
    CHECK(order(p, {of(1, 1), of(2, 7)}) == numbers{2, 1});
    CHECK(order(p, {of(1, 1), of(2, 7)}, {}, {{7, 1000}}) == numbers{1, 2}); // 7 would be beyond, and has more
    CHECK(order(p, {of(1, 7), of(2, 8)}, {}, {{7, 500}}) == numbers{2, 1});
    CHECK_FALSE(p.holds_up(of(1, 7), at(1'000'000s)));
    CHECK(fair_share{{}, 1000, 5s}.holds_up(of(1, 7), at(5s)));
}

TEST_CASE("queueing policies: each keeps to the rules") {
    using broken = std::vector<std::string>;
    CHECK(testing::check_queueing_policy(fifo{}) == broken{});
    CHECK(testing::check_queueing_policy(fifo{.patience = 60s}) == broken{});
    CHECK(testing::check_queueing_policy(shortest_first{}) == broken{});
    CHECK(testing::check_queueing_policy(aged{.patience = 60s}) == broken{});
    CHECK(testing::check_queueing_policy(fair_share{{{1, 6000}, {2, 0}}}) == broken{});
    CHECK(goes_by_usage<fair_share>);
    CHECK_FALSE(goes_by_usage<fifo>);
}

namespace {

// What the check is there for.
struct least_urgent_first {
    [[nodiscard]] static queue_rank rank(waiting_want const& w, time_point, tenant_usage const&) noexcept {
        return {w.what.priority, 0};
    }
    [[nodiscard]] static bool holds_up(waiting_want const&, time_point) noexcept { return true; }
};
struct changes_its_mind {
    mutable std::int64_t asked = 0;
    [[nodiscard]] queue_rank rank(waiting_want const&, time_point, tenant_usage const&) const noexcept {
        return {++asked, 0};
    }
    [[nodiscard]] static bool holds_up(waiting_want const&, time_point) noexcept { return true; }
};
struct loses_its_patience_and_finds_it : fifo {
    [[nodiscard]] static bool holds_up(waiting_want const& w, time_point now) noexcept {
        return (now - w.since).count() % 2 == 0;
    }
};
struct says_that_it_ignores_usage : fair_share {
    using fair_share::fair_share;
    static constexpr bool ignores_usage = true;
};

} // namespace

TEST_CASE("queueing policies: what breaks a rule is found out") {
    CHECK(testing::check_queueing_policy(least_urgent_first{}).size() == 1);
    CHECK(testing::check_queueing_policy(changes_its_mind{}).size() == 1);
    CHECK(testing::check_queueing_policy(loses_its_patience_and_finds_it{}).size() == 1);
    CHECK(testing::check_queueing_policy(says_that_it_ignores_usage{std::map<std::uint32_t, std::int64_t>{}}).size() ==
          1);
}

} // namespace hpcsched::gpu
