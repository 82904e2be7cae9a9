// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/predict_bullet/generate_scene.hpp>
#include <hpcsched/predict_bullet/physics_world.hpp>
#include <hpcsched/predict_bullet/scene_file.hpp>

#include <doctest/doctest.h>

#include "skip.hpp"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

namespace hpcsched::predict_bullet {
namespace {

using predict::progress;

/// A zone that is out of the way, and one body.
scene one_body(body b) {
    scene s;
    s.bodies.push_back({.id = 1, .position = {50, 0, 0}, .scale = {1, 0.01, 1}, .immovable = true});
    s.bodies.push_back(b);
    return s;
}

/// Where every body was after every step.
std::vector<double> trajectory(physics_world const& world, physics_run& run, scene const& s) {
    std::vector<double> out;
    world.begin(run, s);
    for (progress p = progress::running; p == progress::running;) {
        p = world.step(run);
        for (std::size_t n = 0; n < s.bodies.size(); ++n) {
            pose const at = run.pose_of(n);
            out.insert(out.end(), {at.position.x, at.position.y, at.position.z, at.orientation.w});
        }
    }
    return out;
}

} // namespace

TEST_CASE("physics world: a body falls as gravity has it") {
    scene s = one_body({.id = 2, .shape = primitive::sphere, .position = {0, 5, 0}});
    physics_world const world;
    physics_run run = world.make_run();
    world.begin(run, s);
    for (int n = 0; n < 50; ++n) {
        REQUIRE(world.step(run) == progress::running);
    }
    // Half a second, by steps of which each moves with the speed at its end.
    CHECK(run.pose_of(1).position.y == doctest::Approx(5 - 9.81 * 0.01 * 0.01 * 50 * 51 / 2).epsilon(1e-3));
    CHECK(run.velocity_of(1).y == doctest::Approx(-9.81 * 0.5).epsilon(1e-3));
}

TEST_CASE("physics world: a pushed body that slides is stopped by the mean of the two frictions") {
    scene s = one_body({.id = 2, .scale = {1, 0.1, 1}, .mass = 2, .dynamic_friction = 0.2, .static_friction = 0.2});
    s.pushes.push_back({.body = 1, .step = 5, .impulse = {6, 0, 0}});
    engine_config config;
    s.floor_friction = 0.4;
    config.patch_friction = 1;
    physics_world const world{config};
    physics_run run = world.make_run();
    world.begin(run, s);
    while (world.step(run) == progress::running) {
    }
    // v^2 / (2 mu g) with 3 m/s and 0.3
    CHECK(run.pose_of(1).position.x == doctest::Approx(9 / (2 * 0.3 * 9.81)).epsilon(0.05));
}

TEST_CASE("physics world: every primitive comes to rest on the floor, and none falls through it") {
    physics_world const world;
    physics_run run = world.make_run();
    for (std::size_t n = 0; n < primitive_count - 1; ++n) {
        INFO(name_of(static_cast<primitive>(n)));
        scene s =
            one_body({.id = 2, .shape = static_cast<primitive>(n), .position = {0, 0.3, 0}, .scale = {0.4, 0.4, 0.4}});
        s.steps = 200;
        world.begin(run, s);
        progress p = progress::running;
        while (p == progress::running) {
            p = world.step(run);
        }
        CHECK(p == progress::finished);
        CHECK(std::abs(run.velocity_of(1).y) < 0.1);
        CHECK(run.pose_of(1).position.y > -0.02);
        CHECK(run.pose_of(1).position.y < 0.3);
    }
}

TEST_CASE("physics world: bodies that a joint holds together move as one") {
    scene s = one_body({.id = 2, .shape = primitive::cylinder, .position = {0, 0.5, 0}, .scale = {0.4, 0.3, 0.4}});
    s.bodies.push_back({.id = 3, .shape = primitive::cone, .position = {0, 0.8, 0}, .scale = {0.3, 0.5, 0.3}});
    s.joints.push_back({1, 2});
    s.pushes.push_back({.body = 2, .step = 0, .impulse = {2, 0, 0}, .at = vector3{0, 1.2, 0}});
    physics_world const world;
    physics_run run = world.make_run();
    world.begin(run, s);
    for (int n = 0; n < 100 && world.step(run) == progress::running; ++n) {
    }
    vector3 const away = run.pose_of(2).position - run.pose_of(1).position;
    CHECK(std::hypot(away.x, away.y, away.z) == doctest::Approx(0.3).epsilon(1e-3));
    CHECK(std::abs(run.pose_of(1).orientation.z) > 0.1); // the push above its centre turned it
}

TEST_CASE("physics world: a used run plays a scene as a new one does, to the bit") {
    physics_world const world;
    physics_run used = world.make_run();
    for (std::size_t f = 0; f < family_count; ++f) {
        INFO(name_of(static_cast<family>(f)));
        scene s = *generate_scene(static_cast<family>(f), 3);
        s.steps = 120;
        physics_run fresh = world.make_run();
        CHECK(trajectory(world, fresh, s) == trajectory(world, used, s));
    }
}

TEST_CASE("physics world: a scene that is at rest, or that leaves what can be played, ends and says so") {
    physics_world const world;
    physics_run run = world.make_run();
    SUBCASE("all at rest") {
        scene s = one_body({.id = 2});
        s.steps = 100'000;
        world.begin(run, s);
        while (world.step(run) == progress::running) {
        }
        CHECK(run.steps() < 200);
    }
    SUBCASE("not a number") {
        scene s = one_body({.id = 2, .position = {std::numeric_limits<double>::quiet_NaN(), 1, 0}});
        world.begin(run, s);
        CHECK(world.step(run) == progress::diverged);
    }
    SUBCASE("shot out of the scene") {
        scene s = one_body({.id = 2, .position = {0, 1, 0}});
        s.pushes.push_back({.body = 1, .step = 0, .impulse = {0, 1e5, 0}});
        world.begin(run, s);
        CHECK(world.step(run) == progress::diverged);
    }
}

TEST_CASE("physics world: without noise most of the real scenes end as they did, in four families") {
    auto const path = test::shared_data("contact_scenes.jsonl");
    if (!path) {
        HPCSCHED_SKIP("HPCSCHED_DATA names no folder with the real scenes");
    }
    auto const scenes = read_scenes(std::filesystem::path{*path});
    REQUIRE(scenes.has_value());
    physics_world const world;
    physics_run run = world.make_run();
    std::size_t right = 0;
    std::size_t all = 0;
    for (std::size_t n = 0; n < scenes->size(); n += 3) {
        recorded_scene const& s = (*scenes)[n];
        if (s.seen.kind == family::link || s.seen.kind == family::contain || s.seen.kind == family::roll) {
            continue;
        }
        world.begin(run, s.seen);
        while (!run.first_contact_step() && world.step(run) == progress::running) {
        }
        ++all;
        right += run.first_contact_step().has_value() == s.contact ? 1U : 0U;
    }
    INFO(right, " of ", all);
    CHECK(static_cast<double>(right) > 0.82 * static_cast<double>(all));
}

} // namespace hpcsched::predict_bullet
