// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_PREDICT_BULLET_PHYSICS_WORLD_HPP
#define HPCSCHED_PREDICT_BULLET_PHYSICS_WORLD_HPP

#include <hpcsched/predict/world.hpp>
#include <hpcsched/predict_bullet/scene.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

namespace hpcsched::predict_bullet {

/// How the engine is to play a scene. The defaults are those of Unity and PhysX, with which the study's films were
/// made, as far as they are known; the iterations are those with which most bodies end where they did.
struct engine_config {
    double step_seconds = 0.01;
    int substeps = 1;             ///< of the engine, in one step
    double gravity = 9.81;        ///< m/s^2, downwards
    double bounce_threshold = 2;  ///< m/s; a slower blow does not bounce
    double largest_spin = 7;      ///< 1/s, as Unity limits it
    int position_iterations = 12; ///< of the solver, in one substep: for where bodies are, then for how they go
    int velocity_iterations = 4;
    double still_energy = 0.01;     ///< J for each kg, of going and turning; who has less is at rest, as for PhysX
    std::uint64_t still_steps = 40; ///< so long all must be at rest before the scene counts as settled
    double out_of_reach = 2.5;      ///< metres; who is that far from all that may touch, and leaving, counts as at rest
};

/// That two bodies began to touch in a step, with a blow.
struct collision {
    static constexpr std::size_t floor = static_cast<std::size_t>(-1);

    std::size_t one = 0;   ///< index of a body of the scene, never the floor
    std::size_t other = 0; ///< likewise, or `floor`
    vector3 at{};          ///< where
    vector3 impulse{};     ///< newton seconds that `one` received; `other` received the opposite
};

/// How a body stands.
struct pose {
    vector3 position{}; ///< of its origin
    quaternion orientation{};
};

/// A scene that is being played out: what a question and a noise model may look at.
/// \thread_safety none; distinct runs may be used by distinct threads
class physics_run {
  public:
    physics_run(physics_run&&) noexcept;
    physics_run& operator=(physics_run&&) noexcept;
    ~physics_run();

    [[nodiscard]] std::uint64_t steps() const noexcept;
    [[nodiscard]] scene const& played() const noexcept;
    /// Where the body is now; where it was put, if it is not simulated.
    [[nodiscard]] pose pose_of(std::size_t body) const;
    [[nodiscard]] vector3 velocity_of(std::size_t body) const;
    /// The step after which target and zone touched first, and where.
    [[nodiscard]] std::optional<std::uint64_t> first_contact_step() const noexcept;
    [[nodiscard]] std::optional<vector3> first_contact_place() const noexcept;
    /// The step after which this body touched the zone first.
    [[nodiscard]] std::optional<std::uint64_t> first_contact_step_of(std::size_t body) const noexcept;
    /// The blows of the last step.
    [[nodiscard]] std::span<collision const> collisions() const noexcept;
    /// Gives a body an impulse now, newton seconds, at a place in the scene. Immovable bodies do not mind.
    void strike(std::size_t body, vector3 impulse, vector3 at);
    /// Changes a body's speed, m/s, and not how it turns. Immovable bodies do not mind.
    void quicken(std::size_t body, vector3 by);
    [[nodiscard]] double step_seconds() const noexcept;

  private:
    friend class physics_world;
    class engine;
    explicit physics_run(std::unique_ptr<engine> made) noexcept;
    std::unique_ptr<engine> engine_;
};

/// Bodies on a floor, in Bullet's world, with contacts as PhysX 4 has them: the study's films were made with that
/// engine, which Debian does not have. Bullet finds who is near, measures, and moves; what touches, where, and with
/// which impulse is said by two parts of our own at the places that Bullet has for them, an algorithm for contacts and
/// a solver: friction by patches at two anchors, contacts from a gap of 2 cm on, overlaps that leave no speed, the mean
/// of two frictions. All shapes are convex hulls, or several.
///
/// Two bodies touch, and a question may count it, when they are nearer than 2 cm.
///
/// Deterministic to the bit on one machine and build: a run begins with an engine of its own, and nothing of an earlier
/// future is left in it. Bodies that joints hold together are played as one.
/// \source PhysX SDK 4.1, the guide's chapters on contacts and friction, and its published solver, in own words
/// \complexity of a step: the contacts of the scene times the solver's iterations; of a beginning: the bodies
class physics_world {
  public:
    using state = scene;
    using run = physics_run;

    explicit physics_world(engine_config const& config = {}) : config_{config} {}

    [[nodiscard]] engine_config const& config() const noexcept { return config_; }

    [[nodiscard]] run make_run() const;
    void begin(run& r, state const& s) const;
    /// `finished` when the scene's steps are over or all has come to rest; `diverged` when a body has left the scene
    /// or is nowhere.
    [[nodiscard]] predict::progress step(run& r) const;

  private:
    engine_config config_;
};
static_assert(predict::world<physics_world>);

} // namespace hpcsched::predict_bullet

#endif
