// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_PREDICT_RESPONSE_HPP
#define HPCSCHED_PREDICT_RESPONSE_HPP

#include <hpcsched/core/assert.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>

namespace hpcsched::predict {

/// How an observer turns a probability into an answer: now and then the question is missed, and answered by habit.
/// \source lapse and bias as in the psychometric function: Wichmann, Hill, "The psychometric function I", 2001
struct response_model {
    double lapse = 0;  ///< probability of answering without regard to what was seen
    double bias = 0.5; ///< probability of a yes then

    /// How often a yes is answered where the probability is `p`.
    [[nodiscard]] constexpr double share(double p) const noexcept { return (1 - lapse) * p + lapse * bias; }
};

/// How some people answered one question.
struct observed_answers {
    double yes = 0;   ///< how many said yes; a share of people times their number need not be whole
    double asked = 0; ///< how many were asked
};

/// How well probabilities explain answers: the logarithm of the binomial likelihood, without the constant that only the
/// answers decide.
///
/// \param probabilities  what a model says of each question; shape [n], in [0, 1]
/// \param observed       the answers to it; shape [n]
/// \param floor          a model is never held to be surer than that: a share of K worlds cannot be 0, only below 1 / K
/// \complexity O(n)
[[nodiscard]] inline double log_likelihood(std::span<double const> probabilities,
                                           std::span<observed_answers const> observed, response_model const& response,
                                           double floor = 1e-3) noexcept {
    HPCSCHED_ASSERT(probabilities.size() == observed.size());
    double sum = 0;
    for (std::size_t n = 0; n < observed.size(); ++n) {
        double const p = std::clamp(response.share(probabilities[n]), floor, 1 - floor);
        sum += observed[n].yes * std::log(p) + (observed[n].asked - observed[n].yes) * std::log1p(-p);
    }
    return sum;
}

} // namespace hpcsched::predict

#endif
