// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_CLI_PREDICT_PHYSICS_STUDY_HPP
#define HPCSCHED_CLI_PREDICT_PHYSICS_STUDY_HPP

#include <hpcsched/predict_bullet/forecast.hpp>

#include "predict_physics_report.hpp"

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iosfwd>
#include <span>
#include <string_view>
#include <vector>

namespace hpcsched::cli {

/// How much the study may cost.
struct physics_study_config {
    predict_bullet::forecast_config how{};
    std::size_t fit_scenes = 8;    ///< of each family
    std::uint64_t fit_worlds = 8;  ///< of each of them
    std::size_t evaluations = 30;  ///< of a search
    std::uint64_t made_scenes = 4; ///< generated, of each of five families, for the step from one question to the other
    bool fit = true;               ///< else the shipped noise is judged
    bool generalise = true;        ///< also from some families to the others, and from one question to the other
};

/// Says on a stream how far something is, every other second, and notices Ctrl-C.
class physics_progress {
  public:
    explicit physics_progress(std::ostream& out);

    [[nodiscard]] bool interrupted() const noexcept { return interrupted_; }
    void tell(std::string_view what, std::size_t done, std::size_t of);
    void say(std::string_view line);

  private:
    using clock = std::chrono::steady_clock;

    std::ostream& out_;
    std::atomic<bool> const& interrupted_;
    clock::time_point next_ = clock::now() + std::chrono::seconds{2};
};

/// Scene by scene what forecast_scenes says; fewer where it was interrupted.
[[nodiscard]] std::vector<predict_bullet::forecast> forecast_all(std::span<predict_bullet::scene const> scenes,
                                                                 predict_bullet::forecast_config const& how,
                                                                 predict_threads::thread_team& team,
                                                                 physics_progress& progress);

/// Holds the model against the truth and against people; writes each table as soon as it is known.
///
/// The noise is fitted on one half of the stimuli that people answered and judged on the other, as is the regression on
/// features; which half a stimulus belongs to is decided by its name.
/// \throws failure  where it was interrupted, or too few people answered
[[nodiscard]] physics_report physics_study(std::span<predict_bullet::recorded_scene const> scenes,
                                           physics_study_config const& config, predict_threads::thread_team& team,
                                           std::ostream& out, physics_progress& progress);

} // namespace hpcsched::cli

#endif
