// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_PREDICT_CONFIDENCE_HPP
#define HPCSCHED_PREDICT_CONFIDENCE_HPP

#include <hpcsched/core/assert.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

namespace hpcsched::predict {

/// From `low` to `high`, both included.
struct interval {
    double low = -std::numeric_limits<double>::infinity();
    double high = std::numeric_limits<double>::infinity();

    [[nodiscard]] constexpr double half_width() const noexcept { return (high - low) / 2; }
    [[nodiscard]] constexpr bool contains(double value) const noexcept { return low <= value && value <= high; }
    friend constexpr bool operator==(interval const&, interval const&) = default;
};

/// An interval for a probability that may be looked at after every observation: that it ever fails to contain the truth
/// has at most the stated probability, however the moment to stop is chosen. A usual 95 % interval that is watched
/// until it is narrow is wrong far more often than it says.
///
/// \source the Beta-binomial mixture: Robbins, "Statistical methods related to the law of the iterated logarithm",
/// 1970;
///   Howard, Ramdas, McAuliffe, Sekhon, "Time-uniform Chernoff bounds via nonnegative supermartingales", 2020. The
///   mixing prior is uniform.
/// \complexity O(1) to add, 60 steps of bisection for each end of the interval
class probability_sequence {
  public:
    void add(bool yes) noexcept {
        double const likelihood =
            (static_cast<double>(yes ? yes_ : count_ - yes_) + 1) / (static_cast<double>(count_) + 2);
        log_mixture_ += std::log(likelihood);
        ++count_;
        yes_ += yes ? 1U : 0U;
    }

    [[nodiscard]] std::uint64_t count() const noexcept { return count_; }
    [[nodiscard]] std::uint64_t yes() const noexcept { return yes_; }

    /// \param error  the probability that it fails to contain the truth, ever; in (0, 1)
    [[nodiscard]] interval within(double error) const noexcept {
        HPCSCHED_ASSERT(error > 0 && error < 1);
        if (count_ == 0) {
            return {0, 1};
        }
        double const best = static_cast<double>(yes_) / static_cast<double>(count_);
        return {yes_ == 0 ? 0 : end(0, best, error), yes_ == count_ ? 1 : end(1, best, error)};
    }

  private:
    /// How much better the mixture explains what was seen than the probability `p` does; beyond log(1 / error), p is
    /// out.
    [[nodiscard]] double evidence_against(double p) const noexcept {
        auto const yes = static_cast<double>(yes_);
        auto const no = static_cast<double>(count_ - yes_);
        return log_mixture_ - (yes > 0 ? yes * std::log(p) : 0) - (no > 0 ? no * std::log1p(-p) : 0);
    }
    [[nodiscard]] double end(double outside, double inside, double error) const noexcept {
        double const bound = -std::log(error);
        for (int step = 0; step < 60; ++step) {
            double const middle = (outside + inside) / 2;
            (evidence_against(middle) < bound ? inside : outside) = middle;
        }
        return outside;
    }

    double log_mixture_ = 0; ///< logarithm of the probability of what was seen, over all probabilities alike
    std::uint64_t count_ = 0;
    std::uint64_t yes_ = 0;
};

/// The same for the mean of numbers. Asymptotic: it holds its error where the mean of the first numbers is close to
/// normal; with a tail that the first worlds did not show it can be too narrow.
///
/// \source Waudby-Smith, Arbour, Sinha, Kennedy, Ramdas, "Time-uniform central limit theory and asymptotic confidence
///   sequences", 2021, theorem 2.2; narrowest near 256 numbers.
/// \complexity O(1)
class mean_sequence {
  public:
    /// \pre value is finite
    void add(double value) noexcept {
        HPCSCHED_ASSERT(std::isfinite(value));
        ++count_;
        double const away = value - mean_;
        mean_ += away / static_cast<double>(count_);
        squares_ += away * (value - mean_);
    }

    [[nodiscard]] std::uint64_t count() const noexcept { return count_; }
    [[nodiscard]] double mean() const noexcept { return mean_; }
    /// Of the numbers seen, with n - 1; 0 for fewer than two.
    [[nodiscard]] double standard_deviation() const noexcept {
        return count_ < 2 ? 0 : std::sqrt(squares_ / static_cast<double>(count_ - 1));
    }

    /// \param error  the probability that it fails to contain the truth, ever; in (0, 1)
    /// \return without bounds for fewer than two numbers
    [[nodiscard]] interval within(double error) const noexcept {
        HPCSCHED_ASSERT(error > 0 && error < 1);
        if (count_ < 2) {
            return {};
        }
        double const narrowest_at = 256;
        double const tail = -2 * std::log(error);
        double const rho2 = (tail + std::log(tail + 1)) / narrowest_at;
        auto const n = static_cast<double>(count_);
        double const growth = n * rho2 + 1;
        double const radius =
            standard_deviation() * std::sqrt(2 * growth / (n * n * rho2) * std::log(std::sqrt(growth) / error));
        return {mean_ - radius, mean_ + radius};
    }

  private:
    std::uint64_t count_ = 0;
    double mean_ = 0;
    double squares_ = 0;
};

} // namespace hpcsched::predict

#endif
