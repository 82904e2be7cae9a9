// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/predict_bullet/generate_scene.hpp>
#include <hpcsched/predict_bullet/physics_noise.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>

namespace hpcsched::predict_bullet {
namespace {

using streams = predict::noise_streams<physics_noise::source_count>;

physics_noise only(std::size_t source, double spread) {
    physics_noise n;
    n.spread[source] = spread;
    return n;
}

/// Of the angle by which the first push was turned: the mean of its cosine.
double mean_cosine(double spread) {
    scene const s = *generate_scene(family::collide, 1);
    double sum = 0;
    constexpr int count = 4000;
    for (std::uint64_t n = 0; n < count; ++n) {
        scene seen = s;
        streams draws{5, n};
        only(2, spread).perceive(seen, draws);
        vector3 const a = s.pushes[0].impulse;
        vector3 const b = seen.pushes[0].impulse;
        sum += (a.x * b.x + a.z * b.z) / (std::hypot(a.x, a.z) * std::hypot(b.x, b.z));
    }
    return sum / count;
}

} // namespace

TEST_CASE("physics noise: with all sources silent a scene is seen as it is, in every family") {
    for (std::size_t f = 0; f < family_count; ++f) {
        scene const s = *generate_scene(static_cast<family>(f), 2);
        scene seen = s;
        streams draws{1, 1};
        physics_noise{}.perceive(seen, draws);
        CHECK(seen.bodies.size() == s.bodies.size());
        for (std::size_t n = 0; n < s.bodies.size(); ++n) {
            CHECK(seen.bodies[n].position == s.bodies[n].position);
            CHECK(seen.bodies[n].mass == s.bodies[n].mass);
        }
        CHECK(seen.pushes == s.pushes);
    }
}

TEST_CASE("physics noise: positions are spread as told, and what cannot move is not") {
    scene const s = *generate_scene(family::dominoes, 1);
    double squares = 0;
    constexpr int count = 4000;
    for (std::uint64_t n = 0; n < count; ++n) {
        scene seen = s;
        streams draws{3, n};
        only(0, 0.05).perceive(seen, draws);
        double const away = seen.bodies[s.target].position.z - s.bodies[s.target].position.z;
        squares += away * away;
        CHECK(seen.bodies[s.zone].position == s.bodies[s.zone].position);
    }
    CHECK(std::sqrt(squares / count) == doctest::Approx(0.05).epsilon(0.05));
}

TEST_CASE("physics noise: directions follow a von Mises distribution") {
    // The mean cosine of kappa is I1 / I0: 0.4464 for kappa 1, and 1 - 1 / (2 kappa) nearly for large ones.
    CHECK(mean_cosine(1) == doctest::Approx(0.4464).epsilon(0.04));
    CHECK(mean_cosine(0.1) == doctest::Approx(1 - 0.01 / 2).epsilon(0.002));
}

TEST_CASE("physics noise: what a joint holds is moved and turned as one") {
    scene const s = *generate_scene(family::link, 1);
    fixed_joint const j = s.joints.front();
    scene seen = s;
    streams draws{1, 7};
    physics_noise noise = only(0, 0.2);
    noise.spread[1] = 0.5;
    noise.perceive(seen, draws);
    vector3 const away = seen.bodies[j.child].position - seen.bodies[j.parent].position;
    vector3 const before = s.bodies[j.child].position - s.bodies[j.parent].position;
    CHECK(std::hypot(away.x, away.y, away.z) == doctest::Approx(std::hypot(before.x, before.y, before.z)));
    CHECK_FALSE(seen.bodies[j.parent].position == s.bodies[j.parent].position);
}

TEST_CASE("physics noise: a noisy collision sends a body elsewhere, and both sides keep their momentum") {
    scene s = *generate_scene(family::collide, 1);
    s.bodies[1].shape = primitive::sphere;
    s.bodies[1].scale = {0.4, 0.4, 0.4};
    for (body& b : s.bodies) {
        b.dynamic_friction = 0;
    }
    physics_world const world;
    physics_run run = world.make_run();
    double aside[2] = {};
    for (int noisy = 0; noisy < 2; ++noisy) {
        world.begin(run, s);
        streams draws{1, 1};
        for (int n = 0; n < 60; ++n) {
            only(4, noisy == 1 ? 0.5 : 0).disturb(run, draws);
            if (world.step(run) != predict::progress::running) {
                break;
            }
        }
        aside[noisy] = run.velocity_of(1).z;
    }
    CHECK(std::abs(aside[0] - aside[1]) > 0.05);
}

TEST_CASE("physics noise: a random force spreads what moves as told, and leaves what rests") {
    scene s;
    s.bodies.push_back({.id = 1, .position = {50, 0, 0}, .scale = {1, 0.01, 1}, .immovable = true});
    s.bodies.push_back({.id = 2, .shape = primitive::sphere, .position = {0, 20, 0}});
    s.bodies.push_back({.id = 3, .position = {9, 0, 0}, .mass = 5});
    physics_world const world;
    physics_run run = world.make_run();
    double squares = 0;
    constexpr int count = 400;
    for (std::uint64_t n = 0; n < count; ++n) {
        world.begin(run, s);
        streams draws{4, n};
        for (int step = 0; step < 101; ++step) { // a second, and the first step, in which nothing moves yet
            only(7, 0.3).disturb(run, draws);
            (void)world.step(run);
        }
        squares += run.velocity_of(1).x * run.velocity_of(1).x;
        CHECK(std::abs(run.velocity_of(2).x) < 1e-3);
        CHECK(std::abs(run.pose_of(2).position.x - 9) < 1e-3);
    }
    CHECK(std::sqrt(squares / count) == doctest::Approx(0.3).epsilon(0.1));
}

TEST_CASE("physics noise: directions turn to both sides alike") {
    scene const s = *generate_scene(family::collide, 1);
    double sum = 0;
    constexpr int count = 4000;
    for (std::uint64_t n = 0; n < count; ++n) {
        scene seen = s;
        streams draws{5, n};
        only(2, 0.5).perceive(seen, draws);
        vector3 const a = s.pushes[0].impulse;
        vector3 const b = seen.pushes[0].impulse;
        sum += (a.x * b.z - a.z * b.x) / (std::hypot(a.x, a.z) * std::hypot(b.x, b.z));
    }
    CHECK(std::abs(sum / count) < 0.03);
}

TEST_CASE("physics noise: what stands upright is seen to, and what lies is tilted") {
    scene s = *generate_scene(family::collide, 1);
    for (bool const upright : {true, false}) {
        s.bodies[1].orientation = upright ? quaternion{} : turn_about({1, 0, 0}, 0.7);
        double most = 0;
        for (std::uint64_t n = 0; n < 50; ++n) {
            scene seen = s;
            streams draws{2, n};
            only(1, 0.3).perceive(seen, draws);
            CHECK_FALSE(seen.bodies[1].orientation == s.bodies[1].orientation);
            double const before = rotate(s.bodies[1].orientation, {0, 1, 0}).y;
            most = std::max(most, std::abs(rotate(seen.bodies[1].orientation, {0, 1, 0}).y - before));
        }
        CHECK((most < 1e-6) == upright);
    }
}

TEST_CASE("physics noise: noise at a collision changes the blow and not the sum of both momenta") {
    scene s;
    s.bodies.push_back({.id = 1, .position = {50, 0, 0}, .scale = {1, 0.01, 1}, .immovable = true});
    for (std::int64_t id = 2; id < 4; ++id) { // two balls high up, where the floor does not come in
        s.bodies.push_back({.id = id,
                            .shape = primitive::sphere,
                            .position = {id == 2 ? -1.0 : 1.0, 20, 0},
                            .mass = id == 2 ? 1.0 : 3.0,
                            .dynamic_friction = 0,
                            .static_friction = 0});
    }
    s.pushes.push_back({.body = 1, .impulse = {5, 0, 0}});
    physics_world const world;
    physics_run run = world.make_run();
    auto const after = [&](physics_noise const& noise, std::uint64_t future = 1) {
        world.begin(run, s);
        streams draws{1, future};
        for (int n = 0; n < 60; ++n) {
            noise.disturb(run, draws);
            (void)world.step(run);
        }
        vector3 const sum = run.velocity_of(1) + 3.0 * run.velocity_of(2);
        CHECK(sum.x == doctest::Approx(5).epsilon(0.01));
        CHECK(std::abs(sum.z) < 0.02);
        return run.velocity_of(2);
    };
    vector3 const plain = after({});
    CHECK(plain.x > 1);
    physics_noise const turned = only(4, 0.5);
    vector3 const aside = after(turned);
    CHECK(std::hypot(aside.z, aside.y - plain.y) > 0.02);
    // A blow that is made too weak is given again by the engine, since bodies do not enter each other.
    std::size_t stronger = 0;
    for (std::uint64_t n = 0; n < 20; ++n) {
        double const change = after(only(5, 0.5), n).x - plain.x;
        CHECK(change > -0.02);
        stronger += change > 0.02 ? 1U : 0U;
    }
    CHECK(stronger > 4);
    CHECK(stronger < 16);
}

TEST_CASE("physics noise: masses, frictions and bounciness are scaled by a lognormal, and no bounciness is above 1") {
    scene s = *generate_scene(family::collide, 1);
    s.bodies[1].bounciness = 0.9;
    double sum = 0;
    double squares = 0;
    constexpr int count = 4000;
    for (std::uint64_t n = 0; n < count; ++n) {
        scene seen = s;
        streams draws{6, n};
        only(6, 0.2).perceive(seen, draws);
        double const factor = std::log(seen.bodies[1].mass / s.bodies[1].mass);
        sum += factor;
        squares += factor * factor;
        CHECK(seen.bodies[1].bounciness <= 1);
        CHECK(seen.bodies[1].dynamic_friction / s.bodies[1].dynamic_friction ==
              doctest::Approx(seen.bodies[1].static_friction / s.bodies[1].static_friction));
    }
    CHECK(std::abs(sum / count) < 0.02);
    CHECK(std::sqrt(squares / count) == doctest::Approx(0.2).epsilon(0.05));
}

TEST_CASE("physics noise: a push is scaled by a lognormal, and stays with the body that is seen elsewhere") {
    scene const s = *generate_scene(family::collide, 1);
    REQUIRE(s.pushes[0].at);
    std::size_t const probe = s.pushes[0].body;
    double squares = 0;
    constexpr int count = 2000;
    physics_noise noise = only(0, 0.05);
    noise.spread[3] = 0.3;
    for (std::uint64_t n = 0; n < count; ++n) {
        scene seen = s;
        streams draws{8, n};
        noise.perceive(seen, draws);
        vector3 const a = s.pushes[0].impulse;
        vector3 const b = seen.pushes[0].impulse;
        double const factor = std::log(std::hypot(b.x, b.y, b.z) / std::hypot(a.x, a.y, a.z));
        squares += factor * factor;
        vector3 const moved = seen.bodies[probe].position - s.bodies[probe].position;
        CHECK(seen.pushes[0].at->x - s.pushes[0].at->x == doctest::Approx(moved.x));
        CHECK(seen.pushes[0].at->z - s.pushes[0].at->z == doctest::Approx(moved.z));
    }
    CHECK(std::sqrt(squares / count) == doctest::Approx(0.3).epsilon(0.05));
}

} // namespace hpcsched::predict_bullet
