// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_FUSE_GAUSSIAN_PROCESS_HPP
#define HPCSCHED_FUSE_GAUSSIAN_PROCESS_HPP

#include <Eigen/Cholesky>
#include <Eigen/Core>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>
#include <vector>

namespace hpcsched::fuse {

/// What a Gaussian process says of one point.
struct normal_belief {
    double mean = 0;
    double deviation = 1;

    /// Of being at most `bound`.
    [[nodiscard]] double chance_below(double bound) const noexcept {
        return 0.5 * std::erfc((mean - bound) / (deviation * std::sqrt(2.0)));
    }
};

/// Regression by a Gaussian process, of a sum of a linear function without a constant and a smooth one that is small
/// near the origin's neighbours: k(x, y) = linear^2 x.y + smooth^2 exp(-|x - y|^2 / 2 length^2), and noise.
/// \source Rasmussen and Williams, "Gaussian processes for machine learning", 2006, algorithm 2.1
class gaussian_process {
  public:
    struct config {
        double slope = 0.02; ///< mean: so much times the sum of the features
        double linear = 0.05;
        double smooth = 0.01;
        double length = 0.4;
        double noise = 0.003;
        std::size_t memory = 200; ///< observations that are remembered, the newest
    };

    gaussian_process() = default;
    explicit gaussian_process(config c) : config_{c} {}

    /// \complexity O(n^3) for n observations
    void learn(Eigen::VectorXd x, double y) {
        if (points_.size() == config_.memory) {
            points_.erase(points_.begin());
            values_.erase(values_.begin());
        }
        points_.push_back(std::move(x));
        values_.push_back(y);
        auto const n = static_cast<Eigen::Index>(points_.size());
        Eigen::MatrixXd k(n, n);
        Eigen::VectorXd rest(n);
        for (Eigen::Index i = 0; i < n; ++i) {
            rest[i] = values_[static_cast<std::size_t>(i)] - mean(point(i));
            for (Eigen::Index j = 0; j <= i; ++j) {
                k(i, j) = kernel(point(i), point(j));
            }
            k(i, i) += config_.noise * config_.noise;
        }
        factor_.compute(k); // reads the lower half
        weights_ = factor_.solve(rest);
    }

    /// \complexity O(n^2)
    [[nodiscard]] normal_belief at(Eigen::VectorXd const& x) const {
        normal_belief belief{.mean = mean(x)};
        double variance = kernel(x, x) + config_.noise * config_.noise;
        if (!points_.empty()) {
            auto const n = static_cast<Eigen::Index>(points_.size());
            Eigen::VectorXd near(n);
            for (Eigen::Index i = 0; i < n; ++i) {
                near[i] = kernel(x, point(i));
            }
            belief.mean += near.dot(weights_);
            factor_.matrixL().solveInPlace(near);
            variance -= near.squaredNorm();
        }
        belief.deviation = std::sqrt(std::max(variance, config_.noise * config_.noise));
        return belief;
    }

    [[nodiscard]] std::size_t count() const noexcept { return points_.size(); }

  private:
    [[nodiscard]] Eigen::VectorXd const& point(Eigen::Index i) const noexcept {
        return points_[static_cast<std::size_t>(i)];
    }
    [[nodiscard]] double mean(Eigen::VectorXd const& x) const { return config_.slope * x.sum(); }
    [[nodiscard]] double kernel(Eigen::VectorXd const& x, Eigen::VectorXd const& y) const {
        double const apart = (x - y).squaredNorm() / (2 * config_.length * config_.length);
        return config_.linear * config_.linear * x.dot(y) + config_.smooth * config_.smooth * std::exp(-apart);
    }

    config config_{};
    std::vector<Eigen::VectorXd> points_;
    std::vector<double> values_;
    Eigen::LLT<Eigen::MatrixXd> factor_;
    Eigen::VectorXd weights_;
};

} // namespace hpcsched::fuse

#endif
