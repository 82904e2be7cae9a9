// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/core/random.hpp>
#include <hpcsched/predict_bullet/generate_scene.hpp>

#include <boost/random/uniform_int_distribution.hpp>
#include <boost/random/uniform_real_distribution.hpp>

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>

namespace hpcsched::predict_bullet {

namespace {

class generator {
  public:
    generator(family kind, std::uint64_t seed, generator_config const& config)
        : config_{config}, draws_{seed, static_cast<std::uint64_t>(kind)} {
        made_.kind = kind;
    }

    scene make() {
        switch (made_.kind) {
        case family::collide:
            collide(0);
            break;
        case family::roll:
            collide(0.25);
            break;
        case family::dominoes:
            dominoes();
            break;
        case family::drop:
            drop();
            break;
        case family::support:
            support();
            break;
        case family::contain:
            contain();
            break;
        case family::link:
            link();
            break;
        }
        return made_;
    }

  private:
    double between(double low, double high) {
        return low < high ? boost::random::uniform_real_distribution<double>{low, high}(draws_) : low;
    }
    double aside() { return between(-config_.jitter, config_.jitter); }
    double size() { return between(config_.smallest, config_.largest); }
    std::size_t how_many() {
        return boost::random::uniform_int_distribution<std::size_t>{config_.fewest, config_.most}(draws_);
    }
    primitive one_of(std::span<primitive const> of) {
        return of[boost::random::uniform_int_distribution<std::size_t>{0, of.size() - 1}(draws_)];
    }
    quaternion any_turn() { return from_euler_degrees({between(0, 360), between(0, 360), between(0, 360)}); }

    std::size_t put(primitive shape, vector3 at, vector3 scale, double mass, double friction = 0.5) {
        made_.bodies.push_back({.id = static_cast<std::int64_t>(made_.bodies.size()) + 1,
                                .shape = shape,
                                .position = at,
                                .scale = scale,
                                .mass = mass,
                                .dynamic_friction = friction,
                                .static_friction = friction});
        return made_.bodies.size() - 1;
    }
    void put_zone(vector3 at, vector3 scale) {
        body& b = made_.bodies[put(primitive::cube, at, scale, 500, 0.1)];
        b.static_friction = 1;
        b.immovable = true;
    }
    /// Gives the probe a speed along x, a little aside.
    void push_probe(std::size_t probe, std::uint64_t step, double height, double turn) {
        body& b = made_.bodies[probe];
        b.angular_drag = 0;
        double const momentum = b.mass * between(config_.slowest_push, config_.fastest_push);
        vector3 const at = b.position + vector3{0, height, 0};
        made_.pushes.push_back({.body = probe,
                                .step = step,
                                .impulse = {momentum * std::cos(turn), 0, momentum * std::sin(turn)},
                                .at = at});
    }

    void collide(double lift) {
        static constexpr std::array targets{primitive::cube, primitive::pentagon, primitive::cylinder, primitive::cone,
                                            primitive::pipe};
        static constexpr std::array rollers{primitive::cube, primitive::pentagon, primitive::cylinder, primitive::cone};
        put_zone({2, 0, aside()}, {1, 0.01, 1});
        put(one_of(targets), {1, 0, 0}, {0.25, 0.5, 0.25}, 2);
        double const wide = size();
        bool const rolls = made_.kind == family::roll;
        std::size_t const probe =
            put(rolls ? one_of(rollers) : primitive::sphere, {-1, lift, 0}, {wide, wide, wide}, 2, 0.4);
        if (rolls) {
            made_.bodies[probe].orientation = any_turn();
        }
        push_probe(probe, 0, wide / 2, between(-0.1, 0.1));
        made_.steps = 150;
    }

    void dominoes() {
        std::size_t const middle = how_many() - 1;
        double const gap = 0.4;
        double const length = gap * static_cast<double>(middle + 1);
        vector3 const scale{0.1, 0.5, 0.25};
        put_zone({length / 2 + 0.6, 0, 0}, {0.5, 0.01, 2});
        put(primitive::cube, {length / 2, 0, 0}, scale, 2);
        std::size_t const probe = put(primitive::cube, {-length / 2, 0, 0}, scale, 2, 0.01);
        for (std::size_t n = 0; n < middle; ++n) {
            double const x = -length / 2 + gap * static_cast<double>(n + 1) + 0.4 * aside();
            std::size_t const b = put(primitive::cube, {x, 0, 0.5 * aside()}, scale, 2);
            made_.bodies[b].orientation = from_euler_degrees({0, between(-45, 45), 0});
        }
        push_probe(probe, 10, 0.4, 0);
        made_.pushes.front().impulse = {between(1.2, 1.8), 0, 0};
        made_.steps = 300;
    }

