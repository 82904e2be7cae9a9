// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/predict_bullet/forecast.hpp>
#include <hpcsched/predict_bullet/generate_scene.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

namespace hpcsched::predict_bullet {
namespace {

std::vector<scene> scenes_of(family kind, std::uint64_t count) {
    std::vector<scene> out;
    for (std::uint64_t seed = 0; seed < count; ++seed) {
        out.push_back(*generate_scene(kind, seed));
    }
    return out;
}

} // namespace

TEST_CASE("forecast: forecasts are the same with one thread as with three, whatever the order of the scenes") {
    std::vector<scene> scenes = scenes_of(family::collide, 6);
    scenes.push_back(*generate_scene(family::drop, 1));
    predict_threads::thread_team alone{1};
    predict_threads::thread_team three{3};
    forecast_config how;
    how.worlds = 6;
    auto const one = forecast_scenes(scenes, how, alone);
    std::vector<scene> const turned(scenes.rbegin(), scenes.rend());
    auto const other = forecast_scenes(turned, how, three);
    for (std::size_t n = 0; n < scenes.size(); ++n) {
        forecast const& a = one[n];
        forecast const& b = other[scenes.size() - 1 - n];
        CHECK(a.touch.yes == b.touch.yes);
        CHECK(a.steps == b.steps);
        CHECK(a.where.has_value() == b.where.has_value());
        if (a.where && b.where) {
            CHECK(a.where->all == b.where->all);
        }
    }
}

TEST_CASE("forecast: a scene whose futures all diverge is answered as not known") {
    scene s = *generate_scene(family::collide, 1);
    s.pushes.front().impulse = {1e6, 1e6, 0};
    predict_threads::thread_team team{1};
    forecast_config how;
    how.worlds = 4;
    auto const answer = forecast_scenes(std::vector<scene>{s}, how, team).front();
    CHECK(answer.touch.unknown == 4);
    CHECK(answer.touch.within == predict::interval{0, 1});
    CHECK_FALSE(answer.where);
}

TEST_CASE("forecast: the noise of a synthetic observer is found again within 15 percent") {
    // One who is unsure of pushes alone: how many of its 150 futures touch are its answers.
    std::vector<scene> scenes;
    for (std::uint64_t seed = 0; scenes.size() < 24; ++seed) {
        scene s = *generate_scene(family::collide, seed);
        s.steps = 100;
        if (s.bodies[s.target].shape == primitive::cube) { // the quickest to play
            scenes.push_back(s);
        }
    }
    predict_threads::thread_team team{0};
    forecast_config how;
    how.noise = {};
    how.noise.spread[2] = 0.25;
    how.worlds = 150;
    how.seed = 99;
    std::vector<predict::observed_answers> observed;
    for (forecast const& f : forecast_scenes(scenes, how, team)) {
        observed.push_back(
            {.yes = static_cast<double>(f.touch.yes), .asked = static_cast<double>(f.touch.yes + f.touch.no)});
    }
    how.seed = 1; // other draws than the observer's
    how.worlds = 40;
    physics_noise start;
    start.spread[2] = 0.12;
    std::array<std::size_t, 1> const sources{2};
    auto const found =
        fit_noise(scenes, observed, how, start, sources, {.evaluations = 12, .fit_response = false}, team);
    REQUIRE(found.has_value());
    CHECK(found->noise.spread[2] == doctest::Approx(0.25).epsilon(0.15));
    CHECK(found->noise.spread[0] == 0);
}

namespace {

/// Two balls that may be the target fall: one on the zone, one beside it.
scene one_on_one_beside() {
    scene s;
    s.bodies.push_back({.id = 1, .scale = {1, 0.01, 1}, .immovable = true});
    s.bodies.push_back({.id = 2, .shape = primitive::sphere, .position = {0, 0.3, 0}, .scale = {0.2, 0.2, 0.2}});
    s.bodies.push_back({.id = 3, .shape = primitive::sphere, .position = {3, 0.3, 0}, .scale = {0.2, 0.2, 0.2}});
    s.candidates = {1, 2};
    return s;
}

} // namespace

TEST_CASE("forecast: where it is not known which body is the target each is it in as many futures") {
    predict_threads::thread_team team{1};
    std::vector<scene> const scenes{one_on_one_beside()};
    forecast_config how;
    how.noise = {};
    how.worlds = 10;
    auto const answer = forecast_scenes(scenes, how, team).front();
    CHECK(answer.touch.yes == 5);
    CHECK(answer.touch.no == 5);
}

TEST_CASE("forecast: one future without noise tells how many of the bodies that may be meant touch the zone") {
    predict_threads::thread_team team{2};
    std::vector<scene> scenes{one_on_one_beside(), one_on_one_beside(), one_on_one_beside(), one_on_one_beside()};
    scenes[1].candidates.clear();
    scenes[2].candidates.clear();
    scenes[2].target = 2;
    scenes[3].bodies[2].position.y = std::numeric_limits<double>::quiet_NaN();
    auto const played = play_scenes(scenes, {}, team);
    CHECK(played[0].touch == 1);
    CHECK(played[0].of == 2);
    CHECK(played[0].share() == 0.5);
    CHECK(played[0].says_yes()); // as many do as do not: the scene's target decides
    CHECK(played[1].share() == 1);
    CHECK(played[2].share() == 0);
    CHECK_FALSE(played[2].says_yes());
    CHECK(played[3].unknown);
}

TEST_CASE("forecast: observers name places on both sides of the line through the middle of them") {
    predict_threads::thread_team team{1};
    forecast_config how;
    how.worlds = 40;
    auto const all = forecast_scenes(scenes_of(family::drop, 4), how, team);
    auto const touching = std::find_if(all.begin(), all.end(), [](forecast const& f) { return f.where.has_value(); });
    REQUIRE(touching != all.end());
    forecast const& said = *touching;
    auto const seen = observe_places(said);
    auto const named = static_cast<double>(said.where->all.size());
    CHECK(seen.asked == static_cast<double>(said.touch.yes + said.touch.no));
    CHECK(std::abs(seen.beyond_x - named / 2) <= 1);
    CHECK(std::abs(seen.beyond_z - named / 2) <= 1);
    CHECK(observe_places({}).asked == 0);
}

TEST_CASE("forecast: two sources of noise of a synthetic observer are found again within 15 percent") {
    // Where a pushed body goes tells how unsure its push is; where a dropped one goes, how unsure its place is.
    std::vector<scene> scenes;
    for (int n = 0; n < 10; ++n) { // past the zone, or not quite
        scene s;
        s.floor_friction = 0.1;
        s.bodies.push_back(
            {.id = 1, .position = {1.5, 0, 0.3 + 0.06 * n}, .scale = {0.6, 0.01, 0.6}, .immovable = true});
        s.bodies.push_back({.id = 2, .scale = {0.2, 0.2, 0.2}, .dynamic_friction = 0.1, .static_friction = 0.1});
        s.pushes.push_back({.body = 1, .step = 0, .impulse = {3, 0, 0}});
        s.steps = 100;
        scenes.push_back(s);
    }
    for (int n = 0; n < 10; ++n) { // a ball over the zone's edge
        scene s = one_on_one_beside();
        s.candidates.clear();
        s.bodies.pop_back();
        s.bodies[1].position.x = 0.6 + 0.05 * n;
        s.steps = 40;
        scenes.push_back(s);
    }
    predict_threads::thread_team team{0};
    forecast_config how;
    how.noise = {};
    how.noise.spread[0] = 0.1;
    how.noise.spread[2] = 0.25;
    how.worlds = 200;
    how.seed = 99;
    std::vector<predict::observed_answers> observed;
    for (forecast const& f : forecast_scenes(scenes, how, team)) {
        observed.push_back(
            {.yes = static_cast<double>(f.touch.yes), .asked = static_cast<double>(f.touch.yes + f.touch.no)});
    }
    how.seed = 1;
    how.worlds = 40;
    physics_noise start;
    start.spread[0] = 0.2;
    start.spread[2] = 0.12;
    std::array<std::size_t, 2> const sources{0, 2};
    auto const found = fit_noise(scenes, observed, how, start, sources,
                                 {.evaluations = 30, .fit_response = false, .measure_errors = false}, team);
    REQUIRE(found.has_value());
    CHECK(found->noise.spread[0] == doctest::Approx(0.1).epsilon(0.15));
    CHECK(found->noise.spread[2] == doctest::Approx(0.25).epsilon(0.15));
}

TEST_CASE("forecast: noise is found from where bodies are said to touch as well") {
    std::vector<scene> scenes;
    for (std::uint64_t seed = 0; scenes.size() < 8; ++seed) {
        scene s = *generate_scene(family::collide, seed);
        s.steps = 60;
        if (s.bodies[s.target].shape == primitive::cube) {
            scenes.push_back(s);
        }
    }
    predict_threads::thread_team team{0};
    forecast_config how;
    how.noise = {};
    how.noise.spread[2] = 0.25;
    how.worlds = 150;
    how.seed = 99;
    std::vector<observed_places> observed;
    for (forecast const& f : forecast_scenes(scenes, how, team)) {
        observed.push_back(observe_places(f));
    }
    how.seed = 1;
    how.worlds = 40;
    physics_noise start;
    start.spread[2] = 0.1;
    std::array<std::size_t, 1> const sources{2};
    predict_fit::fit_config const search{.evaluations = 14, .fit_response = false, .measure_errors = false};
    auto const found = fit_noise_to_places(scenes, observed, how, start, sources, search, team);
    REQUIRE(found.has_value());
    CHECK(found->noise.spread[2] == doctest::Approx(0.25).epsilon(0.25));
    observed.pop_back();
    CHECK(fit_noise_to_places(scenes, observed, how, start, sources, search, team).has_error());
}

TEST_CASE("forecast: a fit refuses a source that is none, or that starts at nothing") {
    predict_threads::thread_team team{1};
    std::vector<scene> const scenes = scenes_of(family::collide, 1);
    std::vector<predict::observed_answers> const observed{{1, 2}};
    std::array<std::size_t, 1> const none{70};
    std::array<std::size_t, 1> const silent{0};
    CHECK(fit_noise(scenes, observed, {}, fitted_noise(), none, {}, team).has_error());
    CHECK(fit_noise(scenes, observed, {}, physics_noise{}, silent, {}, team).has_error());
}

} // namespace hpcsched::predict_bullet
