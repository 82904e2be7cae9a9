// SPDX-License-Identifier: Apache-2.0
#include "hull_contacts.hpp"

#include <BulletCollision/CollisionDispatch/btCollisionObjectWrapper.h>
#include <BulletCollision/CollisionShapes/btConvexPolyhedron.h>
#include <BulletCollision/NarrowPhaseCollision/btGjkEpaPenetrationDepthSolver.h>
#include <BulletCollision/NarrowPhaseCollision/btGjkPairDetector.h>
#include <BulletCollision/NarrowPhaseCollision/btPointCollector.h>
#include <BulletCollision/NarrowPhaseCollision/btPolyhedralContactClipping.h>
#include <BulletCollision/NarrowPhaseCollision/btVoronoiSimplexSolver.h>

#include <algorithm>
#include <cstddef>
#include <new>
#include <utility>
#include <vector>

namespace hpcsched::predict_bullet {

namespace {

struct contact {
    btVector3 on_other;
    btScalar gap = 0;
};

struct patch_of_contacts {
    btVector3 normal{0, 1, 0}; ///< from the second body to the first
    std::vector<contact> all;
};

/// What clipping two faces yields.
struct clipped final : btDiscreteCollisionDetectorInterface::Result {
    std::vector<contact> found;

    void setShapeIdentifiersA(int, int) override {}
    void setShapeIdentifiersB(int, int) override {}
    void addContactPoint(btVector3 const& /*normal*/, btVector3 const& on_other, btScalar gap) override {
        found.push_back({on_other, gap});
    }
};

/// Four of many: the deepest, the farthest from it, and of the others the farthest on either side of the line between
/// these two.
void keep_four(patch_of_contacts& patch) {
    std::vector<contact>& all = patch.all;
    if (all.size() <= 4) {
        return;
    }
    auto chosen = all.begin();
    auto const choose = [&](auto const& measure) {
        std::iter_swap(chosen, std::max_element(chosen, all.end(), [&](contact const& a, contact const& b) {
                           return measure(a) < measure(b);
                       }));
        return *chosen++;
    };
    contact const deepest = choose([](contact const& c) { return -c.gap; });
    contact const far = choose([&](contact const& c) { return (c.on_other - deepest.on_other).length2(); });
    btVector3 const across = patch.normal.cross(far.on_other - deepest.on_other);
    choose([&](contact const& c) { return across.dot(c.on_other - deepest.on_other); });
    choose([&](contact const& c) { return -across.dot(c.on_other - deepest.on_other); });
    all.erase(chosen, all.end());
}

/// By how much two hulls without their margins are apart in a direction from the second to the first, at least.
btScalar apart_by(btVector3 const& direction, btConvexHullShape const& a, btTransform const& at_a,
                  btConvexHullShape const& b, btTransform const& at_b) {
    btVector3 const near_a = at_a * a.localGetSupportingVertexWithoutMargin(-direction * at_a.getBasis());
    btVector3 const near_b = at_b * b.localGetSupportingVertexWithoutMargin(direction * at_b.getBasis());
    return direction.dot(near_a - near_b);
}

btConvexHullShape const& hull_of(btCollisionObjectWrapper const& of) {
    return *static_cast<btConvexHullShape const*>(of.getCollisionShape());
}

bool is_ground(btCollisionObjectWrapper const& what) {
    return what.getCollisionShape()->getUserPointer() == nullptr;
}

/// Every corner that is near the ground, whose top is at height 0 of the scene.
patch_of_contacts with_ground(btCollisionObjectWrapper const& one, btCollisionObjectWrapper const& other) {
    bool const turned = is_ground(one);
    btCollisionObjectWrapper const& body = turned ? other : one;
    btConvexPolyhedron const& corners = *hull_of(body).getConvexPolyhedron();
    btTransform const& at = body.getWorldTransform();
    patch_of_contacts out;
    out.normal = turned ? btVector3{0, -1, 0} : btVector3{0, 1, 0};
    for (int n = 0; n < corners.m_vertices.size(); ++n) {
        btVector3 const p = at * corners.m_vertices[n];
        if (p.y() < contact_gap) {
            out.all.push_back({turned ? p : btVector3{p.x(), 0, p.z()}, p.y()});
        }
    }
    return out;
}

/// \param direction  in which they were the closest in the last step; then in which they are
patch_of_contacts of_hulls(btCollisionObjectWrapper const& one, btCollisionObjectWrapper const& other,
                           btVector3& direction) {
    btConvexHullShape const& a = hull_of(one);
    btConvexHullShape const& b = hull_of(other);
    btTransform const& at_a = one.getWorldTransform();
    btTransform const& at_b = other.getWorldTransform();
    auto const& core_a = *static_cast<btConvexHullShape const*>(a.getUserPointer());
    auto const& core_b = *static_cast<btConvexHullShape const*>(b.getUserPointer());
    btScalar const reach = core_a.getMargin() + core_b.getMargin() + contact_gap;
    patch_of_contacts out;
    if (apart_by(direction, core_a, at_a, core_b, at_b) > reach) {
        return out;
    }
    btVoronoiSimplexSolver simplex;
    btGjkEpaPenetrationDepthSolver depth;
    btGjkPairDetector closest{&core_a, &core_b, &simplex, &depth};
    btGjkPairDetector::ClosestPointInput where;
    where.m_transformA = at_a;
    where.m_transformB = at_b;
    where.m_maximumDistanceSquared = reach * reach;
    btPointCollector nearest;
    closest.getClosestPoints(where, nearest, nullptr);
    btVector3 const& found = closest.getCachedSeparatingAxis();
    if (found.length2() > SIMD_EPSILON) {
        direction = found.normalized();
    }
    if (!nearest.m_hasResult || nearest.m_distance >= contact_gap) {
        return out;
    }
    out.normal = nearest.m_normalOnBInWorld;
    clipped faces;
    btVertexArray first;
    btVertexArray second;
    btPolyhedralContactClipping::clipHullAgainstHull(out.normal, *a.getConvexPolyhedron(), *b.getConvexPolyhedron(),
                                                     at_a, at_b, nearest.m_distance - contact_gap, contact_gap, first,
                                                     second, faces);
    out.all = std::move(faces.found);
    // Where an edge meets an edge, or a corner a face's rim, the faces may miss what is the closest.
    constexpr btScalar missed = 0.001F;
    if (std::none_of(out.all.begin(), out.all.end(),
                     [&](contact const& c) { return c.gap < nearest.m_distance + missed; })) {
        out.all.push_back({nearest.m_pointInWorld, nearest.m_distance});
    }
    return out;
}

} // namespace

hull_contacts::hull_contacts(btCollisionAlgorithmConstructionInfo const& info, btCollisionObjectWrapper const* one,
                             btCollisionObjectWrapper const* other)
    : btActivatingCollisionAlgorithm{info, one, other},
      touching_{m_dispatcher->getNewManifold(one->getCollisionObject(), other->getCollisionObject())} {}

hull_contacts::~hull_contacts() {
    m_dispatcher->releaseManifold(touching_);
}

void hull_contacts::processCollision(btCollisionObjectWrapper const* one, btCollisionObjectWrapper const* other,
                                     btDispatcherInfo const& /*how*/, btManifoldResult* out) {
    out->setPersistentManifold(touching_);
    touching_->clearManifold();
    bool const on_ground = is_ground(*one) || is_ground(*other);
    patch_of_contacts found = on_ground ? with_ground(*one, *other) : of_hulls(*one, *other, direction_);
    keep_four(found);
    btTransform const& object_a = one->getCollisionObject()->getWorldTransform();
    btTransform const& object_b = other->getCollisionObject()->getWorldTransform();
    for (contact const& c : found.all) {
        btVector3 const on_one = c.on_other + found.normal * c.gap;
        btManifoldPoint p{object_a.invXform(on_one), object_b.invXform(c.on_other), found.normal, c.gap};
        p.m_positionWorldOnA = on_one;
        p.m_positionWorldOnB = c.on_other;
        touching_->addManifoldPoint(p);
    }
}

btCollisionAlgorithm* hull_contacts::maker::CreateCollisionAlgorithm(btCollisionAlgorithmConstructionInfo& info,
                                                                     btCollisionObjectWrapper const* one,
                                                                     btCollisionObjectWrapper const* other) {
    void* const room = info.m_dispatcher1->allocateCollisionAlgorithm(sizeof(hull_contacts));
    return new (room) hull_contacts{info, one, other};
}

} // namespace hpcsched::predict_bullet
