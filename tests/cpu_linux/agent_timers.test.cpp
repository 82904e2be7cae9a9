// SPDX-License-Identifier: Apache-2.0
#include "agent_timers.hpp"

#include <doctest/doctest.h>

namespace {

using namespace hpcsched;
using cpu_linux::detail::agent_timers;

constexpr time_point at(std::int64_t t) {
    return time_point{duration{t}};
}

TEST_CASE("agent timers: those that are due fire in the order of their deadlines, then of their ids") {
    agent_timers timers;
    timers.arm(timer_id{3}, at(20));
    timers.arm(timer_id{2}, at(10));
    timers.arm(timer_id{1}, at(20));
    timers.arm(timer_id{9}, at(30));
    CHECK(timers.next() == at(10));
    CHECK_FALSE(timers.take_due(at(9)).has_value());
    CHECK(timers.take_due(at(20)) == timer_id{2});
    CHECK(timers.take_due(at(20)) == timer_id{1});
    CHECK(timers.take_due(at(20)) == timer_id{3});
    CHECK_FALSE(timers.take_due(at(20)).has_value());
    CHECK(timers.next() == at(30));
}

TEST_CASE("agent timers: arming again replaces the deadline, cancelling takes it away") {
    agent_timers timers;
    timers.arm(timer_id{1}, at(10));
    timers.arm(timer_id{1}, at(50));
    CHECK_FALSE(timers.take_due(at(49)).has_value());
    timers.cancel(timer_id{1});
    timers.cancel(timer_id{1});
    CHECK(timers.next() == never);
    CHECK_FALSE(timers.take_due(never).has_value());
}

} // namespace
