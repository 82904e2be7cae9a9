// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/predict_bullet/scene_file.hpp>

#include <boost/json.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hpcsched::predict_bullet {

namespace {

namespace json = boost::json;

/// What is wrong with a scene; thrown here, caught here.
struct bad_scene {
    std::string what;
};

constexpr double far = 1e4;        ///< metres, newtons, kilograms: no scene has more
constexpr std::size_t many = 1000; ///< bodies, pushes, joints: likewise
constexpr std::uint64_t longest = 100'000;

json::value const& member(json::object const& from, char const* name) {
    json::value const* const at = from.if_contains(name);
    if (at == nullptr) {
        throw bad_scene{"'" + std::string{name} + "' is missing"};
    }
    return *at;
}

double number(json::value const& v, char const* name, double least = -far, double most = far) {
    if (!v.is_number()) {
        throw bad_scene{"'" + std::string{name} + "' must be a number"};
    }
    auto const value = v.to_number<double>();
    if (!(value >= least && value <= most)) {
        throw bad_scene{"'" + std::string{name} + "' must be from " + std::to_string(least) + " to " +
                        std::to_string(most)};
    }
    return value;
}

double number_of(json::object const& from, char const* name, double least = -far, double most = far) {
    return number(member(from, name), name, least, most);
}

std::int64_t whole_of(json::object const& from, char const* name, std::int64_t least, std::int64_t most) {
    json::value const& v = member(from, name);
    boost::system::error_code failed;
    auto const value = v.is_number() ? v.to_number<std::int64_t>(failed) : least - 1;
    if (failed || value < least || value > most) {
        throw bad_scene{"'" + std::string{name} + "' must be a whole number from " + std::to_string(least) + " to " +
                        std::to_string(most)};
    }
    return value;
}

bool flag_of(json::object const& from, char const* name) {
    json::value const& v = member(from, name);
    if (!v.is_bool()) {
        throw bad_scene{"'" + std::string{name} + "' must be true or false"};
    }
    return v.get_bool();
}

std::string text_of(json::object const& from, char const* name) {
    json::value const& v = member(from, name);
    if (!v.is_string()) {
        throw bad_scene{"'" + std::string{name} + "' must be a text"};
    }
    return std::string{v.get_string()};
}

vector3 vector_of(json::object const& from, char const* name, double least = -far) {
    json::value const& v = member(from, name);
    if (!v.is_object()) {
        throw bad_scene{"'" + std::string{name} + "' must have x, y and z"};
    }
    auto const& o = v.get_object();
    return {number_of(o, "x", least), number_of(o, "y", least), number_of(o, "z", least)};
}

/// A scene while its commands come in.
class builder {
  public:
    void add(json::object const& command) {
        std::string const type = text_of(command, "type");
        if (type == "set_physics_solver_iterations") {
            return; // how exactly the original engine solves, not what there is
        }
        std::int64_t const id = whole_of(command, "id", -1'000'000'000'000, 1'000'000'000'000);
        if (type == "add_object") {
            add_object(command, id);
        } else if (type == "add_fixed_joint") {
            auto const parent = whole_of(command, "parent_id", -1'000'000'000'000, 1'000'000'000'000);
            joints_.push_back({parent, id}); // the child may come later
            check_count(joints_.size(), "joints");
        } else {
            change(type, command, id);
        }
    }

    /// \param target  who it is, where the scene says so
    scene finish(family kind, std::uint64_t steps, std::optional<std::int64_t> target) {
        if (built_.bodies.size() < 2) {
            throw bad_scene{"a scene needs a zone and a target: two add_object or more"};
        }
        for (auto const& [parent, child] : joints_) {
            built_.joints.push_back({index_of(parent), index_of(child)});
        }
        for (body const& b : built_.bodies) {
            bool const there = b.shape != primitive::other && std::min({b.scale.x, b.scale.y, b.scale.z}) > 0;
            if (there && !b.immovable && b.mass <= 0) {
                throw bad_scene{"object " + std::to_string(b.id) + " can move, so its mass must be above 0"};
            }
        }
        built_.kind = kind;
        built_.steps = steps;
        built_.zone = 0;
        choose_target(built_);
        if (target) {
            std::size_t const told = index_of(*target);
            body const& b = built_.bodies[told];
            if (told == built_.zone || b.shape == primitive::other ||
                std::min({b.scale.x, b.scale.y, b.scale.z}) <= 0) {
                throw bad_scene{"'target' must be an object that is there, and not the zone"};
            }
            built_.target = told;
            built_.candidates.clear();
        }
        return std::move(built_);
    }

