// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_PREDICT_BULLET_GENERATE_SCENE_HPP
#define HPCSCHED_PREDICT_BULLET_GENERATE_SCENE_HPP

#include <hpcsched/core/result.hpp>
#include <hpcsched/predict_bullet/scene.hpp>

#include <cstddef>
#include <cstdint>

namespace hpcsched::predict_bullet {

/// What scenes of a family look like.
struct generator_config {
    double slowest_push = 2; ///< m/s that the probe is given, at least
    double fastest_push = 8; ///< and at most
    double jitter = 0.2;     ///< metres by which what could stand in the middle stands aside, at most
    std::size_t fewest = 1;  ///< dominoes, blocks, links or contained bodies
    std::size_t most = 4;
    double smallest = 0.2; ///< metres, of what is dropped, stacked, linked
    double largest = 0.6;
};

/// A scene of a family by parameters and a seed, laid out as the study lays out its own.
/// \error parameters out of range; the message says which
[[nodiscard]] result<scene> generate_scene(family kind, std::uint64_t seed, generator_config const& config = {});

} // namespace hpcsched::predict_bullet

#endif
