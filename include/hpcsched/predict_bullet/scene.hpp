// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_PREDICT_BULLET_SCENE_HPP
#define HPCSCHED_PREDICT_BULLET_SCENE_HPP

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hpcsched::predict_bullet {

/// A place or a direction: metres, y is up.
struct vector3 {
    double x = 0;
    double y = 0;
    double z = 0;

    friend constexpr vector3 operator+(vector3 a, vector3 b) noexcept { return {a.x + b.x, a.y + b.y, a.z + b.z}; }
    friend constexpr vector3 operator-(vector3 a, vector3 b) noexcept { return {a.x - b.x, a.y - b.y, a.z - b.z}; }
    friend constexpr vector3 operator*(double f, vector3 a) noexcept { return {f * a.x, f * a.y, f * a.z}; }
    friend constexpr bool operator==(vector3 const&, vector3 const&) = default;
};

/// A turn, of length 1.
struct quaternion {
    double x = 0;
    double y = 0;
    double z = 0;
    double w = 1;

    friend constexpr bool operator==(quaternion const&, quaternion const&) = default;
};

[[nodiscard]] vector3 rotate(quaternion const& by, vector3 v) noexcept;
/// First `second`, then `first`, as matrices are multiplied.
[[nodiscard]] quaternion multiply(quaternion const& first, quaternion const& second) noexcept;
/// \param axis  of length 1
[[nodiscard]] quaternion turn_about(vector3 axis, double radians) noexcept;
/// Euler angles in degrees as Unity means them: about z first, then x, then y. Its axes are left-handed; with all
/// positions in them as well, no sign changes.
[[nodiscard]] quaternion from_euler_degrees(vector3 degrees) noexcept;

/// Shapes of unit size. Each stands on its origin, the centre of its lowest face or point.
enum class primitive : std::uint8_t {
    cube,
    sphere,
    cylinder,
    cone,
    pyramid,
    torus,
    bowl,
    pentagon,
    triangular_prism,
    dumbbell,
    pipe,
    octahedron,
    platonic,
    ramp,
    open_box, ///< stands in for the one mesh that holds something, a woven box
    other     ///< a mesh that is not available: seen, but not simulated
};

inline constexpr std::size_t primitive_count = static_cast<std::size_t>(primitive::other) + 1;

[[nodiscard]] std::string_view name_of(primitive shape) noexcept;
/// `other` for a name that is none of a primitive.
[[nodiscard]] primitive primitive_named(std::string_view name) noexcept;

/// One thing in a scene.
struct body {
    std::int64_t id = 0; ///< as the scene names it
    primitive shape = primitive::cube;
    vector3 position{}; ///< of its origin
    quaternion orientation{};
    vector3 scale{1, 1, 1}; ///< metres; where one is not above 0, the body is not there
    double mass = 1;        ///< kilograms
    double dynamic_friction = 0.6;
    double static_friction = 0.6;
    double bounciness = 0; ///< coefficient of restitution
    double drag = 0;       ///< 1/s
    double angular_drag = 0.05;
    bool immovable = false;

    friend bool operator==(body const&, body const&) = default;
};

/// An impulse that is given to a body before one step.
struct push {
    std::size_t body = 0; ///< index
    std::uint64_t step = 0;
    vector3 impulse{};           ///< newton seconds
    std::optional<vector3> at{}; ///< where; nothing: at its centre of mass

    friend bool operator==(push const&, push const&) = default;
};

/// Two bodies that are one.
struct fixed_joint {
    std::size_t parent = 0; ///< index
    std::size_t child = 0;

    friend bool operator==(fixed_joint const&, fixed_joint const&) = default;
};

/// The seven kinds of scenes of the study.
enum class family : std::uint8_t { collide, contain, dominoes, drop, link, roll, support };

inline constexpr std::size_t family_count = 7;

[[nodiscard]] std::string_view name_of(family f) noexcept;
[[nodiscard]] std::optional<family> family_named(std::string_view name) noexcept;

/// What is seen at the start: bodies on a floor at height 0, and the pushes to come.
struct scene {
    family kind = family::collide;
    std::vector<body> bodies{};
    std::vector<push> pushes{};
    std::vector<fixed_joint> joints{};
    std::size_t zone = 0;   ///< index of the body that is asked about
    std::size_t target = 1; ///< index of the body that may touch it
    /// Where it is not known which body is the target: all that may be, one as likely as the other, `target` among
    /// them.
    std::vector<std::size_t> candidates{};
    double floor_friction = 0.6; ///< still and sliding: Unity's default, since the study does not say
    std::uint64_t steps = 150;   ///< of 10 ms, until the scene ends

    friend bool operator==(scene const&, scene const&) = default;
};

/// How many people answered, and what.
struct human_answers {
    double yes = 0; ///< share of people who said that target and zone would touch
    double count = 0;
};

/// A scene whose outcome is known.
struct recorded_scene {
    std::string stimulus{};
    scene seen{};
    bool contact = false;
    std::optional<std::uint64_t> first_contact_step{};
    std::optional<human_answers> people{}; ///< nothing: withheld
};

} // namespace hpcsched::predict_bullet

#endif
