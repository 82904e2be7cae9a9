// SPDX-License-Identifier: Apache-2.0
#include "solids.hpp"

#include <LinearMath/btConvexHullComputer.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <memory>
#include <numbers>
#include <utility>
#include <vector>

namespace hpcsched::predict_bullet {

namespace {

using points = std::vector<vector3>;

constexpr double pi = std::numbers::pi;
constexpr btScalar skin = 0.002F; ///< Bullet's margin around convex shapes, metres

/// A convex piece of a primitive of unit size; a box and a sphere are known to the engine as such.
struct piece {
    points corners{};
    bool box = false;
    bool sphere = false;
    double tube = 0; ///< radius of the capsule that it is where all scales are equal; 0: none
    vector3 from{};  ///< its ends
    vector3 to{};
};

points ring(double y, double radius, int count, double phase = 0) {
    points out;
    for (int n = 0; n < count; ++n) {
        double const angle = phase + 2 * pi * n / count;
        out.push_back({radius * std::cos(angle), y, radius * std::sin(angle)});
    }
    return out;
}

points joined(points a, points const& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
}

points ball(vector3 centre, double radius) {
    points out{{centre.x, centre.y + radius, centre.z}, {centre.x, centre.y - radius, centre.z}};
    constexpr int layers = 8;
    for (int n = 1; n < layers; ++n) {
        double const latitude = pi * (static_cast<double>(n) / layers - 0.5);
        for (vector3 const& p : ring(radius * std::sin(latitude), radius * std::cos(latitude), 12)) {
            out.push_back(centre + p);
        }
    }
    return out;
}

points box_between(vector3 low, vector3 high) {
    points out;
    for (int n = 0; n < 8; ++n) {
        out.push_back({(n & 1) != 0 ? high.x : low.x, (n & 2) != 0 ? high.y : low.y, (n & 4) != 0 ? high.z : low.z});
    }
    return out;
}

/// Turns a closed profile about the vertical axis: a convex piece for each of `count` sectors.
/// \param profile  (radius, height) of the corners of a convex cross-section
void turn(std::vector<piece>& out, std::vector<std::pair<double, double>> const& profile, int count, double phase = 0) {
    for (int n = 0; n < count; ++n) {
        points corners;
        for (int side = 0; side < 2; ++side) {
            double const angle = phase + 2 * pi * (n + side) / count;
            for (auto const& [radius, height] : profile) {
                corners.push_back({radius * std::cos(angle), height, radius * std::sin(angle)});
            }
        }
        out.push_back({.corners = std::move(corners)});
    }
}

std::vector<piece> torus() {
    constexpr double away = 0.5; // of the tube's middle from the axis
    constexpr double thick = 0.125;
    std::vector<std::pair<double, double>> profile;
    for (int n = 0; n < 8; ++n) {
        double const angle = pi * (n + 0.5) / 4;
        double const corner = thick / std::cos(pi / 8);
        profile.emplace_back(away + corner * std::cos(angle), thick + corner * std::sin(angle));
    }
    constexpr int sectors = 12;
    std::vector<piece> out;
    turn(out, profile, sectors);
    for (int n = 0; n < sectors; ++n) {
        auto const end = [&](int k) {
            double const angle = 2 * pi * k / sectors;
            return vector3{away * std::cos(angle), thick, away * std::sin(angle)};
        };
        piece& p = out[static_cast<std::size_t>(n)];
        p.tube = thick;
        p.from = end(n);
        p.to = end(n + 1);
    }
    return out;
}

std::vector<piece> bowl() {
    // A dish, its rim at the top. Height and rim are the study's; foot, wall and how steep it rises are those with
    // which most of what it holds ends where it did.
    constexpr double height = 0.378908;
    constexpr double rim = 0.490393;
    constexpr double foot = 0.22;
    constexpr double wall = 0.05;
    constexpr int layers = 3;
    auto const outside = [&](double y) { return foot + (rim - foot) * std::sin(pi / 2 * y / height); };
    std::vector<piece> out;
    out.push_back({.corners = joined(ring(0, foot, 16), ring(wall, outside(wall), 16))});
    for (int n = 0; n < layers; ++n) {
        double const low = wall + (height - wall) * n / layers;
        double const high = wall + (height - wall) * (n + 1) / layers;
        turn(out,
             {{outside(low), low},
              {outside(high), high},
              {outside(high) - wall, high},
              {std::max(outside(low) - 1.5 * wall, 0.0), low}},
             12);
    }
    return out;
}

std::vector<piece> pipe() {
    std::vector<piece> out;
    turn(out, {{0.5, 0}, {0.5, 1}, {0.375, 1}, {0.375, 0}}, 12);
    return out;
}

std::vector<piece> dumbbell() {
    constexpr double half = 0.375;
    constexpr double bar = 0.12;
    return {{.corners = ball({0, half, -2 * half}, half)},
            {.corners = ball({0, half, 2 * half}, half)},
            {.corners = box_between({-bar, half - bar, -half}, {bar, half + bar, half})}};
}

std::vector<piece> open_box() {
    constexpr double high = 0.6;
    constexpr double wall = 0.04;
    return {{.corners = box_between({-0.5, 0, -0.5}, {0.5, wall, 0.5})},
            {.corners = box_between({-0.5, wall, -0.5}, {wall - 0.5, high, 0.5})},
            {.corners = box_between({0.5 - wall, wall, -0.5}, {0.5, high, 0.5})},
            {.corners = box_between({wall - 0.5, wall, -0.5}, {0.5 - wall, high, wall - 0.5})},
            {.corners = box_between({wall - 0.5, wall, 0.5 - wall}, {0.5 - wall, high, 0.5})}};
}

std::vector<piece> ramp() {
    // Its length and height follow from where the study puts what rolls. In its films all of that slides down at once
    // and reaches the ground within 0.7 s, so that there is next to no platform for what rolls.
    constexpr double height = 1.150673;
    constexpr double half_length = 1.7265;
    constexpr double slope = 3.45;
    constexpr double half_depth = 1.5;
    points corners;
    for (double const z : {-half_depth, half_depth}) {
        corners.push_back({-half_length, 0, z});
        corners.push_back({half_length, 0, z});
        corners.push_back({half_length, height, z});
        corners.push_back({-half_length + slope, height, z});
    }
    return {{.corners = corners}};
}

std::vector<piece> pieces_of(primitive shape) {
    switch (shape) {
    case primitive::cube:
        return {{.corners = box_between({-0.5, 0, -0.5}, {0.5, 1, 0.5}), .box = true}};
    case primitive::sphere:
        return {{.corners = ball({0, 0.5, 0}, 0.5), .sphere = true}};
    case primitive::cylinder:
        return {{.corners = joined(ring(0, 0.5, 20), ring(1, 0.5, 20))}};
    case primitive::cone:
        return {{.corners = joined(ring(0, 0.5, 20), {{0, 1, 0}})}};
    case primitive::pyramid:
        return {{.corners = joined(ring(0, 0.53033, 4), {{0, 1, 0}})}};
    case primitive::torus:
        return torus();
    case primitive::bowl:
        return bowl();
    case primitive::pentagon:
        return {{.corners = joined(ring(0, 0.5, 5, -pi / 2), ring(1, 0.5, 5, -pi / 2))}};
    case primitive::triangular_prism:
        return {{.corners = {{-0.5, 0, -0.5},
                             {0.5, 0, -0.5},
                             {0, 0.933013, -0.5},
                             {-0.5, 0, 0.5},
                             {0.5, 0, 0.5},
                             {0, 0.933013, 0.5}}}};
    case primitive::dumbbell:
        return dumbbell();
    case primitive::pipe:
        return pipe();
    case primitive::octahedron:
        return {{.corners = joined(ring(0.75, 0.5 * std::numbers::sqrt2, 4, pi / 4), {{0, 0, 0}, {0, 1.5, 0}})}};
    case primitive::platonic:
        return {{.corners = joined(joined(ring(0.5 - 0.223607, 0.447214, 5), ring(0.5 + 0.223607, 0.447214, 5, pi / 5)),
                                   {{0, 0, 0}, {0, 1, 0}})}};
    case primitive::ramp:
        return ramp();
    case primitive::open_box:
        return open_box();
    case primitive::other:
        break;
    }
    return {};
}

/// Volume, first and second moments of a convex body about the origin, by tetrahedra from the origin to its faces.
struct moments {
    double volume = 0;
    vector3 first{};  ///< integral of (x, y, z)
    vector3 second{}; ///< integral of (x^2, y^2, z^2)

