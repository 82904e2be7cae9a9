// SPDX-License-Identifier: Apache-2.0
#include "solids.hpp"

#include "hull_contacts.hpp"
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
/// By how much the hulls are smaller between which the closest points are sought, metres.
constexpr btScalar skin = 0.002F;

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
void turn(std::vector<points>& out, std::vector<std::pair<double, double>> const& profile, int count,
          double phase = 0) {
    for (int n = 0; n < count; ++n) {
        points corners;
        for (int side = 0; side < 2; ++side) {
            double const angle = phase + 2 * pi * (n + side) / count;
            for (auto const& [radius, height] : profile) {
                corners.push_back({radius * std::cos(angle), height, radius * std::sin(angle)});
            }
        }
        out.push_back(std::move(corners));
    }
}

std::vector<points> torus() {
    constexpr double away = 0.5; // of the tube's middle from the axis
    constexpr double thick = 0.125;
    std::vector<std::pair<double, double>> profile;
    constexpr int sides = 10;
    for (int n = 0; n < sides; ++n) {
        double const angle = 2 * pi * (n + 0.5) / sides;
        double const corner = thick / std::cos(pi / sides);
        profile.emplace_back(away + corner * std::cos(angle), thick + corner * std::sin(angle));
    }
    std::vector<points> out;
    turn(out, profile, 12);
    return out;
}

std::vector<points> bowl() {
    // A dish, its rim at the top. Height and rim are the study's; foot, wall and how steep it rises are those with
    // which most of what it holds ends where it did.
    constexpr double height = 0.378908;
    constexpr double rim = 0.490393;
    constexpr double foot = 0.22;
    constexpr double wall = 0.05;
    constexpr int layers = 3;
    auto const outside = [&](double y) { return foot + (rim - foot) * std::sin(pi / 2 * y / height); };
    std::vector<points> out;
    out.push_back(joined(ring(0, foot, 16), ring(wall, outside(wall), 16)));
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

std::vector<points> pipe() {
    std::vector<points> out;
    turn(out, {{0.5, 0}, {0.5, 1}, {0.375, 1}, {0.375, 0}}, 12);
    return out;
}

std::vector<points> dumbbell() {
    constexpr double half = 0.375;
    constexpr double bar = 0.12;
    return {ball({0, half, -2 * half}, half), ball({0, half, 2 * half}, half),
            box_between({-bar, half - bar, -half}, {bar, half + bar, half})};
}

std::vector<points> open_box() {
    constexpr double high = 0.6;
    constexpr double wall = 0.04;
    return {box_between({-0.5, 0, -0.5}, {0.5, wall, 0.5}), box_between({-0.5, wall, -0.5}, {wall - 0.5, high, 0.5}),
            box_between({0.5 - wall, wall, -0.5}, {0.5, high, 0.5}),
            box_between({wall - 0.5, wall, -0.5}, {0.5 - wall, high, wall - 0.5}),
            box_between({wall - 0.5, wall, 0.5 - wall}, {0.5 - wall, high, 0.5})};
}

std::vector<points> ramp() {
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
    return {corners};
}

std::vector<points> pieces_of(primitive shape) {
    switch (shape) {
    case primitive::cube:
        return {box_between({-0.5, 0, -0.5}, {0.5, 1, 0.5})};
    case primitive::sphere:
        return {ball({0, 0.5, 0}, 0.5)};
    case primitive::cylinder:
        return {joined(ring(0, 0.5, 24), ring(1, 0.5, 24))};
    case primitive::cone:
        return {joined(ring(0, 0.5, 20), {{0, 1, 0}})};
    case primitive::pyramid:
        return {joined(ring(0, 0.53033, 4), {{0, 1, 0}})};
    case primitive::torus:
        return torus();
    case primitive::bowl:
        return bowl();
    case primitive::pentagon:
        return {joined(ring(0, 0.5, 5, -pi / 2), ring(1, 0.5, 5, -pi / 2))};
    case primitive::triangular_prism:
        return {points{
            {-0.5, 0, -0.5}, {0.5, 0, -0.5}, {0, 0.933013, -0.5}, {-0.5, 0, 0.5}, {0.5, 0, 0.5}, {0, 0.933013, 0.5}}};
    case primitive::dumbbell:
        return dumbbell();
    case primitive::pipe:
        return pipe();
    case primitive::octahedron:
        return {joined(ring(0.75, 0.5 * std::numbers::sqrt2, 4, pi / 4), {{0, 0, 0}, {0, 1.5, 0}})};
    case primitive::platonic:
        return {joined(joined(ring(0.5 - 0.223607, 0.447214, 5), ring(0.5 + 0.223607, 0.447214, 5, pi / 5)),
                       {{0, 0, 0}, {0, 1, 0}})};
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

std::unique_ptr<btConvexHullShape> hull_of(points const& corners, vector3 centre) {
    auto hull = std::make_unique<btConvexHullShape>();
    for (vector3 const& p : corners) {
        hull->addPoint(to_bullet(p - centre), false);
    }
    return hull;
}

} // namespace

solid_part make_part(points const& corners, vector3 centre) {
    solid_part out;
    out.hull = hull_of(corners, centre);
    out.hull->setMargin(contact_gap / 2);
    out.hull->recalcLocalAabb();
    out.hull->initializePolyhedralFeatures();

    btConvexHullComputer smaller;
    std::vector<btVector3> in;
    for (vector3 const& p : corners) {
        in.push_back(to_bullet(p - centre));
    }
    constexpr btScalar thin = 0.5F; // of what is thin no more than half
    btScalar const by =
        smaller.compute(in.front().m_floats, sizeof(btVector3), static_cast<int>(in.size()), skin, thin);
    if (by > 0 && smaller.vertices.size() > 3) {
        out.core = std::make_unique<btConvexHullShape>();
        for (int n = 0; n < smaller.vertices.size(); ++n) {
            out.core->addPoint(smaller.vertices[n], false);
        }
        out.core->setMargin(by);
    } else {
        out.core = hull_of(corners, centre);
        out.core->setMargin(0);
    }
    out.core->recalcLocalAabb();
    out.hull->setUserPointer(out.core.get());
    return out;
}

std::unique_ptr<solid> make_solid(primitive shape, vector3 const& scale) {
    auto out = std::make_unique<solid>();
    std::vector<points> pieces = pieces_of(shape);
    moments sum;
    for (points& p : pieces) {
        for (vector3& corner : p) {
            corner = {corner.x * scale.x, corner.y * scale.y, corner.z * scale.z};
        }
        sum.add(moments_of(p));
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
    for (points const& p : pieces) {
        // Each part around its own middle, where clipping is exact.
        vector3 middle = centre;
        if (out->whole) {
            middle = {};
            for (vector3 const& corner : p) {
                middle = middle + (1.0 / static_cast<double>(p.size())) * corner;
            }
        }
        out->parts.push_back(make_part(p, middle));
        if (out->whole) {
            out->whole->addChildShape(btTransform{btQuaternion::getIdentity(), to_bullet(middle - centre)},
                                      out->parts.back().hull.get());
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
