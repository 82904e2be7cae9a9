// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_PREDICT_BULLET_FORECAST_HPP
#define HPCSCHED_PREDICT_BULLET_FORECAST_HPP

#include <hpcsched/core/result.hpp>
#include <hpcsched/predict/answer.hpp>
#include <hpcsched/predict_bullet/physics_noise.hpp>
#include <hpcsched/predict_bullet/physics_world.hpp>
#include <hpcsched/predict_bullet/scene.hpp>
#include <hpcsched/predict_fit/fit.hpp>
#include <hpcsched/predict_threads/thread_team.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace hpcsched::predict_bullet {

/// How many futures of each scene, and which.
struct forecast_config {
    engine_config engine{};
    physics_noise noise = fitted_noise();
    std::uint64_t worlds = 20;
    std::uint64_t seed = 1;
    double error = 0.05; ///< the probability that an interval does not hold the truth
};

/// What the futures of one scene say.
struct forecast {
    predict::probability_answer touch{};
    std::optional<predict::place_answer<2>> where{}; ///< metres along x and z; nothing where they never touch
    std::uint64_t steps = 0;                         ///< of all futures
};

/// The answers for many scenes, on all cores of the team. Where it is not known which body is the target, each is it in
/// as many futures as the others. A scene draws the same random numbers for every noise, so
/// that close noises give close answers; which ones does not depend on the other scenes nor on the team.
/// \complexity scenes x worlds x steps
[[nodiscard]] std::vector<forecast> forecast_scenes(std::span<scene const> scenes, forecast_config const& config,
                                                    predict_threads::thread_team& team);

/// What one future without noise says: of the bodies that may be the target, how many touch the zone.
struct plain_outcome {
    std::size_t touch = 0;
    std::size_t of = 1;
    bool target_touches = false; ///< the one that the scene has as its target
    bool unknown = false;        ///< the future diverged before all had touched

    [[nodiscard]] double share() const noexcept { return static_cast<double>(touch) / static_cast<double>(of); }
    /// What most of them do; what the target does where they are equally many.
    [[nodiscard]] bool says_yes() const noexcept { return 2 * touch == of ? target_touches : 2 * touch > of; }
};

/// Without noise: one future each.
[[nodiscard]] std::vector<plain_outcome> play_scenes(std::span<scene const> scenes, engine_config const& engine,
                                                     predict_threads::thread_team& team);

/// A noise, and how it was found.
struct noise_fit {
    physics_noise noise{};
    predict_fit::fitted fit{}; ///< values and errors in the order of the sources that were fitted
};

/// The spreads of the noise under which given answers are most likely.
/// \param observed  how many said yes of how many, for each scene
/// \param from      where the search starts, and what the other sources stay at
/// \param sources   which are fitted; each is looked for from an eighth to eight times its start
/// \error as predict_fit::fit has it; a source that starts at 0, or is none
[[nodiscard]] result<noise_fit> fit_noise(std::span<scene const> scenes,
                                          std::span<predict::observed_answers const> observed,
                                          forecast_config const& config, physics_noise const& from,
                                          std::span<std::size_t const> sources, predict_fit::fit_config const& how,
                                          predict_threads::thread_team& team);

/// How some observers said where target and zone would touch: how many of them named a place beyond a line along x, and
/// along z. Who said that they would not touch named none.
struct observed_places {
    predict::place<2> line{}; ///< metres along x and z
    double beyond_x = 0;
    double beyond_z = 0;
    double asked = 0;
};

/// What observers whose answers are these futures say of places, with lines through the middle of those they name.
[[nodiscard]] observed_places observe_places(forecast const& said);

/// The same as `fit_noise`, from answers to the other question: where.
[[nodiscard]] result<noise_fit>
fit_noise_to_places(std::span<scene const> scenes, std::span<observed_places const> observed,
                    forecast_config const& config, physics_noise const& from, std::span<std::size_t const> sources,
                    predict_fit::fit_config const& how, predict_threads::thread_team& team);

} // namespace hpcsched::predict_bullet

#endif