    void drop() {
        static constexpr std::array falling{primitive::cube, primitive::sphere,     primitive::cylinder,
                                            primitive::cone, primitive::octahedron, primitive::torus};
        static constexpr std::array below{primitive::bowl, primitive::cube, primitive::cylinder, primitive::cone};
        bool const beside = between(0, 1) < 0.5;
        put_zone({0, 0, beside ? 1.0 : 0.0}, {2, 0.01, 2});
        double const small = 0.5 * size();
        std::size_t const b =
            put(one_of(falling), {aside(), between(1.2, 1.5), aside()}, {small, small, small}, 4, 0.4);
        made_.bodies[b].orientation = any_turn();
        double const wide = size() + 0.2;
        put(one_of(below), {0, 0, 0}, {wide, wide, wide}, 10, 0.4);
        made_.steps = 300;
    }

    /// The study's second body, out of sight where another one is the target.
    void put_out_of_sight() {
        body& b = made_.bodies[put(primitive::cube, {1, 10, 10}, {0, 0, 0}, 2)];
        b.immovable = true;
    }
    std::size_t put_probe(double mass) { return put(primitive::sphere, {-1, 0.01, 0}, {0.3, 0.3, 0.3}, mass, 0.01); }

    void support() {
        put_zone({0, 0, 0}, {5, 0.01, 5});
        put_out_of_sight();
        std::size_t const probe = put_probe(3);
        double height = 0.01;
        std::size_t const blocks = how_many() + 1;
        for (std::size_t n = 0; n < blocks; ++n) {
            vector3 const scale{size(), size(), size()};
            put(primitive::cube, {0.3 * aside(), height, 0.3 * aside()}, scale, 8 * scale.x * scale.y * scale.z);
            height += scale.y;
        }
        made_.target = put(primitive::cone, {0, height, 0}, {0.3, 0.3, 0.3}, 0.4);
        push_probe(probe, 15, 0.15, 0);
        made_.steps = 600;
    }

    void contain() {
        put_zone({0, 0, 0}, {3, 0.01, 3});
        put_out_of_sight();
        std::size_t const probe = put_probe(3);
        double const wide = size() + 0.3;
        put(primitive::bowl, {0, 0.01, 0}, {wide, wide, wide}, 8 * wide * wide * wide);
        double const foot = 0.01 + 0.06 * wide;
        double const ball = 0.5 * wide;
        made_.target = put(primitive::sphere, {0.1 * aside(), foot, 0.1 * aside()}, {ball, ball, ball}, 0.2);
        push_probe(probe, 15, 0.15, 0);
        made_.steps = 450;
    }

    void link() {
        put_zone({1.5, 0, 0}, {2, 0.01, 4});
        put_out_of_sight();
        std::size_t const probe = put_probe(12);
        double const base = between(0.2, 0.4);
        std::size_t const parent = put(primitive::cylinder, {0, 0, 0}, {0.4, base, 0.4}, 1);
        std::size_t const pole = put(primitive::cylinder, {0, base, 0}, {0.15, 1, 0.15}, 0.4);
        made_.joints.push_back({parent, pole});
        std::size_t const rings = how_many();
        double height = base + 0.01;
        for (std::size_t n = 0; n < rings; ++n) {
            double const wide = between(0.35, 0.45);
            std::size_t const ring = put(primitive::torus, {0, height, 0}, {wide, wide, wide}, 0.3);
            height += 0.25 * wide + 0.005;
            if (n == rings / 2) {
                made_.target = ring;
            }
        }
        push_probe(probe, 15, 0.15, 0);
        made_.steps = 450;
    }

    generator_config config_;
    light_stream draws_;
    scene made_;
};

} // namespace

result<scene> generate_scene(family kind, std::uint64_t seed, generator_config const& c) {
    auto const wrong = [](char const* what) { return error{std::string{"generate_scene: "} + what}; };
    if (!(c.slowest_push > 0 && c.slowest_push <= c.fastest_push && c.fastest_push <= 100)) {
        return wrong("slowest_push must be above 0 and at most fastest_push, which is at most 100 m/s");
    }
    if (!(c.jitter >= 0 && c.jitter <= 1)) {
        return wrong("jitter must be from 0 to 1 m");
    }
    if (c.fewest < 1 || c.fewest > c.most || c.most > 50) {
        return wrong("fewest must be 1 or more and at most `most`, which is at most 50");
    }
    if (!(c.smallest >= 0.05 && c.smallest <= c.largest && c.largest <= 2)) {
        return wrong("smallest must be 0.05 or more and at most largest, which is at most 2 m");
    }
    return generator{kind, seed, c}.make();
}

} // namespace hpcsched::predict_bullet
