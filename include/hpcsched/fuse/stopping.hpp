// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_FUSE_STOPPING_HPP
#define HPCSCHED_FUSE_STOPPING_HPP

#include <hpcsched/core/assert.hpp>
#include <hpcsched/fuse/candidate.hpp>
#include <hpcsched/fuse/gmorph_mutation.hpp>

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace hpcsched::fuse {

/// What becomes of a candidate in training.
struct training_step {
    enum class kind : std::uint8_t {
        train,    ///< until `until` epochs, then it is looked at again
        conclude, ///< it ends here, and is evaluated
        abandon,  ///< it ends here, and that is all
    };
    kind what = kind::train;
    std::uint32_t until = 0;
    /// Of what is abandoned, the drop that it would have ended at; not given: the last that was measured.
    std::optional<double> expected_drop{};

    friend bool operator==(training_step const&, training_step const&) = default;
};

namespace detail {

/// Part of stopping_policy: says how a training goes on.
template <class S>
concept steers_training =
    requires(S const& s, search_view const& v, candidate const& c, std::span<curve_point const> curve) {
        { s.next(v, c, curve) } -> std::same_as<training_step>;
    };

/// Part of stopping_policy: hears how it ended.
template <class S>
concept learns_curves =
    requires(S& s, search_view const& v, candidate const& c, std::span<curve_point const> curve, outcome const& o) {
        { s.learn(v, c, curve, o) } -> std::same_as<void>;
    };

} // namespace detail

/// When candidates in training are looked at, and which are given up. That one is good enough, or has spent its
/// epochs, the search sees for itself.
///
/// For a policy `s`, a view `v`, a candidate `c`, its curve so far (one point for each check, by epochs) and its
/// outcome `o`:
///
/// | expression                | effect                                                                              |
/// |---------------------------|-------------------------------------------------------------------------------------|
/// | `s.next(v, c, curve)`     | what is done after the last check; with an empty curve, when the first is           |
/// | `s.learn(v, c, curve, o)` | takes note of how a training ended                                                  |
///
/// Semantics (not checked by the compiler):
/// 1. Deterministic.
/// 2. Where it trains on, `until` is larger than the epoch of the last check.
///
/// Minimal model: hpcsched/testing/archetypes/stopping_policy.hpp.
/// Conformance: hpcsched/testing/conformance/stopping_policy.hpp.
template <class S>
concept stopping_policy = std::movable<S> && detail::steers_training<S> && detail::learns_curves<S>;

/// Gives nobody up: GMorph's plain policy.
struct train_to_the_end {
    [[nodiscard]] training_step next(search_view const& view, candidate const& /*c*/,
                                     std::span<curve_point const> curve) const noexcept {
        return {training_step::kind::train, curve.empty() ? 0 : curve.back().epoch + view.plan.check_every};
    }
    void learn(search_view const& /*v*/, candidate const& /*c*/, std::span<curve_point const> /*curve*/,
               outcome const& /*o*/) noexcept {}
};

/// The drops of a curve that GMorph extrapolates from: each that is no more than `tolerated` above the one kept before.
[[nodiscard]] inline std::vector<double> kept_drops(std::span<curve_point const> curve, double tolerated) {
    std::vector<double> kept;
    for (curve_point const& p : curve) {
        if (kept.empty() || p.drop <= kept.back() + tolerated) {
            kept.push_back(p.drop);
        }
    }
    return kept;
}

/// The drop that GMorph predicts from the last four points kept, `checks_left` checks on, this one included; it stops
/// at the first that is tolerated. NaN where the order of convergence cannot be told, as where a1 and a2 are equal.
///
///     l1 = ln|a0 - a1|, l2 = ln|a1 - a2|, l3 = ln|a2 - a3|, alpha = (l3 - l2) / (l2 - l1)
///     step = exp(l3 + alpha (l3 - l2)), prediction = a3 - step * checks_left
///
/// Without `constant_curve_step` each further step is extrapolated from the two before it in the same way.
/// \pre kept has at least 4
/// \source GMorph, predictive filtering by learning curves
[[nodiscard]] inline double predicted_drop(std::span<double const> kept, std::uint32_t checks_left, double tolerated,
                                           gmorph_quirks quirks = {}) noexcept {
    HPCSCHED_ASSERT(kept.size() >= 4);
    auto const a = kept.last(4);
    if (a[3] == 0 && quirks.zero_predicts_nine_thousandths) {
        return 0.009;
    }
    double const l1 = std::log(std::abs(a[0] - a[1]));
    double l2 = std::log(std::abs(a[1] - a[2]));
    double l3 = std::log(std::abs(a[2] - a[3]));
    double const alpha = (l3 - l2) / (l2 - l1);
    double prediction = a[3];
    for (std::uint32_t n = 0; n < checks_left; ++n) {
        double const l4 = l3 + alpha * (l3 - l2);
        prediction -= std::exp(l4);
        if (prediction <= tolerated) {
            return prediction;
        }
        if (!quirks.constant_curve_step) {
            l2 = l3;
            l3 = l4;
        }
    }
    return prediction;
}

/// Cuts a training short whose curve does not lead to what is tolerated; it is evaluated all the same. After a point
/// that is not kept the next check is one epoch on.
/// \source GMorph, predictive filtering by learning curves
struct learning_curve {
    gmorph_quirks quirks{};

    [[nodiscard]] training_step next(search_view const& view, candidate const& /*c*/,
                                     std::span<curve_point const> curve) const {
        std::uint32_t const every = view.plan.check_every;
        if (curve.empty()) {
            return {training_step::kind::train, 0};
        }
        std::uint32_t const epoch = curve.back().epoch;
        auto const kept = kept_drops(curve, view.tolerated_drop);
        bool const was_kept = kept_drops(curve.first(curve.size() - 1), view.tolerated_drop).size() < kept.size();
        if (!was_kept) {
            return {training_step::kind::train, epoch + 1};
        }
        std::uint32_t const left = view.plan.epochs_max / every - epoch / every + 1;
        if (kept.size() >= 4 && predicted_drop(kept, left, view.tolerated_drop, quirks) > view.tolerated_drop) {
            return {training_step::kind::conclude, epoch};
        }
        return {training_step::kind::train, (epoch / every + 1) * every};
    }
    void learn(search_view const& /*v*/, candidate const& /*c*/, std::span<curve_point const> /*curve*/,
               outcome const& /*o*/) noexcept {}
};

static_assert(stopping_policy<train_to_the_end> && stopping_policy<learning_curve>);

} // namespace hpcsched::fuse

#endif
