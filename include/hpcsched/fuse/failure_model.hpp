// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_FUSE_FAILURE_MODEL_HPP
#define HPCSCHED_FUSE_FAILURE_MODEL_HPP

#include <hpcsched/fuse/candidate.hpp>
#include <hpcsched/fuse/drop_features.hpp>
#include <hpcsched/fuse/filter.hpp>

#include <Eigen/Cholesky>
#include <Eigen/Core>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace hpcsched::fuse {

/// Turns away what will hardly be accepted, by logistic regression on `drop_features` of all that was trained; one in
/// `quota` of those passes all the same, so that the model hears of what it condemns. Says nothing before it has seen
/// `outcomes_needed` of each sort.
/// \source Cox, "The regression analysis of binary sequences", 1958; fitted by Newton's steps, with a ridge
class failure_model {
  public:
    struct config {
        double least_chance = 0.05;
        std::uint32_t quota = 20;
        std::size_t outcomes_needed = 5; ///< accepted, and failed
        double ridge = 0.5;
        std::size_t memory = 400; ///< outcomes that are remembered, the newest
    };

    failure_model() = default;
    explicit failure_model(config c) : config_{c} {}

    [[nodiscard]] bool admits(search_view const& view, candidate const& c) {
        if (weights_.size() == 0 || chance(drop_features(view.teachers, c.graph)) >= config_.least_chance) {
            return true;
        }
        return config_.quota != 0 && ++condemned_ % config_.quota == 0;
    }

    /// \complexity O(outcomes * features^2)
    void learn(search_view const& view, candidate const& c, outcome const& o) {
        if (o.how == ending::failed) {
            return;
        }
        if (rows_.size() == config_.memory) {
            (accepted_.front() ? good_ : bad_) -= 1;
            rows_.erase(rows_.begin());
            accepted_.erase(accepted_.begin());
        }
        rows_.push_back(with_constant(drop_features(view.teachers, c.graph)));
        accepted_.push_back(o.accepted);
        (o.accepted ? good_ : bad_) += 1;
        if (good_ >= config_.outcomes_needed && bad_ >= config_.outcomes_needed) {
            fit();
        }
    }

    /// Of being accepted; half of all where nothing was fitted yet.
    [[nodiscard]] double chance(Eigen::VectorXd const& features) const {
        return weights_.size() == 0 ? 0.5 : logistic(weights_.dot(with_constant(features)));
    }

  private:
    static double logistic(double z) noexcept { return 1 / (1 + std::exp(-z)); }
    static Eigen::VectorXd with_constant(Eigen::VectorXd const& features) {
        Eigen::VectorXd x(features.size() + 1);
        x << features, 1.0;
        return x;
    }

    void fit() {
        auto const size = rows_.front().size();
        if (weights_.size() == 0) {
            weights_ = Eigen::VectorXd::Zero(size);
        }
        for (int step = 0; step < 8; ++step) {
            Eigen::VectorXd slope = -config_.ridge * weights_;
            Eigen::MatrixXd bend = config_.ridge * Eigen::MatrixXd::Identity(size, size);
            for (std::size_t i = 0; i < rows_.size(); ++i) {
                double const p = logistic(weights_.dot(rows_[i]));
                slope += ((accepted_[i] ? 1.0 : 0.0) - p) * rows_[i];
                bend += p * (1 - p) * rows_[i] * rows_[i].transpose();
            }
            weights_ += bend.ldlt().solve(slope);
        }
    }

    config config_{};
    std::vector<Eigen::VectorXd> rows_;
    std::vector<bool> accepted_;
    std::size_t good_ = 0;
    std::size_t bad_ = 0;
    std::uint64_t condemned_ = 0;
    Eigen::VectorXd weights_;
};

static_assert(candidate_filter<failure_model>);

} // namespace hpcsched::fuse

#endif
