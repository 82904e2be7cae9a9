// SPDX-License-Identifier: Apache-2.0
#include "patch_solver.hpp"

#include <LinearMath/btTransformUtil.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <iterator>

namespace hpcsched::predict_bullet {

namespace {

constexpr btScalar same_normal = 0.999F;          ///< cosine of the angle between normals of one patch
constexpr btScalar apart = 0.025F;                ///< metres along the normal at which an anchor is given up
constexpr btScalar merged = 0.025F;               ///< metres; closer than that are two anchors one
constexpr btScalar recovery = 0.8F;               ///< share of an overlap, and of a gap, for one step
constexpr btScalar friction_step = 0.8F;          ///< share of what a friction row asks for in one iteration
constexpr btScalar still_speed_squared = 0.0001F; ///< (m/s)^2; slower, and friction has no direction of its own

} // namespace

btScalar patch_solver::solveGroup(btCollisionObject** bodies, int body_count, btPersistentManifold** touching,
                                  int touching_count, btTypedConstraint** /*joints*/, int /*joint_count*/,
                                  btContactSolverInfo const& how, btIDebugDraw* /*drawer*/,
                                  btDispatcher* /*dispatcher*/) {
    if (body_count == 0) {
        return 0; // Bullet calls once more after all have been solved
    }
    ++step_;
    load(bodies, body_count, how.m_timeStep);
    patches_.clear();
    on_fixed_.clear();
    rows_.clear();
    for (int n = 0; n < touching_count; ++n) {
        add_pair(*touching[n], how.m_timeStep);
    }
    for (auto i = kept_.begin(); i != kept_.end();) {
        i = i->second.step == step_ ? std::next(i) : kept_.erase(i);
    }
    // What cannot give way has the last word.
    patches_.insert(patches_.end(), on_fixed_.begin(), on_fixed_.end());
    for (int n = rules_.position_iterations; n > 0; --n) {
        solve(n <= rules_.friction_iterations, false);
    }
    moved_ = movers_;
    for (int n = 0; n < rules_.velocity_iterations; ++n) {
        solve(true, true);
    }
    store(how.m_timeStep);
    return 0;
}

void patch_solver::load(btCollisionObject** bodies, int count, btScalar step_seconds) {
    movers_.assign(1, {});
    for (int n = 0; n < count; ++n) {
        btRigidBody* const b = btRigidBody::upcast(bodies[n]);
        if (b == nullptr || b->getInvMass() == 0) {
            bodies[n]->setCompanionId(0);
            continue;
        }
        b->setCompanionId(static_cast<int>(movers_.size()));
        mover m;
        m.rigid = b;
        m.inverse_mass = b->getInvMass();
        m.inverse_inertia = b->getInvInertiaTensorWorld();
        m.velocity = b->getLinearVelocity() + b->getTotalForce() * (m.inverse_mass * step_seconds);
        m.spin = b->getAngularVelocity() + m.inverse_inertia * b->getTotalTorque() * step_seconds;
        btScalar const spin = m.spin.length();
        if (spin > rules_.largest_spin) {
            m.spin *= rules_.largest_spin / spin;
        }
        movers_.push_back(m);
    }
}

void patch_solver::add_pair(btPersistentManifold& touching, btScalar step_seconds) {
    btCollisionObject const* const one = touching.getBody0();
    btCollisionObject const* const other = touching.getBody1();
    if (touching.getNumContacts() == 0 || (one->getCompanionId() == 0 && other->getCompanionId() == 0)) {
        return;
    }
    memory& kept = kept_[&touching];
    if (kept.one != one || kept.other != other || kept.step + 1 != step_) {
        kept = {one, other, {}, step_};
    }
    kept.step = step_;
    btTransform const& at_one = one->getWorldTransform();
    btTransform const& at_other = other->getWorldTransform();
    // Patches that have turned or come apart are given up.
    std::erase_if(kept.patches, [&](anchors const& a) {
        btVector3 const normal = at_one.getBasis() * a.normal_in_one;
        bool gone = a.count == 0 || normal.dot(at_other.getBasis() * a.normal_in_other) < same_normal;
        for (std::size_t n = 0; n < a.count; ++n) {
            gone = gone || std::abs(normal.dot(at_one * a.in_one[n] - at_other * a.in_other[n])) >= apart;
        }
        return gone;
    });
    std::array<std::size_t, MANIFOLD_CACHE_SIZE> belongs{};
    for (int n = 0; n < touching.getNumContacts(); ++n) {
        btVector3 const& normal = touching.getContactPoint(n).m_normalWorldOnB;
        std::size_t p = 0;
        while (p < kept.patches.size() && normal.dot(at_one.getBasis() * kept.patches[p].normal_in_one) < same_normal) {
            ++p;
        }
        if (p == kept.patches.size()) {
            anchors fresh;
            fresh.normal_in_one = normal * at_one.getBasis();
            fresh.normal_in_other = normal * at_other.getBasis();
            kept.patches.push_back(fresh);
        }
        belongs[static_cast<std::size_t>(n)] = p;
    }
    for (std::size_t p = 0; p < kept.patches.size(); ++p) {
        contacts_of_patch points;
        for (int n = 0; n < touching.getNumContacts(); ++n) {
            if (belongs[static_cast<std::size_t>(n)] == p) {
                points.push_back(n);
            }
        }
        if (!points.empty()) {
            add_patch(touching, points, kept, p, step_seconds);
        }
    }
}

void patch_solver::add_patch(btPersistentManifold& touching, contacts_of_patch const& points, memory& kept,
                             std::size_t index, btScalar step_seconds) {
    anchors& held = kept.patches[index];
    seek_anchors(held, touching, points);
    material const& a = materials_[static_cast<std::size_t>(kept.one->getUserIndex())];
    material const& b = materials_[static_cast<std::size_t>(kept.other->getUserIndex())];
    patch made;
    made.one = static_cast<std::size_t>(kept.one->getCompanionId());
    made.other = static_cast<std::size_t>(kept.other->getCompanionId());
    made.static_friction = (a.static_friction + b.static_friction) / 2;
    made.dynamic_friction = (a.dynamic_friction + b.dynamic_friction) / 2;
    made.of = &kept;
    made.anchors_of = index;
    made.contacts = rows_.size();
    for (int const n : points) {
        add_contact(made, touching.getContactPoint(n), (a.bounciness + b.bounciness) / 2, step_seconds);
    }
    made.contact_count = rows_.size() - made.contacts;
    made.frictions = rows_.size();
    add_friction(made, touching.getContactPoint(points.front()).m_normalWorldOnB, held, step_seconds);
    made.friction_count = rows_.size() - made.frictions;
    (made.one == 0 || made.other == 0 ? on_fixed_ : patches_).push_back(made);
}

void patch_solver::seek_anchors(anchors& held, btPersistentManifold const& touching, contacts_of_patch const& points) {
    auto const place = [&](int n) { return touching.getContactPoint(n).m_positionWorldOnB; };
    btScalar widest = 0;
    int first = points.front();
    int second = points.front();
    for (int const one : points) {
        for (int const other : points) {
            if (btScalar const apart_by = (place(one) - place(other)).length2(); apart_by > widest) {
                widest = apart_by;
                first = one;
                second = other;
            }
        }
    }
    // Two that span half of the patch stay where they are; one, or two in a corner of it, are sought anew.
    btScalar const spanned = held.count == 2 ? (held.in_one[0] - held.in_one[1]).length2() : 0;
    if (held.count == 2 && 4 * spanned >= widest) {
        return;
    }
    if (held.count == 1 && widest <= merged * merged) {
        return;
    }
    btTransform const& at_one = touching.getBody0()->getWorldTransform();
    btTransform const& at_other = touching.getBody1()->getWorldTransform();
    held.count = 0;
    auto const hold = [&](int n) {
        held.in_one[held.count] = at_one.invXform(place(n));
        held.in_other[held.count] = at_other.invXform(place(n));
        ++held.count;
    };
    hold(first);
    if (widest > merged * merged) {
        hold(second);
    }
}

patch_solver::row patch_solver::make_row(patch const& between, btVector3 const& along, btVector3 const& at_one,
                                         btVector3 const& at_other) const {
    mover const& one = movers_[between.one];
    mover const& other = movers_[between.other];
    row r;
    r.along = along;
    r.arm_one = at_one.cross(along);
    r.arm_other = at_other.cross(along);
    r.turns_one = one.inverse_inertia * r.arm_one;
    r.turns_other = other.inverse_inertia * r.arm_other;
    btScalar const response =
        one.inverse_mass + other.inverse_mass + r.arm_one.dot(r.turns_one) + r.arm_other.dot(r.turns_other);
    r.yields = response > 0 ? 1 / response : 0;
    return r;
}

void patch_solver::add_contact(patch& to, btManifoldPoint& point, btScalar bounciness, btScalar step_seconds) {
    btVector3 const& at = point.m_positionWorldOnB;
    btVector3 const& one = to.of->one->getWorldTransform().getOrigin();
    btVector3 const& other = to.of->other->getWorldTransform().getOrigin();
    row r = make_row(to, point.m_normalWorldOnB, at - one, at - other);
    r.contact = &point;
    btScalar const gap = point.getDistance();
    mover const& a = movers_[to.one];
    mover const& b = movers_[to.other];
    btScalar const closing = r.along.dot(b.velocity - a.velocity) + r.arm_other.dot(b.spin) - r.arm_one.dot(a.spin);
    if (bounciness > 0 && closing > rules_.bounce_threshold && closing * step_seconds > -gap) {
        r.wanted = r.wanted_at_end = closing * bounciness;
    } else {
        r.wanted = -std::max(-rules_.fastest_recovery, recovery * gap / step_seconds);
        r.wanted_at_end = std::min(r.wanted, btScalar{0});
    }
    rows_.push_back(r);
}

void patch_solver::add_friction(patch& to, btVector3 const& normal, anchors const& held, btScalar step_seconds) {
    btTransform const& at_one = to.of->one->getWorldTransform();
    btTransform const& at_other = to.of->other->getWorldTransform();
    btVector3 const speed = movers_[to.one].velocity - movers_[to.other].velocity;
    btVector3 first = speed - normal * normal.dot(speed);
    btVector3 second;
    if (first.length2() > still_speed_squared) {
        first.normalize();
        second = normal.cross(first);
    } else {
        btPlaneSpace1(normal, first, second);
    }
    for (std::size_t n = 0; n < held.count; ++n) {
        btVector3 const arm_one = at_one.getBasis() * held.in_one[n];
        btVector3 const arm_other = at_other.getBasis() * held.in_other[n];
        btVector3 const drift = arm_one + at_one.getOrigin() - arm_other - at_other.getOrigin();
        for (btVector3 const& along : {first, second}) {
            row r = make_row(to, along, arm_one, arm_other);
            r.yields *= friction_step;
            r.wanted = -along.dot(drift) / step_seconds;
            rows_.push_back(r);
        }
    }
}

void patch_solver::solve(bool with_friction, bool at_end) {
    for (patch& p : patches_) {
        solve_patch(p, with_friction, at_end);
    }
}

void patch_solver::solve_patch(patch& p, bool with_friction, bool at_end) {
    // What stands for all that cannot move takes no impulse and has no speed: half of the work of most patches.
    mover* const one = p.one == 0 ? nullptr : &movers_[p.one];
    mover* const other = p.other == 0 ? nullptr : &movers_[p.other];
    auto const speed = [&](row const& r) {
        btScalar sum = 0;
        if (one != nullptr) {
            sum = r.along.dot(one->velocity) + r.arm_one.dot(one->spin);
        }
        return other == nullptr ? sum : sum - (r.along.dot(other->velocity) + r.arm_other.dot(other->spin));
    };
    auto const give = [&](row& r, btScalar impulse) {
        btScalar const more = impulse - r.impulse;
        r.impulse = impulse;
        if (one != nullptr) {
            one->velocity += r.along * (more * one->inverse_mass);
            one->spin += r.turns_one * more;
        }
        if (other != nullptr) {
            other->velocity -= r.along * (more * other->inverse_mass);
            other->spin -= r.turns_other * more;
        }
    };
    btScalar pressed = 0;
    for (std::size_t n = p.contacts; n < p.contacts + p.contact_count; ++n) {
        row& r = rows_[n];
        btScalar const missing = (at_end ? r.wanted_at_end : r.wanted) - speed(r);
        give(r, std::max(r.impulse + missing * r.yields, btScalar{0}));
        pressed += r.impulse;
    }
    if (!with_friction) {
        return;
    }
    p.slipped = false;
    for (std::size_t n = p.frictions; n < p.frictions + p.friction_count; ++n) {
        row& r = rows_[n];
        btScalar const missing = (at_end ? 0 : r.wanted) - speed(r);
        btScalar asked = r.impulse + missing * r.yields;
        if (std::abs(asked) > p.static_friction * pressed) {
            btScalar const most = p.dynamic_friction * pressed;
            asked = std::clamp(asked, -most, most);
            p.slipped = true;
        }
        give(r, asked);
    }
}

void patch_solver::store(btScalar step_seconds) {
    for (std::size_t n = 1; n < movers_.size(); ++n) {
        mover const& m = movers_[n];
        // The world goes on to move the body by its velocity; here it moves by what was said of its place alone.
        btTransform there;
        btTransformUtil::integrateTransform(m.rigid->getWorldTransform(), moved_[n].velocity - m.velocity,
                                            moved_[n].spin - m.spin, step_seconds, there);
        m.rigid->setWorldTransform(there);
        m.rigid->setLinearVelocity(m.velocity);
        m.rigid->setAngularVelocity(m.spin);
    }
    for (patch const& p : patches_) {
        for (std::size_t n = p.contacts; n < p.contacts + p.contact_count; ++n) {
            rows_[n].contact->m_appliedImpulse = rows_[n].impulse;
        }
        if (p.slipped) {
            p.of->patches[p.anchors_of].count = 0; // sought anew in the next step
        }
    }
}

} // namespace hpcsched::predict_bullet
