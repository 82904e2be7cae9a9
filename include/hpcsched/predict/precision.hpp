// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_PREDICT_PRECISION_HPP
#define HPCSCHED_PREDICT_PRECISION_HPP

#include <hpcsched/core/result.hpp>
#include <hpcsched/predict/confidence.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <optional>
#include <string>

namespace hpcsched::predict {

/// When enough worlds were played out.
struct precision {
    double half_width = 0.05;        ///< of the interval; of times, in seconds; 0: as many worlds as are allowed
    double relative_half_width = 0;  ///< beside it, a share of the mean that is narrow enough for numbers and times
    double error = 0.05;             ///< the probability that the interval does not contain the truth
    std::optional<double> against{}; ///< also enough when the interval lies on one side of this value
    std::uint64_t worlds_min = 32;
    std::uint64_t worlds_max = 10'000;
    std::uint64_t steps_max = 1'000'000; ///< of one world; one that is still undecided then has no outcome

    /// As many worlds as that, no more and no fewer.
    [[nodiscard]] static constexpr precision exactly(std::uint64_t worlds) noexcept {
        return {.half_width = 0, .worlds_min = worlds, .worlds_max = worlds};
    }
};

/// Whether an interval around `mean` ends the sampling.
[[nodiscard]] inline bool narrow_enough(precision const& p, interval const& within, double mean) noexcept {
    return within.half_width() <= std::max(p.half_width, p.relative_half_width * std::abs(mean)) ||
           (p.against && !within.contains(*p.against));
}

/// \error what is out of range, and which range it has
[[nodiscard]] inline result<void> validate(precision const& p) {
    auto const wrong = [](std::string message) { return error{"precision: " + std::move(message)}; };
    if (!(p.error > 0 && p.error < 1)) {
        return wrong("error must be above 0 and below 1, such as 0.05");
    }
    if (!(p.half_width >= 0 && p.relative_half_width >= 0)) {
        return wrong("half_width and relative_half_width must be 0 or more");
    }
    if (p.against && !std::isfinite(*p.against)) {
        return wrong("against must be a finite number");
    }
    if (p.worlds_min < 1 || p.worlds_min > p.worlds_max) {
        return wrong("worlds_min must be 1 or more and at most worlds_max");
    }
    if (p.steps_max < 1) {
        return wrong("steps_max must be 1 or more");
    }
    return {};
}

} // namespace hpcsched::predict

#endif
