// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_CORE_TIME_HPP
#define HPCSCHED_CORE_TIME_HPP

#include <chrono>
#include <cstdint>

namespace hpcsched {

/// The library's only time line: signed 64-bit nanoseconds since the start of a run.
///
/// It has no `now()` on purpose: a policy is handed the time, it never reads a clock. The simulator's origin
/// is the start of the run; a live driver documents its own (`CLOCK_MONOTONIC` on Linux).
struct sched_clock {
    using rep = std::int64_t;
    using period = std::nano;
    using duration = std::chrono::duration<rep, period>;
    using time_point = std::chrono::time_point<sched_clock>;
    static constexpr bool is_steady = true;
};

/// A length of time in integer nanoseconds.
using duration = sched_clock::duration;

/// A point on the run's time line, in integer nanoseconds since its origin.
using time_point = sched_clock::time_point;

/// Later than every event: "no deadline".
inline constexpr time_point never = time_point::max();

/// Longer than every task: "no limit".
inline constexpr duration unlimited = duration::max();

/// `at + length`, or `never` where the sum would pass it.
/// \pre at is not before the origin, length >= 0
[[nodiscard]] constexpr time_point saturating_add(time_point at, duration length) noexcept {
    return length > never - at ? never : at + length;
}

/// `seconds` as nanoseconds, rounded to nearest; for the edges where published figures are real numbers.
/// \pre |seconds| < 9.2e9
[[nodiscard]] constexpr duration from_seconds(double seconds) noexcept {
    return duration{static_cast<std::int64_t>(seconds * 1e9 + (seconds < 0 ? -0.5 : 0.5))};
}

/// `length` in seconds, for reports; decisions stay in integers.
[[nodiscard]] constexpr double to_seconds(duration length) noexcept {
    return static_cast<double>(length.count()) * 1e-9;
}

/// `length` in milliseconds, for reports; decisions stay in integers.
[[nodiscard]] constexpr double to_milliseconds(duration length) noexcept {
    return static_cast<double>(length.count()) * 1e-6;
}

} // namespace hpcsched

#endif
