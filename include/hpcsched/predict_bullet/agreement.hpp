// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_PREDICT_BULLET_AGREEMENT_HPP
#define HPCSCHED_PREDICT_BULLET_AGREEMENT_HPP

#include <hpcsched/core/result.hpp>
#include <hpcsched/predict/confidence.hpp>
#include <hpcsched/predict_bullet/scene.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace hpcsched::predict_bullet {

/// Pearson's r. \return nothing where one of them does not vary, or there are fewer than two
[[nodiscard]] std::optional<double> correlation(std::span<double const> one, std::span<double const> other);

/// From the 2.5th to the 97.5th percentile of r over stimuli drawn with replacement; draws without variance are left
/// out. \return without bounds where hardly any draw varies
[[nodiscard]] predict::interval bootstrap_correlation(std::span<double const> one, std::span<double const> other,
                                                      std::uint64_t seed = 1, std::size_t rounds = 2000);

/// How well shares would agree with those of as many other people: one less the part of their variance that drawing
/// a finite number of people explains.
/// \param counts  of people behind each share
[[nodiscard]] double reliability(std::span<double const> shares, std::span<double const> counts);

/// Whether a stimulus belongs to the half that models are fitted on; the other half is for testing. By its name alone:
/// which other stimuli there are does not matter.
[[nodiscard]] bool is_for_fitting(std::string_view stimulus) noexcept;

/// What a model without physics may know of a scene: 1, distance from target to zone and from probe to target, speed
/// of the push, its angle to the target, log masses, height of the target, how many bodies stand there.
[[nodiscard]] std::vector<double> scene_features(scene const& s);

/// Logistic regression on features, by Newton's method with a small ridge.
/// \source McCullagh, Nelder, Generalized Linear Models, 1989
class logistic_regression {
  public:
    /// \param rows   features of each scene, all of one length
    /// \param shares of yes, in [0, 1]
    /// \error no rows, rows of unequal lengths, something that is not finite
    [[nodiscard]] static result<logistic_regression> fit(std::span<std::vector<double> const> rows,
                                                         std::span<double const> shares, double ridge = 1);
    [[nodiscard]] double share(std::vector<double> const& row) const;

  private:
    std::vector<double> mean_;
    std::vector<double> deviation_;
    std::vector<double> weights_;
};

} // namespace hpcsched::predict_bullet

#endif
