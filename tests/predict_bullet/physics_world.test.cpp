// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/predict_bullet/generate_scene.hpp>
#include <hpcsched/predict_bullet/physics_world.hpp>
#include <hpcsched/predict_bullet/scene_file.hpp>

#include <doctest/doctest.h>

#include "skip.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numbers>
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

TEST_CASE(
    "physics world: a pushed body that slides is stopped by the mean of the two frictions, at both anchors of its "
    "patch") {
    scene s = one_body({.id = 2, .scale = {1, 0.1, 1}, .mass = 2, .dynamic_friction = 0.1, .static_friction = 0.1});
    s.pushes.push_back({.body = 1, .step = 5, .impulse = {6, 0, 0}});
    s.floor_friction = 0.2;
    physics_world const world;
    physics_run run = world.make_run();
    world.begin(run, s);
    while (world.step(run) == progress::running) {
    }
    // v^2 / (2 mu g) with 3 m/s and twice 0.15
    CHECK(run.pose_of(1).position.x == doctest::Approx(9 / (2 * 2 * 0.15 * 9.81)).epsilon(0.05));
}

TEST_CASE("physics world: a body on a slope stays where it is for as long as its friction holds it") {
    auto const moved = [](double friction) {
        double const tilt = std::numbers::pi / 9;
        scene s;
        s.bodies.push_back({.id = 1, .position = {50, 0, 0}, .scale = {1, 0.01, 1}, .immovable = true});
        s.bodies.push_back({.id = 2,
                            .position = {0, 1, 0},
                            .orientation = turn_about({0, 0, 1}, tilt),
                            .scale = {0.2, 0.1, 0.2},
                            .dynamic_friction = friction,
                            .static_friction = friction});
        s.bodies.push_back({.id = 3,
                            .position = rotate(turn_about({0, 0, 1}, tilt), {0, -1, 0}) + vector3{0, 1, 0},
                            .orientation = turn_about({0, 0, 1}, tilt),
                            .scale = {4, 1, 4},
                            .dynamic_friction = friction,
                            .static_friction = friction,
                            .immovable = true});
        s.steps = 300;
        engine_config config;
        config.still_steps = 1000; // to the end
        physics_world const world{config};
        physics_run run = world.make_run();
        world.begin(run, s);
        while (world.step(run) == progress::running) {
        }
        vector3 const by = run.pose_of(1).position - vector3{0, 1, 0};
        return std::hypot(by.x, by.y, by.z);
    };
    CHECK(moved(0.5) < 1e-4); // its anchors are kept from step to step
    CHECK(moved(0.1) > 0.2);  // twice 0.1 is less than the tangent of 20 degrees
}

TEST_CASE("physics world: what overlaps is pushed apart, and keeps no speed of it") {
    scene s = one_body({.id = 2, .position = {0, 0, 0}, .scale = {0.4, 0.4, 0.4}});
    s.bodies.push_back({.id = 3, .position = {0, 0.35, 0}, .scale = {0.4, 0.4, 0.4}});
    s.steps = 60;
    physics_world const world;
    physics_run run = world.make_run();
    world.begin(run, s);
    double highest = 0;
    while (world.step(run) == progress::running) {
        highest = std::max(highest, run.pose_of(2).position.y);
    }
    CHECK(run.pose_of(2).position.y == doctest::Approx(0.4).epsilon(0.01));
    CHECK(highest < 0.41);
}

TEST_CASE("physics world: a blow bounces from 2 m/s on, and by the mean of the two bouncinesses") {
    auto const highest_after = [](double height) {
        scene s = one_body({.id = 2, .position = {0, height, 0}, .scale = {0.4, 0.4, 0.4}, .bounciness = 1});
        s.steps = 300;
        physics_world const world;
        physics_run run = world.make_run();
        world.begin(run, s);
        double highest = 0;
        bool landed = false;
        while (world.step(run) == progress::running) {
            landed = landed || run.velocity_of(1).y >= 0;
            highest = landed ? std::max(highest, run.pose_of(1).position.y) : 0;
        }
        return highest;
    };
    CHECK(highest_after(0.15) < 0.02);                              // 1.7 m/s
    CHECK(highest_after(1) == doctest::Approx(0.25).epsilon(0.15)); // half the speed, a quarter of the height
}

TEST_CASE("physics world: a ball slides as a patch does while it cannot turn, and rolls on for metres when it can") {
    scene s = one_body({.id = 2, .shape = primitive::sphere, .scale = {0.5, 0.5, 0.5}});
    s.floor_friction = 0.5;
    s.pushes.push_back({.body = 1, .step = 5, .impulse = {3, 0, 0}});
    auto const distance = [&](double largest_spin) {
        engine_config config;
        config.largest_spin = largest_spin;
        physics_world const world{config};
        physics_run run = world.make_run();
        world.begin(run, s);
        while (world.step(run) == progress::running) {
        }
        return run.pose_of(1).position.x;
    };
    // v^2 / (2 mu g) with 3 m/s and twice the mean friction, of 0.5 and 0.6
    CHECK(distance(0) == doctest::Approx(9 / (2 * 2 * 0.55 * 9.81)).epsilon(0.1));
    CHECK(distance(7) > 1.5);
}

