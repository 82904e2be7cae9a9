// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_EXPERIMENT_ESTIMATE_HPP
#define HPCSCHED_EXPERIMENT_ESTIMATE_HPP

#include <limits>
#include <span>

namespace hpcsched::experiment {

/// A figure over several seeds.
struct estimate {
    double mean = std::numeric_limits<double>::quiet_NaN();
    double half_width = std::numeric_limits<double>::quiet_NaN(); ///< of the 95 % interval; NaN: fewer than two seeds
};

/// The mean of independent samples, one per seed; NaN without any.
/// \source Student's t interval with n - 1 degrees of freedom
/// \complexity O(n)
[[nodiscard]] estimate estimate_of(std::span<double const> samples);

/// The quotient of two means of samples taken in pairs, one pair per seed; NaN where the denominators' mean is not
/// positive.
/// \pre as many numerators as denominators
/// \source ratio estimator: Cochran, "Sampling techniques" (3rd ed., 1977), section 2.11, with Student's t
/// \complexity O(n)
[[nodiscard]] estimate ratio_of(std::span<double const> numerators, std::span<double const> denominators);

} // namespace hpcsched::experiment

#endif
