// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/predict_bullet/scene.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <numbers>
#include <optional>
#include <string_view>

namespace hpcsched::predict_bullet {

namespace {

constexpr std::array<std::string_view, primitive_count> primitive_names{"cube",
                                                                        "sphere",
                                                                        "cylinder",
                                                                        "cone",
                                                                        "pyramid",
                                                                        "torus",
                                                                        "bowl",
                                                                        "pentagon",
                                                                        "triangular_prism",
                                                                        "dumbbell",
                                                                        "pipe",
                                                                        "octahedron",
                                                                        "platonic",
                                                                        "ramp_with_platform_30",
                                                                        "woven_box",
                                                                        "other"};

constexpr std::array<std::string_view, family_count> family_names{"collide", "contain", "dominoes", "drop",
                                                                  "link",    "roll",    "support"};

} // namespace

vector3 rotate(quaternion const& by, vector3 v) noexcept {
    vector3 const q{by.x, by.y, by.z};
    auto const cross = [](vector3 a, vector3 b) {
        return vector3{a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x};
    };
    vector3 const t = 2.0 * cross(q, v);
    return v + by.w * t + cross(q, t);
}

quaternion multiply(quaternion const& a, quaternion const& b) noexcept {
    return {a.w * b.x + a.x * b.w + a.y * b.z - a.z * b.y, a.w * b.y - a.x * b.z + a.y * b.w + a.z * b.x,
            a.w * b.z + a.x * b.y - a.y * b.x + a.z * b.w, a.w * b.w - a.x * b.x - a.y * b.y - a.z * b.z};
}

quaternion turn_about(vector3 axis, double radians) noexcept {
    double const s = std::sin(radians / 2);
    return {s * axis.x, s * axis.y, s * axis.z, std::cos(radians / 2)};
}

quaternion from_euler_degrees(vector3 degrees) noexcept {
    double const radian = std::numbers::pi / 180;
    quaternion const x = turn_about({1, 0, 0}, degrees.x * radian);
    quaternion const y = turn_about({0, 1, 0}, degrees.y * radian);
    quaternion const z = turn_about({0, 0, 1}, degrees.z * radian);
    return multiply(y, multiply(x, z));
}

std::string_view name_of(primitive shape) noexcept {
    return primitive_names[static_cast<std::size_t>(shape)];
}

primitive primitive_named(std::string_view name) noexcept {
    auto const at = std::find(primitive_names.begin(), primitive_names.end(), name);
    return at == primitive_names.end() ? primitive::other : static_cast<primitive>(at - primitive_names.begin());
}

std::string_view name_of(family f) noexcept {
    return family_names[static_cast<std::size_t>(f)];
}

std::optional<family> family_named(std::string_view name) noexcept {
    auto const at = std::find(family_names.begin(), family_names.end(), name);
    if (at == family_names.end()) {
        return std::nullopt;
    }
    return static_cast<family>(at - family_names.begin());
}

} // namespace hpcsched::predict_bullet
