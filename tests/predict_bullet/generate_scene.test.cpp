// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/predict_bullet/generate_scene.hpp>
#include <hpcsched/predict_bullet/scene_picture.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace hpcsched::predict_bullet {

TEST_CASE("generate scene: a generated scene is the same for the same seed and another for another, in every family") {
    for (std::size_t f = 0; f < family_count; ++f) {
        auto const kind = static_cast<family>(f);
        CHECK(*generate_scene(kind, 5) == *generate_scene(kind, 5));
        CHECK_FALSE(*generate_scene(kind, 5) == *generate_scene(kind, 6));
        scene const s = *generate_scene(kind, 5);
        CHECK(s.kind == kind);
        CHECK_FALSE(s.bodies[s.target].immovable);
        CHECK(s.bodies[s.zone].immovable);
    }
}

TEST_CASE("generate scene: generator settings out of range are refused by name") {
    CHECK(generate_scene(family::drop, 1, {.slowest_push = 0}).error().message.find("slowest_push") !=
          std::string::npos);
    CHECK(generate_scene(family::drop, 1, {.jitter = -1}).error().message.find("jitter") != std::string::npos);
    CHECK(generate_scene(family::drop, 1, {.fewest = 0}).error().message.find("fewest") != std::string::npos);
    CHECK(generate_scene(family::drop, 1, {.smallest = 0}).error().message.find("smallest") != std::string::npos);
}

TEST_CASE("generate scene: in four families some generated scenes touch and some do not") {
    predict_threads::thread_team team{2};
    for (family const kind : {family::collide, family::dominoes, family::drop, family::support}) {
        INFO(name_of(kind));
        std::vector<scene> scenes;
        for (std::uint64_t seed = 0; seed < 24; ++seed) {
            scenes.push_back(*generate_scene(kind, seed));
        }
        std::size_t yes = 0;
        for (plain_outcome const& played : play_scenes(scenes, {}, team)) {
            yes += played.says_yes() ? 1U : 0U;
        }
        CHECK(yes > 0);
        CHECK(yes < scenes.size());
    }
}

TEST_CASE("generate scene: a picture holds a path for each future, and its title is escaped") {
    forecast_config how;
    how.worlds = 3;
    std::string const svg = scene_svg(*generate_scene(family::collide, 1), how, "a < b");
    CHECK(svg.starts_with("<svg"));
    CHECK(svg.ends_with("</svg>"));
    CHECK(svg.find("a &lt; b") != std::string::npos);
    std::size_t paths = 0;
    for (std::size_t at = svg.find("<polyline"); at != std::string::npos; at = svg.find("<polyline", at + 1)) {
        ++paths;
    }
    CHECK(paths == 6); // from the side and from above
}

} // namespace hpcsched::predict_bullet
