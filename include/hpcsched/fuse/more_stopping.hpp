// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_FUSE_MORE_STOPPING_HPP
#define HPCSCHED_FUSE_MORE_STOPPING_HPP

#include <hpcsched/fuse/candidate.hpp>
#include <hpcsched/fuse/stopping.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <vector>

namespace hpcsched::fuse {

/// Where a curve that shrinks by the same factor from check to check ends, `steps` checks on, told from its last three
/// points. A curve that does not go down any more stays where it is.
/// \source Aitken, "On Bernoulli's numerical solution of algebraic equations", 1926, for finitely many steps
[[nodiscard]] inline double extrapolated_drop(std::span<curve_point const> curve, double steps) noexcept {
    if (curve.size() < 3) {
        return curve.empty() ? 0 : curve.back().drop;
    }
    auto const a = curve.last(3);
    double const first = a[0].drop - a[1].drop;
    double const second = a[1].drop - a[2].drop;
    if (second <= 0) {
        return a[2].drop;
    }
    double const factor = first <= 0 ? 0.9 : std::min(second / first, 0.95);
    return a[2].drop - second * factor * (1 - std::pow(factor, steps)) / (1 - factor);
}

/// Abandons a training whose curve, extrapolated to the last epoch, ends above what is tolerated by more than a margin.
/// Nothing more is measured of it. The margin allows for checks that scatter.
struct extrapolate {
    std::uint32_t every = 2; ///< epochs between checks, which cost far less than an epoch
    std::size_t points_needed = 4;
    double margin = 0.003;      ///< absolute
    double margin_share = 0.25; ///< of the way that is left by the last check

    [[nodiscard]] training_step next(search_view const& view, candidate const& /*c*/,
                                     std::span<curve_point const> curve) const noexcept {
        if (curve.empty()) {
            return {training_step::kind::train, 0};
        }
        std::uint32_t const epoch = curve.back().epoch;
        double const left = static_cast<double>(view.plan.epochs_max - std::min(epoch, view.plan.epochs_max)) / every;
        double const end = extrapolated_drop(curve, left);
        double const allowed = view.tolerated_drop + margin + margin_share * (curve.back().drop - end);
        if (curve.size() >= points_needed && end > allowed) {
            return {training_step::kind::abandon, epoch, end};
        }
        return {training_step::kind::train, epoch + every};
    }
    void learn(search_view const& /*v*/, candidate const& /*c*/, std::span<curve_point const> /*curve*/,
               outcome const& /*o*/) noexcept {}
};

/// Looks at candidates after `first_rung` epochs, then after each time `eta` times as many, and trains on only what is
/// among the best part, one in `eta`, of all that came to that rung so far. The first `eta` - 1 to come pass.
/// \source Li et al., "A system for massively parallel hyperparameter tuning", MLSys 2020 (asynchronous successive
///         halving). Deviation: what is stopped at a rung is not taken up again later
class successive_halving {
  public:
    struct config {
        std::uint32_t first_rung = 2; ///< epochs
        std::uint32_t eta = 3;
    };

    successive_halving() = default;
    explicit successive_halving(config c) noexcept : config_{c} {}

    [[nodiscard]] training_step next(search_view const& /*view*/, candidate const& /*c*/,
                                     std::span<curve_point const> curve) const {
        if (curve.empty()) {
            return {training_step::kind::train, 0}; // inherited weights may do
        }
        curve_point const& last = curve.back();
        if (last.epoch == 0) {
            return {training_step::kind::train, config_.first_rung};
        }
        auto const rung = rungs_.find(last.epoch);
        if (rung != rungs_.end()) {
            auto const& seen = rung->second;
            auto const better =
                static_cast<std::size_t>(std::lower_bound(seen.begin(), seen.end(), last.drop) - seen.begin());
            if (seen.size() + 1 >= config_.eta && better >= (seen.size() + 1) / config_.eta) {
                return {training_step::kind::abandon, last.epoch};
            }
        }
        return {training_step::kind::train, last.epoch * config_.eta};
    }
    void learn(search_view const& /*v*/, candidate const& /*c*/, std::span<curve_point const> curve, outcome const& o) {
        if (o.how == ending::failed) {
            return;
        }
        for (curve_point const& p : curve) {
            if (p.epoch != 0) {
                auto& seen = rungs_[p.epoch];
                seen.insert(std::upper_bound(seen.begin(), seen.end(), p.drop), p.drop);
            }
        }
    }

  private:
    config config_{};
    std::map<std::uint32_t, std::vector<double>> rungs_; // drops at each, sorted
};

static_assert(stopping_policy<extrapolate> && stopping_policy<successive_halving>);

} // namespace hpcsched::fuse

#endif
