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

/// The answers for many scenes, on all cores of the team. A scene draws the same random numbers for every noise, so
/// that close noises give close answers; which ones does not depend on the other scenes nor on the team.
/// \complexity scenes x worlds x steps
[[nodiscard]] std::vector<forecast> forecast_scenes(std::span<scene const> scenes, forecast_config const& config,
                                                    predict_threads::thread_team& team);

/// Without noise: one future each.
[[nodiscard]] std::vector<bool> play_scenes(std::span<scene const> scenes, engine_config const& engine,
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

} // namespace hpcsched::predict_bullet

#endif
