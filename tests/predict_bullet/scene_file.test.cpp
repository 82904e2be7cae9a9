// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/predict_bullet/scene_file.hpp>

#include <doctest/doctest.h>

#include "skip.hpp"

#include <array>
#include <cstddef>
#include <string>
#include <vector>

namespace hpcsched::predict_bullet {
namespace {

std::string add(int id, std::string const& name, double y = 0) {
    return R"({"type":"add_object","id":)" + std::to_string(id) + R"(,"name":")" + name +
           R"(","scale_factor":1,"position":{"x":0,"y":)" + std::to_string(y) +
           R"(,"z":0},"rotation":{"x":0,"y":0,"z":0}})";
}

std::string scene_of(std::string const& commands, std::string const& more = "") {
    return R"({"stimulus":"s","scenario":"collide","contact":true,"first_contact_frame":3,"frames":9)" + more +
           R"(,"commands":[)" + commands + "]}";
}

std::string const two = add(1, "cube") + "," + add(2, "sphere");

} // namespace

TEST_CASE("scene file: a scene has the bodies, materials and pushes that its commands make") {
    auto const read = read_scene(scene_of(
        two + R"(,{"type":"set_mass","id":2,"mass":4},)"
              R"({"type":"scale_object","id":2,"scale_factor":{"x":1,"y":2,"z":3}},)"
              R"({"type":"set_physic_material","id":2,"dynamic_friction":0.1,"static_friction":0.2,"bounciness":0.3},)"
              R"({"type":"set_kinematic_state","id":1,"is_kinematic":true,"use_gravity":true},)"
              R"({"type":"apply_force_at_position","id":2,"frame":15,"force":{"x":1,"y":0,"z":0},)"
              R"("position":{"x":0,"y":1,"z":0}})",
        R"(,"human_correct":0.25,"human_count":40)"));
    REQUIRE(read.has_value());
    scene const& s = read->seen;
    REQUIRE(s.bodies.size() == 2);
    CHECK(s.bodies[0].immovable);
    CHECK(s.bodies[1].mass == 4);
    CHECK(s.bodies[1].scale == vector3{1, 2, 3});
    CHECK(s.bodies[1].static_friction == 0.2);
    REQUIRE(s.pushes.size() == 1);
    CHECK(s.pushes[0].step == 15);
    CHECK(s.pushes[0].at == vector3{0, 1, 0});
    CHECK(read->people->yes == 0.25);
    CHECK(read->first_contact_step == 3);
}

TEST_CASE("scene file: people's share of yes is of those who were wrong where there was no contact") {
    std::string text = scene_of(two, R"(,"human_correct":0.25,"human_count":40)");
    text.replace(text.find("true"), 4, "false");
    CHECK(read_scene(text)->people->yes == 0.75);
}

TEST_CASE("scene file: what is wrong with a scene is said with the number of its line and of its command") {
    struct example {
        std::string text;
        std::string says;
    };
    std::array const bad{
        example{"nonsense", "line 2: not JSON"},
        example{"[]", "a scene must be a JSON object"},
        example{scene_of(add(1, "cube")), "needs a zone and a target"},
        example{scene_of(two + "," + add(2, "cube")), "command 3: two objects have id 2"},
        example{scene_of(two + R"(,{"type":"explode","id":1})"), "command 3: there is no command 'explode'"},
        example{scene_of(two + R"(,{"type":"set_mass","id":7,"mass":1})"), "there is no object with id 7"},
        example{scene_of(two + R"(,{"type":"set_mass","id":2,"mass":1e99})"), "'mass' must be from"},
        example{scene_of(two + R"(,{"type":"set_mass","id":2,"mass":0})"), "its mass must be above 0"},
        example{scene_of(two + R"(,{"type":"set_mass","id":2})"), "'mass' is missing"},
        example{scene_of(two + R"(,{"type":"scale_object","id":2,"scale_factor":{"x":1e4,"y":1,"z":1}})" +
                         R"(,{"type":"scale_object","id":2,"scale_factor":{"x":1e4,"y":1,"z":1}})"),
                "command 4: object 2 is scaled to more than"},
        example{scene_of(two + ",7"), "command 3: it is not an object"},
        example{scene_of(add(1, "cube") + "," + add(2, "cube", 10)), "nothing stands there in its place"},
        example{scene_of(two, R"(,"target":3)"), "there is no object with id 3"},
        example{scene_of(two, R"(,"target":1)"), "'target' must be an object that is there, and not the zone"},
        example{scene_of(two, R"(,"target":"2")"), "'target' must be a whole number"},
    };
    for (example const& e : bad) {
        auto const read = read_scenes(std::string_view{scene_of(two) + "\n" + e.text});
        REQUIRE(read.has_error());
        INFO(read.error().message);
        CHECK(read.error().message.find(e.says) != std::string::npos);
        CHECK(read.error().message.starts_with("line 2: "));
    }
}

namespace {

std::string of_family(std::string text, std::string const& name) {
    return text.replace(text.find("collide"), 7, name);
}
std::string const hidden = add(1, "cube") + "," + add(2, "cube", 10) + "," + add(3, "sphere");

} // namespace

