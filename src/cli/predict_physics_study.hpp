// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_CLI_PREDICT_PHYSICS_STUDY_HPP
#define HPCSCHED_CLI_PREDICT_PHYSICS_STUDY_HPP

#include <hpcsched/predict_bullet/forecast.hpp>

#include <cstddef>
#include <cstdint>
#include <iosfwd>
#include <span>

namespace hpcsched::cli {

/// How much the study may cost.
struct physics_study_config {
    predict_bullet::forecast_config how{};
    std::size_t fit_scenes = 10;  ///< of each family
    std::uint64_t fit_worlds = 6; ///< of each of them
    std::size_t evaluations = 40; ///< of the search
    bool fit = true;              ///< else the shipped noise is judged
    bool generalise = false;      ///< also fit on half of the families, which costs as much again
};

/// Holds the model against the truth and against people: writes tables as text, and says what it does on `progress`.
///
/// The noise is fitted on every second stimulus that people answered, and judged on the others; the regression on
/// features is trained on the same half.
void physics_study(std::span<predict_bullet::recorded_scene const> scenes, physics_study_config const& config,
                   predict_threads::thread_team& team, std::ostream& out, std::ostream& progress);

} // namespace hpcsched::cli

#endif