  private:
    static void check_count(std::size_t count, char const* what) {
        if (count > many) {
            throw bad_scene{"more than " + std::to_string(many) + " " + what};
        }
    }

    std::size_t index_of(std::int64_t id) const {
        auto const& bodies = built_.bodies;
        auto const at = std::find_if(bodies.begin(), bodies.end(), [&](body const& b) { return b.id == id; });
        if (at == bodies.end()) {
            throw bad_scene{"there is no object with id " + std::to_string(id)};
        }
        return static_cast<std::size_t>(at - bodies.begin());
    }

    void add_object(json::object const& command, std::int64_t id) {
        auto const& bodies = built_.bodies;
        if (std::any_of(bodies.begin(), bodies.end(), [&](body const& b) { return b.id == id; })) {
            throw bad_scene{"two objects have id " + std::to_string(id)};
        }
        body b{.id = id, .shape = primitive_named(text_of(command, "name"))};
        b.position = vector_of(command, "position");
        b.orientation = from_euler_degrees(vector_of(command, "rotation"));
        double const scale = number_of(command, "scale_factor", 0);
        b.scale = {scale, scale, scale};
        built_.bodies.push_back(b);
        check_count(bodies.size(), "objects");
    }

    void change(std::string const& type, json::object const& command, std::int64_t id) {
        body& b = built_.bodies[index_of(id)];
        if (type == "set_mass") {
            b.mass = number_of(command, "mass", 0);
        } else if (type == "set_physic_material") {
            b.dynamic_friction = number_of(command, "dynamic_friction", 0);
            b.static_friction = number_of(command, "static_friction", 0);
            b.bounciness = number_of(command, "bounciness", 0, 1);
        } else if (type == "scale_object") {
            vector3 const by = vector_of(command, "scale_factor"); // a mesh may be mirrored
            b.scale = {b.scale.x * by.x, b.scale.y * by.y, b.scale.z * by.z};
            if (std::max({std::abs(b.scale.x), std::abs(b.scale.y), std::abs(b.scale.z)}) > far) {
                throw bad_scene{"object " + std::to_string(id) + " is scaled to more than " + std::to_string(far) +
                                " m"};
            }
        } else if (type == "set_kinematic_state") {
            b.immovable = flag_of(command, "is_kinematic");
        } else if (type == "set_object_drag") {
            b.drag = number_of(command, "drag", 0);
            b.angular_drag = number_of(command, "angular_drag", 0);
        } else if (type == "apply_force_at_position" || type == "apply_force_to_object") {
            push p{.body = index_of(id), .impulse = vector_of(command, "force")};
            if (type == "apply_force_at_position") {
                p.at = vector_of(command, "position");
            }
            if (command.if_contains("frame") != nullptr) {
                p.step = static_cast<std::uint64_t>(whole_of(command, "frame", 0, longest));
            }
            built_.pushes.push_back(p);
            check_count(built_.pushes.size(), "pushes");
        } else {
            throw bad_scene{"there is no command '" + type + "'"};
        }
    }

    /// A ramp may come before the target.
    static std::size_t second_of(scene const& s) {
        std::size_t second = 1;
        while (second + 1 < s.bodies.size() && s.bodies[second].immovable) {
            ++second;
        }
        return second;
    }

    /// The study lets the second body vanish where another one is the target: the top of a tower, or one of what is
    /// linked or contained, drawn by chance. The file has that body 10 m up, and does not say which of the others was
    /// drawn.
    static void choose_target(scene& s) {
        constexpr double out_of_sight = 5; // metres
        std::size_t const second = second_of(s);
        if (s.bodies[second].position.y < out_of_sight) {
            s.target = second;
            return;
        }
        s.bodies[second].scale = {};
        std::vector<std::size_t> const stacked = stacked_on(s);
        if (stacked.empty()) {
            throw bad_scene{"the second object is out of sight, and nothing stands there in its place"};
        }
        if (s.kind == family::support) {
            s.target = stacked.back();
            return;
        }
        // Below what is contained or linked stands what holds it: a base, and what is fixed or put on it.
        constexpr std::size_t first_held = 5;
        auto first = std::find_if(stacked.begin(), stacked.end(), [](std::size_t n) { return n >= first_held; });
        if (first == stacked.end()) {
            --first;
        }
        std::vector<std::size_t> held(first, stacked.end());
        // The settings that the study published for links on a cone leave the lowest one out.
        if (s.kind == family::link && s.bodies[first_held - 1].shape == primitive::cone && held.size() > 1) {
            held.erase(held.begin());
        }
        s.target = held[held.size() / 2];
        if (held.size() > 1) {
            s.candidates = std::move(held);
        }
    }

