// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_PREDICT_BULLET_PHYSICS_NOISE_HPP
#define HPCSCHED_PREDICT_BULLET_PHYSICS_NOISE_HPP

#include <hpcsched/predict/noise.hpp>
#include <hpcsched/predict/response.hpp>
#include <hpcsched/predict_bullet/physics_world.hpp>
#include <hpcsched/predict_bullet/scene.hpp>

#include <array>
#include <cstddef>
#include <string_view>

namespace hpcsched::predict_bullet {

/// What an observer of a scene is unsure of, and what a collision does by chance. Each is a spread; 0 is none.
///
/// \source the sources of noise of Smith and Vul 2013, Sanborn, Mansinghka, Griffiths 2013, and of the study's
///   published simulator (position, orientation, velocity, density, friction, bounciness, collisions). Deviations: one
///   spread for all properties; what moves is pushed, so that the noise of velocities is one of pushes; the noise of a
///   collision is an impulse one step after the blow. Random forces while a body moves are Smith and Vul's; the
///   simulator has none. Where bodies do not bounce, a blow can only be made stronger: one that is too weak to keep
///   them apart is given again.
struct physics_noise {
    static constexpr std::size_t source_count = 8;
    static constexpr std::array<std::string_view, source_count> source_names{
        "position",       "orientation",    "push direction", "push size",
        "collision turn", "collision size", "properties",     "random force"};

    /// In the order of the names: metres, horizontally, on each axis; radians about a random axis through the origin;
    /// radians about the vertical; of the logarithm; radians, of a von Mises distribution with kappa 1 / spread^2; of
    /// the logarithm; of the logarithms of mass, friction and bounciness; m/s that a moving body gains or loses,
    /// horizontally, on each axis, in one second.
    std::array<double, source_count> spread{};

    /// Moves what is movable; what joints hold together moves as one.
    void perceive(scene& seen, predict::noise_streams<source_count>& draws) const;
    /// Turns and scales the blows of the last step, and pushes at random what moves.
    void disturb(physics_run& run, predict::noise_streams<source_count>& draws) const;

    [[nodiscard]] physics_noise scaled(std::size_t source, double factor) const noexcept {
        physics_noise out = *this;
        out.spread[source] *= factor;
        return out;
    }
    friend bool operator==(physics_noise const&, physics_noise const&) = default;
};
static_assert(predict::noise_model<physics_noise, physics_world>);

/// What people's answers to the 319 stimuli of the fitting half make the most likely of some twenty sets of spreads,
/// their targets told, with 16 to 40 futures of each, one or two sources changed at a time. Less noise of positions or
/// of the sizes of pushes, and more of properties, lower the likelihood the most.
[[nodiscard]] constexpr physics_noise fitted_noise() noexcept {
    return {{0.015, 0.16, 0.02, 0.06, 0.05, 0.1, 0.02, 0.1}};
}

/// How people turned what they foresaw into answers, by the same fit: three in ten were given without regard to it, a
/// yes in six of ten. What the rebuild of a scene gets wrong counts as that too.
[[nodiscard]] constexpr predict::response_model fitted_response() noexcept {
    return {.lapse = 0.3, .bias = 0.63};
}

} // namespace hpcsched::predict_bullet

#endif
