// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_CPU_ALPS_LINEAR_REGRESSION_HPP
#define HPCSCHED_CPU_ALPS_LINEAR_REGRESSION_HPP

#include <hpcsched/core/assert.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/cpu/alps_trainers.hpp>

#include <Eigen/Core>

#include <cstddef>
#include <span>

namespace hpcsched::cpu {

/// The straight line of least squares through the lengths numbered 1 .. n, read off at n + 1.
///
/// One length is its own forecast. A falling line may give a negative one.
/// \complexity O(n); allocates only beyond the most lengths seen so far
/// \thread_safety none; confine to the owner's thread
/// \source ALPS, Fu et al., ATC'24, one of its four learning methods; the position as the only feature is that of its
///         published program
class linear_regression_trainer {
  public:
    [[nodiscard]] double train(std::span<duration const> lengths) noexcept {
        HPCSCHED_ASSERT(!lengths.empty());
        auto const n = static_cast<Eigen::Index>(lengths.size());
        if (n > lengths_.size()) {
            lengths_.resize(n);
        }
        for (Eigen::Index i = 0; i < n; ++i) {
            lengths_[i] = static_cast<double>(lengths[static_cast<std::size_t>(i)].count());
        }
        auto const y = lengths_.head(n).array();
        double const mean = y.mean();
        if (n == 1) {
            return mean;
        }
        // Positions are centred, which decouples slope and intercept: the mean position is (n + 1) / 2, the sum of
        // squares about it (n^3 - n) / 12, and the forecast stands (n + 1) / 2 to the right of it.
        auto const size = static_cast<double>(n);
        double const half = (size + 1) / 2;
        auto const x = Eigen::ArrayXd::LinSpaced(n, 1 - half, size - half);
        double const slope = (x * (y - mean)).sum() / (size * (size * size - 1) / 12);
        return mean + slope * half;
    }

  private:
    Eigen::VectorXd lengths_;
};

static_assert(slice_trainer<linear_regression_trainer>);

} // namespace hpcsched::cpu

#endif