TEST_CASE("scene file: what the study let vanish is not there, and who is the target instead depends on the family") {
    std::string const held = hidden + "," + add(4, "bowl") + "," + add(5, "bowl", 0.2) + "," + add(6, "cube", 0.3) +
                             "," + add(7, "cube", 0.4) + "," + add(8, "cube", 0.5);
    SUBCASE("of what is contained, any may be the target; what holds them may not") {
        auto const read = read_scene(of_family(scene_of(held), "contain"));
        REQUIRE(read.has_value());
        CHECK(read->seen.bodies[1].scale == vector3{});
        CHECK(read->seen.candidates == std::vector<std::size_t>{5, 6, 7});
        CHECK(read->seen.target == 6);
    }
    SUBCASE("who is the target may be told") {
        auto const read = read_scene(of_family(scene_of(held, R"(,"target":8)"), "contain"));
        REQUIRE(read.has_value());
        CHECK(read->seen.bodies[1].scale == vector3{});
        CHECK(read->seen.candidates.empty());
        CHECK(read->seen.target == 7);
    }
    SUBCASE("on top of a tower stands the target") {
        auto const read = read_scene(of_family(scene_of(held), "support"));
        REQUIRE(read.has_value());
        CHECK(read->seen.candidates.empty());
        CHECK(read->seen.target == 7);
    }
    SUBCASE("of links on a cone the lowest is not the target") {
        std::string text = of_family(scene_of(held), "link");
        text.replace(text.rfind("bowl"), 4, "cone");
        CHECK(read_scene(text)->seen.candidates == std::vector<std::size_t>{6, 7});
    }
    SUBCASE("what is fixed to something is no link") {
        std::string const joint = R"(,{"type":"add_fixed_joint","parent_id":5,"id":6})";
        auto const read = read_scene(of_family(scene_of(held + joint), "link"));
        REQUIRE(read.has_value());
        CHECK(read->seen.candidates == std::vector<std::size_t>{6, 7});
        REQUIRE(read->seen.joints.size() == 1);
        CHECK(read->seen.joints[0] == fixed_joint{.parent = 4, .child = 5});
    }
    SUBCASE("one that is alone is known") {
        auto const read = read_scene(of_family(scene_of(hidden + "," + add(4, "bowl") + "," + add(5, "cube")), "link"));
        REQUIRE(read.has_value());
        CHECK(read->seen.candidates.empty());
        CHECK(read->seen.target == 4);
    }
}

TEST_CASE("scene file: a body that cannot move is not the target, and a turn by Euler angles is kept") {
    auto const read = read_scene(
        scene_of(two + "," + add(3, "cube") + R"(,{"type":"set_kinematic_state","id":2,"is_kinematic":true})"));
    REQUIRE(read.has_value());
    CHECK(read->seen.target == 2);
}

TEST_CASE("scene file: impossible times, shares and sizes are refused by name") {
    auto const says = [](std::string text, std::string const& from, std::string const& to) {
        auto const at = text.find(from);
        REQUIRE(at != std::string::npos);
        auto const read = read_scene(text.replace(at, from.size(), to));
        REQUIRE(read.has_error());
        return read.error().message;
    };
    std::string const good = scene_of(two, R"(,"human_correct":0.25,"human_count":40)");
    CHECK(says(good, R"("frames":9)", R"("frames":0)").find("'frames'") != std::string::npos);
    CHECK(says(good, R"("frames":9)", R"("frames":1e300)").find("'frames'") != std::string::npos);
    CHECK(says(good, R"("frames":9)", R"("frames":-1)").find("'frames'") != std::string::npos);
    CHECK(says(good, "0.25", "1.25").find("'human_correct'") != std::string::npos);
    CHECK(says(good, ":40", ":0").find("'human_count'") != std::string::npos);
    CHECK(says(good, "collide", "explode").find("there is no scenario") != std::string::npos);
    CHECK(says(good, R"("scale_factor":1)", R"("scale_factor":-1)").find("'scale_factor'") != std::string::npos);
    CHECK(says(good, R"("scale_factor":1)", R"("scale_factor":NaN)").find("not JSON") != std::string::npos);
    CHECK(says(good, R"("y":0.000000)", R"("y":"0")").find("'y' must be a number") != std::string::npos);
}

TEST_CASE("scene file: a turn by Euler angles is about z, then x, then y") {
    vector3 const ahead = rotate(from_euler_degrees({0, 90, 0}), {0, 0, 1});
    CHECK(ahead.x == doctest::Approx(1));
    vector3 const both = rotate(from_euler_degrees({90, 90, 0}), {0, 0, 1});
    CHECK(both.y == doctest::Approx(-1)); // about x first: down, and about y it stays there
}

TEST_CASE("scene file: the real scenes are read, all of them") {
    auto const path = test::shared_data("contact_scenes.jsonl");
    if (!path) {
        HPCSCHED_SKIP("HPCSCHED_DATA names no folder with the real scenes");
    }
    auto const scenes = read_scenes(std::filesystem::path{*path});
    REQUIRE(scenes.has_value());
    std::size_t answered = 0;
    std::size_t contacts = 0;
    for (recorded_scene const& s : *scenes) {
        answered += s.people ? 1U : 0U;
        contacts += s.contact ? 1U : 0U;
        CHECK(s.seen.bodies[s.seen.target].position.y < 5);
        CHECK_FALSE(s.seen.bodies[s.seen.target].immovable);
    }
    CHECK(scenes->size() == 994);
    CHECK(answered == 646);
    CHECK(contacts == 489);
}

} // namespace hpcsched::predict_bullet
