// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_CPU_ALPS_CONFIG_HPP
#define HPCSCHED_CPU_ALPS_CONFIG_HPP

#include <hpcsched/core/result.hpp>
#include <hpcsched/core/time.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>

namespace hpcsched::cpu {

/// How a learned slice is trimmed; the defaults are the paper's.
/// \source ALPS, Fu et al., ATC'24, section 5.2.2, equations (2) and (3)
struct alps_tuning {
    double alpha = 2;                 ///< the slice is alpha x the forecast ..., >= 0
    double beta = 1;                  ///< ... less beta x the standard deviation of the runs, >= 0
    double gamma = 1;                 ///< > 0; a larger one shortens slices more under overload
    double theta = 50;                ///< CPU utilisation in % from which on a machine is overloaded, 0 .. 100
    bool for_unpredictability = true; ///< false: the slice is the forecast
    bool for_overload = true;         ///< false: slices do not depend on utilisation

    /// p, the part of a slice that a machine of that utilisation (in %) gives; the slice is never lengthened by it.
    ///
    /// The paper's text says that a larger p brings the behaviour closer to CFS; by its own formula a smaller one does.
    [[nodiscard]] double overload_factor(double utilisation) const noexcept {
        return utilisation < theta ? 1.0 : (100 + theta - utilisation) / (100 * gamma);
    }
};

/// What the published program (ds2-lab/ALPS, frontend) does otherwise than the paper. Each is off by default.
///
/// Not emulated: the initial policy (one function with a slice of 100 ms), which the first exchange overwrites; the
/// options that crash; and its eBPF ordering hook, whose comparison is always false.
struct alps_quirks {
    bool jobs_of_mean_size = false; ///< every job of a function is replayed with `job_size_percent` of the mean CPU
                                    ///< time of that function's sampled requests, both in whole milliseconds
    std::uint32_t job_size_percent = 69;
    bool order_by_slice = false;  ///< functions are ordered by their forecast slice, not by their wait
    bool cap_at_previous = false; ///< in that order, no slice is longer than the one before it, if that is not 0
    bool beta_in_overload_factor = false; ///< p is multiplied by beta, and may lengthen a slice
    bool whole_milliseconds = false;      ///< alpha x forecast, and the final slice, are truncated to milliseconds
    duration stretched_max = unlimited;   ///< longest alpha x forecast
    bool discard_ranks = false;           ///< ranks are learned, but not used
    bool early_arrivals = false; ///< a request that arrived before the window began is replayed from its true arrival
    bool forget_absent = false;  ///< a function that the last window did not see is unknown again
};

/// How `alps` asks the kernel for its order.
enum class alps_actuator : std::uint8_t {
    ranks,       ///< by `set_rank`: a kernel with ALPS's hooks, or a sched_ext scheduler
    nice_levels, ///< by `set_nice`: ranks spread evenly over -20 .. 19, for a stock kernel
};

/// Parameters of `alps`; the defaults are the paper's.
struct alps_config {
    duration window{5'000'000'000};  ///< W: requests are collected for so long, then learned from, > 0
    std::uint32_t sample_every = 0;  ///< a sample is every so many-th finished request; 0: as many as there are CPUs
    bool all_samples = true;         ///< each sample is replayed by itself, and all are learned from together; false:
                                     ///< one of them is replayed, the others are thrown away
    std::size_t sample_max = 10'000; ///< most requests replayed, those of latest arrival, >= 1
    duration min_quantum{0};         ///< of the replay: shortest run before another job takes its place, >= 0
    alps_tuning tuning{};
    alps_actuator actuator = alps_actuator::ranks;
    alps_quirks quirks{};

    /// As the published program with its default options: a window of 12 s, one sample of every 24th request and at
    /// most 100 of them, a quantum of 8 ms, alpha = 1, and every quirk.
    ///
    /// The program samples at random; this samples evenly.
    [[nodiscard]] static alps_config repository() noexcept {
        return {.window = duration{12'000'000'000},
                .sample_every = 24,
                .all_samples = false,
                .sample_max = 100,
                .min_quantum = duration{8'000'000},
                .tuning = {.alpha = 1},
                .quirks = {.jobs_of_mean_size = true,
                           .order_by_slice = true,
                           .cap_at_previous = true,
                           .beta_in_overload_factor = true,
                           .whole_milliseconds = true,
                           .stretched_max = duration{200'000'000},
                           .discard_ranks = true,
                           .early_arrivals = true,
                           .forget_absent = true}};
    }
};

/// Checks the ranges named above.
/// \error names the field and what is allowed
[[nodiscard]] inline result<void> validate(alps_config const& config) {
    alps_tuning const& t = config.tuning;
    if (config.window <= duration{0}) {
        return error{"window must be longer than 0: 5 s in the paper"};
    }
    if (config.sample_max < 1) {
        return error{"sample_max is 0: give the most requests to replay after a window"};
    }
    if (config.min_quantum < duration{0}) {
        return error{"min_quantum is negative: give 0 for ideal SRPT"};
    }
    // Negated, so that NaN fails too.
    if (!(t.alpha >= 0 && std::isfinite(t.alpha)) || !(t.beta >= 0 && std::isfinite(t.beta))) {
        return error{"alpha and beta must be finite numbers, 0 or more: 2 and 1 in the paper"};
    }
    if (!(t.gamma > 0 && std::isfinite(t.gamma))) {
        return error{"gamma must be a finite number greater than 0: 1 in the paper"};
    }
    if (!(t.theta >= 0 && t.theta <= 100)) {
        return error{"theta is " + std::to_string(t.theta) + ": give a CPU utilisation of 0 to 100 %"};
    }
    return {};
}

namespace detail {

/// `length` ns as a duration, rounded to the nearest; nothing below 0 or beyond what fits.
[[nodiscard]] inline duration quantised(double length) noexcept {
    return length < 9e18 ? duration{std::llround(std::max(length, 0.0))} : unlimited;
}

/// The slice to ask for: 0 leaves it to the kernel.
///
/// \param forecast     of the trainer, in ns
/// \param deviation    standard deviation of the runs, in ns
/// \param utilisation  of all CPUs in the window, in %
/// \param previous     the slice before it in the order, for the cap; 0: none
[[nodiscard]] inline duration tuned_slice(alps_config const& config, double forecast, double deviation,
                                          double utilisation, duration previous) noexcept {
    alps_tuning const& tuning = config.tuning;
    alps_quirks const& quirks = config.quirks;
    constexpr double millisecond = 1e6;
    double slice = std::max(forecast, 0.0);
    if (tuning.for_unpredictability) {
        slice *= tuning.alpha;
        if (quirks.whole_milliseconds) {
            slice = std::floor(slice / millisecond) * millisecond;
        }
        slice = std::min(slice, static_cast<double>(quirks.stretched_max.count()));
        slice = std::max(slice - tuning.beta * deviation, 0.0);
    }
    if (quirks.cap_at_previous && previous > duration{0}) {
        slice = std::min(slice, static_cast<double>(previous.count()));
    }
    if (tuning.for_overload) {
        double const factor = tuning.overload_factor(utilisation);
        if (quirks.beta_in_overload_factor) {
            slice *= utilisation < tuning.theta ? 1.0 : tuning.beta * factor;
        } else {
            slice = std::min(factor * slice, slice);
        }
    }
    duration const exact = quantised(slice);
    return quirks.whole_milliseconds ? std::chrono::floor<std::chrono::milliseconds>(exact) : exact;
}

/// Where rank 1 .. `rank_count` stands among the nice values -20 .. 19, rounded to the nearest; -20 for a function that
/// is not ranked, as it comes before all ranks.
[[nodiscard]] constexpr int nice_of_rank(std::int32_t rank, std::int32_t rank_count) noexcept {
    if (rank <= 1 || rank_count <= 1) {
        return -20;
    }
    auto const steps = std::int64_t{rank_count} - 1;
    return static_cast<int>((std::int64_t{rank - 1} * 39 + steps / 2) / steps) - 20;
}

} // namespace detail

} // namespace hpcsched::cpu

#endif
