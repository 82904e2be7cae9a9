// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_WORKLOAD_SCALE_TO_LOAD_HPP
#define HPCSCHED_WORKLOAD_SCALE_TO_LOAD_HPP

#include <hpcsched/core/assert.hpp>
#include <hpcsched/core/result.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/workload/generator_config.hpp>
#include <hpcsched/workload/invocation.hpp>
#include <hpcsched/workload/offered_work.hpp>

#include <cstdint>
#include <string>
#include <utility>

namespace hpcsched::workload {

/// A stretch of the time line: the span `from`, which begins at `origin`, becomes the span `to`, which begins at 0.
struct time_scale {
    time_point origin{};
    duration from{1}; ///< > 0
    duration to{1};   ///< >= 0

    /// `at` on the new time line, rounded down to whole nanoseconds. Each time is scaled from the origin: rounding
    /// does not add up, and the order of times stays (two may fall together).
    /// \pre origin <= at; (at - origin) * to / from fits in 63 bits
    [[nodiscard]] time_point operator()(time_point at) const noexcept {
        HPCSCHED_ASSERT(at >= origin);
        HPCSCHED_ASSERT(from > duration::zero());
        __extension__ using wide = unsigned __int128;
        auto const elapsed = static_cast<wide>((at - origin).count());
        wide const scaled = elapsed * static_cast<wide>(to.count()) / static_cast<wide>(from.count());
        HPCSCHED_ASSERT(scaled <= static_cast<wide>(duration::max().count()));
        return time_point{duration{static_cast<std::int64_t>(scaled)}};
    }

    friend bool operator==(time_scale const&, time_scale const&) = default;
};

namespace detail {

[[nodiscard]] inline result<void> validate_target(std::uint32_t cpu_count, double load) {
    if (!(load > 0) || load > generator_limits::max_load) {
        return error{"load " + number_text(load) + " is not above 0 and at most " +
                     number_text(generator_limits::max_load) + "; it is a fraction, 0.8 means 80 %"};
    }
    if (cpu_count == 0 || cpu_count > generator_limits::max_cpu_count) {
        return error{"cpu count " + std::to_string(cpu_count) + " is not between 1 and " +
                     std::to_string(generator_limits::max_cpu_count) + "; give the cpu count that the load is for"};
    }
    return {};
}

} // namespace detail

/// The stretch of time that brings a recorded workload to `load` on `cpu_count` CPUs, by multiplying all its
/// inter-arrival times by one factor. Service times stay, and blocking is not load.
///
/// The new span is work.service / (cpu_count * load), rounded to the nearest nanosecond; the load that comes out is
/// exact to that rounding.
/// \param work  of the whole workload, from `measure_work`
/// \error a load or CPU count out of range; no two distinct arrivals; a span beyond 50 years
[[nodiscard]] inline result<time_scale> scale_to_load(offered_work const& work, std::uint32_t cpu_count, double load) {
    if (auto const valid = detail::validate_target(cpu_count, load); !valid) {
        return valid.error();
    }
    if (work.span() <= duration::zero()) {
        return error{
            "the workload has " + std::to_string(work.count) +
            " invocations at one instant, and no inter-arrival time to scale; give it arrivals of another kind"};
    }
    double const span_ns = static_cast<double>(work.service.count()) / (load * cpu_count);
    if (span_ns > generator_limits::max_span_ns) {
        return error{"load " + detail::number_text(load) + " stretches the workload to " +
                     detail::number_text(span_ns / 1e9 / 86'400 / 365) + " years, more than 50; raise the load"};
    }
    return time_scale{work.first, work.span(), duration{static_cast<std::int64_t>(span_ns + 0.5)}};
}

/// The mean inter-arrival time, in nanoseconds, that gives a workload `load` on `cpu_count` CPUs: for arrivals that
/// replace recorded ones.
/// \error a load or CPU count out of range; no invocations
[[nodiscard]] inline result<double> mean_interarrival_for_load(offered_work const& work, std::uint32_t cpu_count,
                                                               double load) {
    if (auto const valid = detail::validate_target(cpu_count, load); !valid) {
        return valid.error();
    }
    if (work.count == 0) {
        return error{"the workload has no invocations"};
    }
    return static_cast<double>(work.service.count()) / static_cast<double>(work.count) / (load * cpu_count);
}

/// The invocations of a source, with arrivals on another time scale. All else passes unchanged.
/// \tparam Source  owned; `S&` to borrow a source that outlives this
/// \pre no arrival of the source is before `scale.origin`
template <invocation_source Source>
class rescaled {
  public:
    rescaled(Source source, time_scale scale) : source_{std::forward<Source>(source)}, scale_{scale} {}

    /// \error what the source says
    [[nodiscard]] result<bool> next(invocation& out) {
        result<bool> more = source_.next(out);
        if (more && *more) {
            out.arrival = scale_(out.arrival);
        }
        return more;
    }

    [[nodiscard]] Source& source() noexcept { return source_; }

  private:
    Source source_;
    time_scale scale_;
};

} // namespace hpcsched::workload

#endif
