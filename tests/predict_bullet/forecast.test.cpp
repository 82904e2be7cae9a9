// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/predict_bullet/forecast.hpp>
#include <hpcsched/predict_bullet/generate_scene.hpp>

#include <doctest/doctest.h>

#include <array>
#include <cstddef>
#include <cstdint>
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
    for (std::uint64_t seed = 0; scenes.size() < 12; ++seed) {
        scene s = *generate_scene(family::collide, seed);
        s.steps = 60;
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