    /// What stands on the zone beside the probe, the third body.
    static std::vector<std::size_t> stacked_on(scene const& s) {
        std::vector<std::size_t> stacked;
        for (std::size_t n = 3; n < s.bodies.size(); ++n) {
            body const& b = s.bodies[n];
            bool const there = b.scale.x > 0 && b.scale.y > 0 && b.scale.z > 0;
            bool const joined = std::any_of(s.joints.begin(), s.joints.end(),
                                            [&](fixed_joint const& j) { return j.parent == n || j.child == n; });
            if (there && !b.immovable && b.shape != primitive::other && !joined) {
                stacked.push_back(n);
            }
        }
        return stacked;
    }

    scene built_;
    std::vector<std::pair<std::int64_t, std::int64_t>> joints_;
};

recorded_scene read_object(json::object const& from) {
    recorded_scene out;
    out.stimulus = text_of(from, "stimulus");
    std::string const name = text_of(from, "scenario");
    auto const kind = family_named(name);
    if (!kind) {
        throw bad_scene{"there is no scenario '" + name + "'"};
    }
    out.contact = flag_of(from, "contact");
    auto const steps = static_cast<std::uint64_t>(whole_of(from, "frames", 1, longest));
    if (!member(from, "first_contact_frame").is_null()) {
        out.first_contact_step = static_cast<std::uint64_t>(whole_of(from, "first_contact_frame", 0, longest));
    }
    if (from.if_contains("human_correct") != nullptr) {
        double const right = number_of(from, "human_correct", 0, 1);
        out.people = human_answers{.yes = out.contact ? right : 1 - right, .count = number_of(from, "human_count", 1)};
    }
    json::value const& commands = member(from, "commands");
    if (!commands.is_array()) {
        throw bad_scene{"'commands' must be a list"};
    }
    builder scene;
    std::size_t n = 0;
    for (json::value const& command : commands.get_array()) {
        ++n;
        try {
            if (!command.is_object()) {
                throw bad_scene{"it is not an object"};
            }
            scene.add(command.get_object());
        } catch (bad_scene const& bad) {
            throw bad_scene{"command " + std::to_string(n) + ": " + bad.what};
        }
    }
    std::optional<std::int64_t> target;
    if (from.if_contains("target") != nullptr) {
        target = whole_of(from, "target", -1'000'000'000'000, 1'000'000'000'000);
    }
    out.seen = scene.finish(*kind, steps, target);
    return out;
}

} // namespace

result<recorded_scene> read_scene(std::string_view text) {
    boost::system::error_code failed;
    json::value const parsed = json::parse({text.data(), text.size()}, failed);
    if (failed) {
        return error{"not JSON: " + failed.message()};
    }
    if (!parsed.is_object()) {
        return error{"a scene must be a JSON object"};
    }
    try {
        return read_object(parsed.get_object());
    } catch (bad_scene const& bad) {
        return error{bad.what};
    }
}

result<std::vector<recorded_scene>> read_scenes(std::string_view lines) {
    std::vector<recorded_scene> out;
    std::size_t line_number = 0;
    while (!lines.empty()) {
        std::size_t const end = lines.find('\n');
        std::string_view const line = lines.substr(0, end);
        lines.remove_prefix(end == std::string_view::npos ? lines.size() : end + 1);
        ++line_number;
        if (line.find_first_not_of(" \t\r") == std::string_view::npos) {
            continue;
        }
        auto scene = read_scene(line);
        if (scene.has_error()) {
            return error{"line " + std::to_string(line_number) + ": " + scene.error().message};
        }
        out.push_back(std::move(*scene));
    }
    return out;
}

result<std::vector<recorded_scene>> read_scenes(std::filesystem::path const& file) {
    std::ifstream in{file, std::ios::binary};
    std::string const text{std::istreambuf_iterator<char>{in}, {}};
    if (!in.is_open() || in.bad()) {
        return error{"cannot read '" + file.string() + "'"};
    }
    auto scenes = read_scenes(std::string_view{text});
    if (scenes.has_error()) {
        return error{file.string() + ": " + scenes.error().message};
    }
    return scenes;
}

} // namespace hpcsched::predict_bullet
