// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/gpu/preemption.hpp>
#include <hpcsched/testing/conformance/preemption_policy.hpp>

#include <doctest/doctest.h>

#include "site.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace hpcsched::gpu {
namespace {

using namespace test;

lease granted(time_point when, std::int32_t priority) {
    lease l;
    l.granted = when;
    l.priority = priority;
    return l;
}
waiting_want wanted(std::int32_t priority) {
    return {lease_want{.priority = priority}, {}, 1};
}

} // namespace

TEST_CASE("no_preemption: nobody is interrupted, at any time") {
    CHECK_FALSE(no_preemption::may_take(granted(at(0s), 0), wanted(100), at(1000h)));
    CHECK(no_preemption::earliest(granted(at(0s), 0), wanted(100)) == never);
}

TEST_CASE("minimum_run: a less urgent lease may be taken once it has run for the minimum") {
    minimum_run const p{.minimum = 60s};
    lease const l = granted(at(10s), 3);
    CHECK(p.earliest(l, wanted(4)) == at(70s));
    CHECK_FALSE(p.may_take(l, wanted(4), at(70s - 1ns)));
    CHECK(p.may_take(l, wanted(4), at(70s)));
    CHECK(p.may_take(l, wanted(4), at(70h)));
}

TEST_CASE("minimum_run: a lease that is as urgent is never taken") {
    minimum_run const p{.minimum = 0s};
    CHECK(p.earliest(granted(at(10s), 3), wanted(3)) == never);
    CHECK(p.earliest(granted(at(10s), 3), wanted(2)) == never);
    CHECK_FALSE(p.may_take(granted(at(10s), 3), wanted(3), at(1000h)));
    CHECK(p.may_take(granted(at(10s), 3), wanted(4), at(10s)));
}

TEST_CASE("preemption policies: each keeps to the rules") {
    using broken = std::vector<std::string>;
    CHECK(testing::check_preemption_policy(no_preemption{}) == broken{});
    CHECK(testing::check_preemption_policy(minimum_run{}) == broken{});
    CHECK(testing::check_preemption_policy(minimum_run{.minimum = 0s}) == broken{});
    CHECK(testing::check_preemption_policy(minimum_run{.minimum = unlimited}) == broken{});
}

namespace {

// What the check is there for.
struct takes_from_equals {
    [[nodiscard]] static bool may_take(lease const& l, waiting_want const& w, time_point now) noexcept {
        return now >= earliest(l, w);
    }
    [[nodiscard]] static time_point earliest(lease const& l, waiting_want const& w) noexcept {
        return l.priority <= w.what.priority ? l.granted : never;
    }
};
struct takes_too_early {
    [[nodiscard]] static bool may_take(lease const& l, waiting_want const& w, time_point) noexcept {
        return l.priority < w.what.priority;
    }
    [[nodiscard]] static time_point earliest(lease const& l, waiting_want const& w) noexcept {
        return minimum_run{}.earliest(l, w);
    }
};

} // namespace

TEST_CASE("preemption policies: what breaks a rule is found out") {
    CHECK(testing::check_preemption_policy(takes_from_equals{}).size() == 1);
    CHECK(testing::check_preemption_policy(takes_too_early{}).size() == 1);
}

} // namespace hpcsched::gpu