    void add_tetrahedron(vector3 a, vector3 b, vector3 c) {
        double const six =
            a.x * (b.y * c.z - b.z * c.y) + a.y * (b.z * c.x - b.x * c.z) + a.z * (b.x * c.y - b.y * c.x);
        double const v = six / 6;
        auto const square = [](double p, double q, double r) {
            return (p * p + q * q + r * r + p * q + q * r + r * p) / 10;
        };
        volume += v;
        first = first + (v / 4) * (a + b + c);
        second = second + v * vector3{square(a.x, b.x, c.x), square(a.y, b.y, c.y), square(a.z, b.z, c.z)};
    }
    void add(moments const& more) {
        volume += more.volume;
        first = first + more.first;
        second = second + more.second;
    }
};

moments moments_of(points const& corners) {
    btConvexHullComputer hull;
    std::vector<btVector3> in;
    for (vector3 const& p : corners) {
        in.emplace_back(static_cast<btScalar>(p.x), static_cast<btScalar>(p.y), static_cast<btScalar>(p.z));
    }
    hull.compute(in.front().m_floats, sizeof(btVector3), static_cast<int>(in.size()), 0, 0);
    moments out;
    auto const at = [&](int n) {
        btVector3 const& v = hull.vertices[n];
        return vector3{v.x(), v.y(), v.z()};
    };
    for (int f = 0; f < hull.faces.size(); ++f) {
        btConvexHullComputer::Edge const* const first = &hull.edges[hull.faces[f]];
        vector3 const a = at(first->getSourceVertex());
        for (auto const* e = first->getNextEdgeOfFace(); e->getTargetVertex() != first->getSourceVertex();
             e = e->getNextEdgeOfFace()) {
            out.add_tetrahedron(a, at(e->getSourceVertex()), at(e->getTargetVertex()));
        }
    }
    if (out.volume < 0) { // the faces run the other way round
        out.volume = -out.volume;
        out.first = -1.0 * out.first;
        out.second = -1.0 * out.second;
    }
    return out;
}

btVector3 to_bullet(vector3 v) {
    return {static_cast<btScalar>(v.x), static_cast<btScalar>(v.y), static_cast<btScalar>(v.z)};
}

std::unique_ptr<btCollisionShape> convex(points const& corners, vector3 centre) {
    auto hull = std::make_unique<btConvexHullShape>();
    for (vector3 const& p : corners) {
        hull->addPoint(to_bullet(p - centre), false);
    }
    hull->recalcLocalAabb();
    hull->setMargin(skin);
    hull->initializePolyhedralFeatures();
    return hull;
}

/// A capsule is met by a formula where a hull takes a search, and touches in one point where a hull has four.
void add_tube(solid& out, piece const& p, double scale, vector3 centre) {
    vector3 const along = scale * (p.to - p.from);
    double const length = std::sqrt(along.x * along.x + along.y * along.y + along.z * along.z);
    out.parts.push_back(
        std::make_unique<btCapsuleShape>(static_cast<btScalar>(scale * p.tube), static_cast<btScalar>(length)));
    btTransform at;
    at.setOrigin(to_bullet((0.5 * scale) * (p.from + p.to) - centre));
    at.setRotation(shortestArcQuat(btVector3{0, 1, 0}, to_bullet((1 / length) * along)));
    out.whole->addChildShape(at, out.parts.back().get());
}

} // namespace

std::unique_ptr<solid> make_solid(primitive shape, vector3 const& scale) {
    auto out = std::make_unique<solid>();
    std::vector<piece> pieces = pieces_of(shape);
    moments sum;
    for (piece& p : pieces) {
        for (vector3& corner : p.corners) {
            corner = {corner.x * scale.x, corner.y * scale.y, corner.z * scale.z};
        }
        sum.add(moments_of(p.corners));
    }
    vector3 const centre = (1 / sum.volume) * sum.first;
    vector3 const second =
        (1 / sum.volume) * sum.second - vector3{centre.x * centre.x, centre.y * centre.y, centre.z * centre.z};
    out->volume = sum.volume;
    out->centre = to_bullet(centre);
    out->inertia = to_bullet({second.y + second.z, second.x + second.z, second.x + second.y});
    if (pieces.size() > 1) {
        out->whole = std::make_unique<btCompoundShape>(true, static_cast<int>(pieces.size()));
    }
    bool const round = scale.x == scale.y && scale.y == scale.z;
    for (piece const& p : pieces) {
        if (p.box) {
            auto box = std::make_unique<btBoxShape>(to_bullet(0.5 * scale));
            box->setMargin(std::min(skin, static_cast<btScalar>(0.2 * std::min({scale.x, scale.y, scale.z}))));
            box->initializePolyhedralFeatures();
            out->parts.push_back(std::move(box));
        } else if (p.sphere && round) {
            out->parts.push_back(std::make_unique<btSphereShape>(static_cast<btScalar>(scale.x / 2)));
            out->inertia = to_bullet({scale.x * scale.x / 10, scale.x * scale.x / 10, scale.x * scale.x / 10});
        } else if (p.tube > 0 && round) {
            add_tube(*out, p, scale.x, centre);
        } else if (out->whole) {
            // Each part around its own middle, where clipping is exact.
            vector3 middle{};
            for (vector3 const& corner : p.corners) {
                middle = middle + (1.0 / static_cast<double>(p.corners.size())) * corner;
            }
            out->parts.push_back(convex(p.corners, middle));
            out->whole->addChildShape(btTransform{btQuaternion::getIdentity(), to_bullet(middle - centre)},
                                      out->parts.back().get());
        } else {
            out->parts.push_back(convex(p.corners, centre));
        }
    }
    return out;
}

solid const& solid_cache::of(primitive shape, vector3 const& scale) {
    for (entry const& e : entries_) {
        if (e.shape == shape && e.scale == scale) {
            return *e.made;
        }
    }
    entries_.push_back({shape, scale, make_solid(shape, scale)});
    return *entries_.back().made;
}

void solid_cache::forget_if_above(std::size_t count) {
    if (entries_.size() > count) {
        entries_.clear();
    }
}

} // namespace hpcsched::predict_bullet