TEST_CASE("physics world: what is put on the study's ramp is on the ground within a second") {
    scene s = one_body(
        {.id = 2, .shape = primitive::sphere, .position = {-0.82, 1.15, 0}, .scale = {0.25, 0.25, 0.25}, .mass = 2});
    s.bodies.push_back({.id = 3,
                        .shape = primitive::ramp,
                        .position = {-0.625, 0.01, 0},
                        .orientation = from_euler_degrees({0, 180, 0}),
                        .scale = {0.2, 1, 0.5},
                        .dynamic_friction = 0.01,
                        .static_friction = 0.01,
                        .immovable = true});
    s.steps = 100;
    physics_world const world;
    physics_run run = world.make_run();
    world.begin(run, s);
    bool landed = false;
    while (!landed && world.step(run) == progress::running) {
        for (collision const& c : run.collisions()) {
            landed = landed || (c.one == 1 && c.other == collision::floor);
        }
    }
    CHECK(landed);
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

TEST_CASE("physics world: what rolls away for ever does not keep a scene going, what may still touch does") {
    physics_world const world;
    physics_run run = world.make_run();
    scene s;
    s.floor_friction = 0;
    s.bodies.push_back({.id = 1, .scale = {1, 0.01, 1}, .immovable = true});
    s.bodies.push_back({.id = 2, .position = {1, 0, 0}, .scale = {0.2, 0.2, 0.2}});
    s.bodies.push_back({.id = 3,
                        .shape = primitive::sphere,
                        .position = {-2, 0, 0},
                        .dynamic_friction = 0,
                        .static_friction = 0,
                        .angular_drag = 0});
    s.pushes.push_back({.body = 2, .step = 0, .impulse = {-3, 0, 0}});
    s.steps = 5000;
    world.begin(run, s);
    while (world.step(run) == progress::running) {
    }
    CHECK(run.steps() < 200);
    s.pushes[0].impulse = {0.3, 0, 0}; // slowly towards them: 5 s to go to the zone's rim
    world.begin(run, s);
    while (world.step(run) == progress::running) {
    }
    CHECK(run.steps() > 480);
}

TEST_CASE("physics world: what never rests ends with the scene's steps") {
    scene s = one_body({.id = 2, .position = {0, 100, 0}});
    s.steps = 20;
    physics_world const world;
    physics_run run = world.make_run();
    world.begin(run, s);
    while (run.steps() < 100 && world.step(run) == progress::running) {
    }
    CHECK(run.steps() == 20);
}

TEST_CASE("physics world: rings lie and stack") {
    physics_world const world;
    physics_run run = world.make_run();
    scene s = one_body({.id = 2, .shape = primitive::torus, .position = {0, 0.01, 0}, .scale = {0.4, 0.4, 0.4}});
    s.bodies.push_back({.id = 3, .shape = primitive::torus, .position = {0, 0.12, 0}, .scale = {0.4, 0.4, 0.4}});
    s.steps = 100;
    world.begin(run, s);
    while (world.step(run) == progress::running) {
    }
    CHECK(run.pose_of(2).position.y == doctest::Approx(0.1).epsilon(0.05)); // a ring is a quarter as high as wide
}

TEST_CASE("physics world: a small ball falls through a ring, and rests in a bowl") {
    physics_world const world;
    physics_run run = world.make_run();
    for (primitive const shape : {primitive::torus, primitive::bowl}) {
        INFO(name_of(shape));
        scene s = one_body({.id = 2, .shape = shape, .position = {0, 0, 0}, .scale = {1, 1, 1}, .mass = 10});
        s.bodies.push_back({.id = 3, .shape = primitive::sphere, .position = {0.05, 0.5, 0}, .scale = {0.2, 0.2, 0.2}});
        s.steps = 300;
        world.begin(run, s);
        while (world.step(run) == progress::running) {
        }
        pose const at = run.pose_of(2);
        CHECK(std::hypot(at.position.x, at.position.z) < 0.5);
        double const below = shape == primitive::torus ? 0 : 0.05; // the floor, or the bowl's bottom
        double const middle = at.position.y + 0.1 * rotate(at.orientation, {0, 1, 0}).y;
        CHECK(std::abs(middle - 0.1 - below) < 0.02);
    }
}

TEST_CASE("physics world: a body is quickened without being turned, and one that cannot move is not") {
    scene s = one_body({.id = 2, .position = {0, 5, 0}});
    physics_world const world;
    physics_run run = world.make_run();
    world.begin(run, s);
    run.quicken(1, {2, 0, 1});
    run.quicken(0, {2, 0, 1});
    (void)world.step(run);
    CHECK(run.velocity_of(1).x == doctest::Approx(2));
    CHECK(run.velocity_of(1).z == doctest::Approx(1));
    CHECK(run.pose_of(1).orientation.w == doctest::Approx(1));
    CHECK(run.velocity_of(0) == vector3{});
}

TEST_CASE("physics world: without noise most of the real scenes end as they did, in five families") {
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
        if (s.seen.kind == family::link || s.seen.kind == family::contain) {
            continue; // who is the target is not told
        }
        world.begin(run, s.seen);
        while (!run.first_contact_step() && world.step(run) == progress::running) {
        }
        ++all;
        right += run.first_contact_step().has_value() == s.contact ? 1U : 0U;
    }
    INFO(right, " of ", all);
    CHECK(static_cast<double>(right) > 0.86 * static_cast<double>(all));
}

} // namespace hpcsched::predict_bullet
