// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/core/time.hpp>

#include <doctest/doctest.h>

#include <type_traits>

namespace hpcsched {

using namespace std::chrono_literals;

TEST_CASE("time: a plain number is not a duration") {
    static_assert(!std::is_convertible_v<std::int64_t, duration>);
    static_assert(!std::is_convertible_v<double, duration>);
    static_assert(!std::is_convertible_v<std::chrono::steady_clock::time_point, time_point>);
    CHECK(duration{1ms}.count() == 1'000'000);
}

TEST_CASE("time: a sum past the end of time is never") {
    CHECK(saturating_add(time_point{5ns}, unlimited) == never);
    CHECK(saturating_add(time_point{5ns}, 6ns) == time_point{11ns});
    CHECK(saturating_add(never, 0ns) == never);
}

TEST_CASE("time: seconds round to the nearest nanosecond") {
    CHECK(from_seconds(0.0000000014) == 1ns);
    CHECK(from_seconds(0.0000000016) == 2ns);
    CHECK(from_seconds(-0.0000000016) == -2ns);
    CHECK(to_seconds(1500ms) == doctest::Approx(1.5));
    CHECK(to_milliseconds(1500us) == doctest::Approx(1.5));
}

} // namespace hpcsched
