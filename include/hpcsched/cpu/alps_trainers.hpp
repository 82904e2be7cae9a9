// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_CPU_ALPS_TRAINERS_HPP
#define HPCSCHED_CPU_ALPS_TRAINERS_HPP

#include <hpcsched/core/assert.hpp>
#include <hpcsched/core/time.hpp>

#include <concepts>
#include <cstddef>
#include <span>

namespace hpcsched::cpu {

/// Foretells the next of a sequence of lengths: how `alps` gets a function's slice from its runs under SRPT.
///
/// | expression         | returns                                                                              |
/// |--------------------|--------------------------------------------------------------------------------------|
/// | `t.train(lengths)` | the length to expect next, in ns; any real number, `alps` takes a negative one for 0 |
///
/// `lengths` are in order of time, each > 0; shape [n], n >= 1; borrowed for the call.
///
/// Semantics (not checked by the compiler): 1. Deterministic: equal trainers and equal lengths give equal answers.
/// 2. Finite.
///
/// Models: `mean_trainer` (the paper's default), `ewma_trainer`, `linear_regression_trainer`, `random_forest_trainer`.
template <class T>
concept slice_trainer = std::movable<T> && requires(T& t, std::span<duration const> lengths) {
    { t.train(lengths) } noexcept -> std::same_as<double>;
};

/// The mean of all lengths.
///
/// \complexity O(n)
/// \source ALPS, Fu et al., ATC'24, the default of its four learning methods
struct mean_trainer {
    [[nodiscard]] static double train(std::span<duration const> lengths) noexcept {
        HPCSCHED_ASSERT(!lengths.empty());
        double sum = 0;
        for (duration const length : lengths) {
            sum += static_cast<double>(length.count());
        }
        return sum / static_cast<double>(lengths.size());
    }
};

/// The exponentially weighted mean: each length counts `1 - alpha` as much as the next.
///
/// The weights are normalised over the lengths there are (bias-corrected), so that the first does not count for all
/// that came before it.
/// \complexity O(n)
/// \source ALPS, Fu et al., ATC'24, one of its four learning methods; alpha is its published program's
struct ewma_trainer {
    double alpha = 0.2; ///< 0 < alpha <= 1

    [[nodiscard]] double train(std::span<duration const> lengths) const noexcept {
        HPCSCHED_ASSERT(!lengths.empty());
        HPCSCHED_ASSERT(alpha > 0 && alpha <= 1);
        double sum = 0;
        double weights = 0;
        for (duration const length : lengths) {
            sum = sum * (1 - alpha) + static_cast<double>(length.count());
            weights = weights * (1 - alpha) + 1;
        }
        return sum / weights;
    }
};

static_assert(slice_trainer<mean_trainer>);
static_assert(slice_trainer<ewma_trainer>);

} // namespace hpcsched::cpu

#endif
