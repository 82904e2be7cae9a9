// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/predict_bullet/physics_noise.hpp>

#include <boost/random/normal_distribution.hpp>
#include <boost/random/uniform_01.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numbers>
#include <vector>

namespace hpcsched::predict_bullet {

namespace {

enum source : std::size_t {
    position,
    orientation,
    push_direction,
    push_size,
    collision_turn,
    collision_size,
    properties,
    random_force
};

constexpr double at_rest = 0.05;  ///< m/s; slower bodies feel no random force, or nothing would ever rest
constexpr double weak_blow = 0.3; ///< m/s; a collision that changes a body's speed by less is left as it is

double uniform(light_stream& from) {
    return boost::random::uniform_01<double>{}(from);
}
double normal(light_stream& from) {
    return boost::random::normal_distribution<double>{}(from);
}
double factor(light_stream& from, double spread) {
    return std::exp(spread * normal(from));
}

/// \source Best, Fisher, "Efficient simulation of the von Mises distribution", 1979. Deviation: a normal draw where the
///   spread is so small that no angle beyond half a turn is ever drawn.
double von_mises(light_stream& from, double spread) {
    if (spread < 0.05) {
        return spread * normal(from);
    }
    double const kappa = 1 / (spread * spread);
    double const tau = 1 + std::sqrt(1 + 4 * kappa * kappa);
    double const rho = (tau - std::sqrt(2 * tau)) / (2 * kappa);
    double const r = (1 + rho * rho) / (2 * rho);
    for (int tries = 0; tries < 1000; ++tries) {
        double const z = std::cos(std::numbers::pi * uniform(from));
        double const f = (1 + r * z) / (r + z);
        double const c = kappa * (r - f);
        double const u = uniform(from);
        if (c * (2 - c) > u || std::log(c / std::max(u, 1e-300)) + 1 >= c) {
            return uniform(from) < 0.5 ? std::acos(f) : -std::acos(f);
        }
    }
    return 0;
}

vector3 direction(light_stream& from) {
    double const up = 2 * uniform(from) - 1;
    double const angle = 2 * std::numbers::pi * uniform(from);
    double const flat = std::sqrt(std::max(0.0, 1 - up * up));
    return {flat * std::cos(angle), up, flat * std::sin(angle)};
}

double length(vector3 v) {
    return std::sqrt(v.x * v.x + v.y * v.y + v.z * v.z);
}

bool can_move(body const& b) {
    return !b.immovable && b.shape != primitive::other;
}

/// Around what each body turns: itself, or the first of those that joints hold it to.
std::vector<std::size_t> leaders_of(scene const& s) {
    std::vector<std::size_t> leader(s.bodies.size());
    for (std::size_t n = 0; n < leader.size(); ++n) {
        leader[n] = n;
    }
    for (fixed_joint const& j : s.joints) {
        std::size_t const one = leader[j.parent];
        std::size_t const other = leader[j.child];
        std::replace(leader.begin(), leader.end(), std::max(one, other), std::min(one, other));
    }
    return leader;
}

} // namespace

void physics_noise::perceive(scene& seen, predict::noise_streams<source_count>& draws) const {
    std::vector<std::size_t> const leader = leaders_of(seen);
    std::vector<vector3> moved(seen.bodies.size());
    std::vector<quaternion> turned(seen.bodies.size());
    for (std::size_t n = 0; n < seen.bodies.size(); ++n) {
        body& b = seen.bodies[n];
        if (!can_move(b)) {
            continue;
        }
        if (leader[n] == n) {
            double const x = normal(draws[source::position]);
            double const z = normal(draws[source::position]);
            moved[n] = spread[source::position] * vector3{x, 0, z};
            // What stands upright is seen to stand upright: it turns about the vertical alone.
            bool const upright = std::abs(rotate(b.orientation, {0, 1, 0}).y) > 0.999;
            vector3 const axis = direction(draws[source::orientation]);
            turned[n] = turn_about(upright ? vector3{0, 1, 0} : axis,
                                   spread[source::orientation] * normal(draws[source::orientation]));
            b.orientation = multiply(turned[n], b.orientation);
            b.position = b.position + moved[n];
        } else {
            std::size_t const first = leader[n];
            vector3 const before = seen.bodies[first].position - moved[first];
            moved[n] = moved[first];
            turned[n] = turned[first];
            b.position = seen.bodies[first].position + rotate(turned[first], b.position - before);
            b.orientation = multiply(turned[first], b.orientation);
        }
        b.mass *= factor(draws[source::properties], spread[source::properties]);
        double const friction = factor(draws[source::properties], spread[source::properties]);
        b.dynamic_friction *= friction;
        b.static_friction *= friction;
        b.bounciness = std::min(1.0, b.bounciness * factor(draws[source::properties], spread[source::properties]));
    }
    for (push& p : seen.pushes) {
        double const turn = von_mises(draws[source::push_direction], spread[source::push_direction]);
        double const size = factor(draws[source::push_size], spread[source::push_size]);
        p.impulse = size * rotate(turn_about({0, 1, 0}, turn), p.impulse);
        if (p.at) {
            p.at = *p.at + moved[p.body];
        }
    }
}

void physics_noise::disturb(physics_run& run, predict::noise_streams<source_count>& draws) const {
    if (spread[source::random_force] > 0) {
        double const in_one_step = spread[source::random_force] * std::sqrt(run.step_seconds());
        scene const& s = run.played();
        for (std::size_t n = 0; n < s.bodies.size(); ++n) {
            bool const held = std::any_of(s.joints.begin(), s.joints.end(),
                                          [&](fixed_joint const& j) { return j.child == n; }); // moves with another
            if (held || !can_move(s.bodies[n])) {
                continue;
            }
            double const x = normal(draws[source::random_force]);
            double const z = normal(draws[source::random_force]);
            if (length(run.velocity_of(n)) > at_rest) {
                run.quicken(n, in_one_step * vector3{x, 0, z});
            }
        }
    }
    if (spread[source::collision_turn] == 0 && spread[source::collision_size] == 0) {
        return;
    }
    for (collision const& c : run.collisions()) {
        double const size = length(c.impulse);
        if (!(size > weak_blow * run.played().bodies[c.one].mass)) {
            continue;
        }
        vector3 const along = (1 / size) * c.impulse;
        vector3 const any = direction(draws[source::collision_turn]);
        vector3 across{along.y * any.z - along.z * any.y, along.z * any.x - along.x * any.z,
                       along.x * any.y - along.y * any.x};
        double const sine = length(across);
        across = sine > 1e-6 ? (1 / sine) * across : vector3{0, 1, 0};
        double const angle = von_mises(draws[source::collision_turn], spread[source::collision_turn]);
        double const times = factor(draws[source::collision_size], spread[source::collision_size]);
        vector3 const change = times * rotate(turn_about(across, angle), c.impulse) - c.impulse;
        run.strike(c.one, change, c.at);
        if (c.other != collision::floor) {
            run.strike(c.other, -1.0 * change, c.at);
        }
    }
}

} // namespace hpcsched::predict_bullet
