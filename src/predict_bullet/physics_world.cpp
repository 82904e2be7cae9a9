// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/predict_bullet/physics_world.hpp>

#include "hull_contacts.hpp"
#include "patch_solver.hpp"
#include "solids.hpp"
#include <BulletCollision/CollisionDispatch/btSimulationIslandManager.h>
#include <btBulletDynamicsCommon.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace hpcsched::predict_bullet {

namespace {

constexpr std::size_t nobody = static_cast<std::size_t>(-1);
constexpr double out_of_scene = 200; ///< metres; nothing that is pushed in a scene gets that far

vector3 from_bullet(btVector3 const& v) {
    return {v.x(), v.y(), v.z()};
}
btVector3 to_bullet(vector3 const& v) {
    return {static_cast<btScalar>(v.x), static_cast<btScalar>(v.y), static_cast<btScalar>(v.z)};
}
btQuaternion to_bullet(quaternion const& q) {
    return {static_cast<btScalar>(q.x), static_cast<btScalar>(q.y), static_cast<btScalar>(q.z),
            static_cast<btScalar>(q.w)};
}
btTransform transform_of(body const& b) {
    return btTransform{to_bullet(b.orientation), to_bullet(b.position)};
}
bool is_there(body const& b) {
    return b.shape != primitive::other && b.scale.x > 0 && b.scale.y > 0 && b.scale.z > 0;
}

} // namespace

/// One future in Bullet, and the shapes that are kept from future to future.
class physics_run::engine {
  public:
    explicit engine(engine_config const& config) : config_{config} {}
    ~engine() { clear(); }
    engine(engine const&) = delete;
    engine& operator=(engine const&) = delete;

    void begin(scene const& s) {
        clear();
        solids_.forget_if_above(512);
        scene_ = s;
        steps_ = 0;
        still_ = 0;
        last_push_ = 0;
        for (push const& p : scene_.pushes) {
            last_push_ = std::max(last_push_, p.step);
        }
        first_contact_.assign(scene_.bodies.size(), std::nullopt);
        contact_place_.reset();
        touching_.clear();
        collisions_.clear();
        make_world();
        make_floor();
        make_bodies();
    }

    predict::progress step() {
        for (push const& p : scene_.pushes) {
            if (p.step == steps_) {
                give(p);
            }
        }
        ++steps_;
        btScalar const dt = static_cast<btScalar>(config_.step_seconds) / static_cast<btScalar>(config_.substeps);
        for (int n = 0; n < config_.substeps; ++n) {
            world_->stepSimulation(dt, 0);
            look_at_contacts(n == 0);
        }
        return standing();
    }

    [[nodiscard]] std::uint64_t steps() const noexcept { return steps_; }
    [[nodiscard]] scene const& played() const noexcept { return scene_; }
    [[nodiscard]] std::optional<std::uint64_t> first_contact_of(std::size_t body) const noexcept {
        return body < first_contact_.size() ? first_contact_[body] : std::nullopt;
    }
    [[nodiscard]] std::optional<vector3> contact_place() const noexcept { return contact_place_; }
    [[nodiscard]] std::span<collision const> collisions() const noexcept { return collisions_; }

    [[nodiscard]] pose pose_of(std::size_t body) const {
        member const& m = members_[body];
        if (m.moving == nobody) {
            return {scene_.bodies[body].position, scene_.bodies[body].orientation};
        }
        btTransform const t = movers_[m.moving].rigid->getWorldTransform() * m.origin;
        btQuaternion const q = t.getRotation();
        return {from_bullet(t.getOrigin()), {q.x(), q.y(), q.z(), q.w()}};
    }
    [[nodiscard]] vector3 velocity_of(std::size_t body) const {
        member const& m = members_[body];
        return m.moving == nobody ? vector3{} : from_bullet(movers_[m.moving].rigid->getLinearVelocity());
    }
    void strike(std::size_t body, btVector3 const& impulse, btVector3 const& at) {
        member const& m = members_[body];
        if (m.moving != nobody && !movers_[m.moving].rigid->isStaticObject()) {
            btRigidBody& b = *movers_[m.moving].rigid;
            b.applyImpulse(impulse, at - b.getCenterOfMassPosition());
        }
    }

    void quicken(std::size_t body, btVector3 const& by) {
        member const& m = members_[body];
        if (m.moving != nobody && !movers_[m.moving].rigid->isStaticObject()) {
            btRigidBody& b = *movers_[m.moving].rigid;
            b.setLinearVelocity(b.getLinearVelocity() + by);
        }
    }
    [[nodiscard]] double step_seconds() const noexcept { return config_.step_seconds; }

  private:
    /// One rigid body of Bullet: one of the scene, or several that joints hold together.
    struct mover {
        std::unique_ptr<btCompoundShape> joined;
        std::unique_ptr<btRigidBody> rigid;
        std::size_t first = 0; ///< body of the scene that it is named after
        btScalar gyration = 0; ///< inertia of each kg, about the axis with the largest
    };
    /// Where a body of the scene is: in which mover, and its origin in that mover's frame.
    struct member {
        std::size_t moving = nobody;
        btTransform origin = btTransform::getIdentity();
    };

    void clear() {
        if (world_) {
            for (mover& m : movers_) {
                world_->removeRigidBody(m.rigid.get());
            }
            if (floor_) {
                world_->removeRigidBody(floor_.get());
            }
        }
        world_.reset();
        movers_.clear();
        floor_.reset();
        floor_shape_ = {};
        solver_.reset();
        pairs_.reset();
        dispatcher_.reset();
        configuration_.reset();
        members_.clear();
        materials_.clear();
    }

    void make_world() {
        btDefaultCollisionConstructionInfo pools;
        pools.m_defaultMaxPersistentManifoldPoolSize = 256;
        pools.m_defaultMaxCollisionAlgorithmPoolSize = 256;
        pools.m_customCollisionAlgorithmMaxElementSize = sizeof(hull_contacts);
        configuration_ = std::make_unique<btDefaultCollisionConfiguration>(pools);
        dispatcher_ = std::make_unique<btCollisionDispatcher>(configuration_.get());
        dispatcher_->registerCollisionCreateFunc(CONVEX_HULL_SHAPE_PROXYTYPE, CONVEX_HULL_SHAPE_PROXYTYPE,
                                                 &contacts_of_hulls_);
        pairs_ = std::make_unique<btDbvtBroadphase>();
        solver_rules how;
        how.position_iterations = config_.position_iterations;
        how.velocity_iterations = config_.velocity_iterations;
        how.bounce_threshold = static_cast<btScalar>(config_.bounce_threshold);
        how.largest_spin = static_cast<btScalar>(config_.largest_spin);
        solver_ = std::make_unique<patch_solver>(materials_, how);
        world_ = std::make_unique<btDiscreteDynamicsWorld>(dispatcher_.get(), pairs_.get(), solver_.get(),
                                                           configuration_.get());
        world_->getSimulationIslandManager()->setSplitIslands(false); // all contacts at once, in one order
        world_->setGravity({0, -static_cast<btScalar>(config_.gravity), 0});
    }

    void make_floor() {
        constexpr double thick = 1;
        constexpr double wide = 50;
        std::vector<vector3> corners;
        for (double const x : {-wide, wide}) {
            for (double const y : {-thick, thick}) {
                corners.push_back({x, y, -wide});
                corners.push_back({x, y, wide});
            }
        }
        floor_shape_ = make_part(corners, {});
        floor_shape_.hull->setUserPointer(nullptr); // it is the ground
        btRigidBody::btRigidBodyConstructionInfo const info{0, nullptr, floor_shape_.hull.get()};
        floor_ = std::make_unique<btRigidBody>(info);
        floor_->setWorldTransform(btTransform{btQuaternion::getIdentity(), {0, -static_cast<btScalar>(thick), 0}});
        floor_->setUserIndex(0);
        auto const f = static_cast<btScalar>(scene_.floor_friction);
        materials_.push_back({f, f, 0});
        world_->addRigidBody(floor_.get());
    }

    void make_bodies() {
        std::size_t const count = scene_.bodies.size();
        members_.assign(count, {});
        std::vector<std::size_t> group(count);
        for (std::size_t n = 0; n < count; ++n) {
            group[n] = n;
        }
        for (fixed_joint const& j : scene_.joints) {
            std::size_t const from = group[j.child];
            std::size_t const to = group[j.parent];
            std::replace(group.begin(), group.end(), std::max(from, to), std::min(from, to));
        }
        for (std::size_t n = 0; n < count; ++n) {
            if (group[n] != n) {
                continue;
            }
            std::vector<std::size_t> together;
            for (std::size_t m = n; m < count; ++m) {
                if (group[m] == n && is_there(scene_.bodies[m])) {
                    together.push_back(m);
                }
            }
            if (!together.empty()) {
                make_mover(together);
            }
        }
    }

    void make_mover(std::vector<std::size_t> const& together) {
        body const& first = scene_.bodies[together.front()];
        mover made;
        made.first = together.front();
        std::vector<solid const*> solids;
        for (std::size_t const n : together) {
            solids.push_back(&solids_.of(scene_.bodies[n].shape, scene_.bodies[n].scale));
        }
        // The frame of the mover: turned as its first body, at the common centre of mass.
        btVector3 centre{0, 0, 0};
        btScalar mass = 0;
        bool immovable = false;
        for (std::size_t k = 0; k < together.size(); ++k) {
            body const& b = scene_.bodies[together[k]];
            auto const m = static_cast<btScalar>(std::max(b.mass, 1e-6));
            centre += m * (transform_of(b) * solids[k]->centre);
            mass += m;
            immovable = immovable || b.immovable;
        }
        centre /= mass;
        btTransform const frame{to_bullet(first.orientation), centre};
        btVector3 inertia{0, 0, 0};
        if (together.size() > 1) {
            made.joined = std::make_unique<btCompoundShape>(true, static_cast<int>(together.size()));
        }
        for (std::size_t k = 0; k < together.size(); ++k) {
            body const& b = scene_.bodies[together[k]];
            btTransform const origin = frame.inverse() * transform_of(b);
            members_[together[k]] = {movers_.size(), origin};
            btTransform const part = origin * btTransform{btQuaternion::getIdentity(), solids[k]->centre};
            inertia += static_cast<btScalar>(std::max(b.mass, 1e-6)) * inertia_in(part, solids[k]->inertia);
            if (made.joined) {
                made.joined->addChildShape(part, solids[k]->shape());
            }
        }
        btCollisionShape* const shape = made.joined ? made.joined.get() : solids.front()->shape();
        finish_mover(std::move(made), shape, frame, immovable ? 0 : mass, inertia, first);
    }

    /// Of a part of mass 1 about the mover's centre; what is off the diagonal is small for what the scenes hold.
    static btVector3 inertia_in(btTransform const& part, btVector3 const& own) {
        btMatrix3x3 const& r = part.getBasis();
        btVector3 const away = part.getOrigin();
        btVector3 turned{0, 0, 0};
        for (int i = 0; i < 3; ++i) {
            for (int k = 0; k < 3; ++k) {
                turned[i] += r[i][k] * r[i][k] * own[k];
            }
        }
        return turned + btVector3{away.y() * away.y() + away.z() * away.z(), away.x() * away.x() + away.z() * away.z(),
                                  away.x() * away.x() + away.y() * away.y()};
    }

    void finish_mover(mover made, btCollisionShape* shape, btTransform const& frame, btScalar mass,
                      btVector3 const& inertia, body const& b) {
        btRigidBody::btRigidBodyConstructionInfo const info{mass, nullptr, shape,
                                                            mass > 0 ? inertia : btVector3{0, 0, 0}};
        made.rigid = std::make_unique<btRigidBody>(info);
        made.gyration = mass > 0 ? inertia[inertia.maxAxis()] / mass : 0;
        made.rigid->setWorldTransform(frame);
        made.rigid->setInterpolationWorldTransform(frame);
        made.rigid->setDamping(static_cast<btScalar>(std::min(b.drag, 1.0)),
                               static_cast<btScalar>(std::min(b.angular_drag, 1.0)));
        made.rigid->setActivationState(DISABLE_DEACTIVATION);
        made.rigid->setUserIndex(static_cast<int>(materials_.size()));
        made.rigid->updateInertiaTensor();
        made.rigid->setFlags(0); // what spins does not nutate, as in the study's engine
        materials_.push_back({static_cast<btScalar>(b.dynamic_friction), static_cast<btScalar>(b.static_friction),
                              static_cast<btScalar>(b.bounciness)});
        world_->addRigidBody(made.rigid.get());
        movers_.push_back(std::move(made));
    }

    void give(push const& p) {
        member const& m = members_[p.body];
        if (m.moving == nobody || movers_[m.moving].rigid->isStaticObject()) {
            return;
        }
        btRigidBody& b = *movers_[m.moving].rigid;
        if (p.at) {
            b.applyImpulse(to_bullet(p.impulse), to_bullet(*p.at) - b.getCenterOfMassPosition());
        } else {
            b.applyCentralImpulse(to_bullet(p.impulse));
        }
    }

    [[nodiscard]] std::size_t body_of(btCollisionObject const* object) const {
        auto const n = static_cast<std::size_t>(object->getUserIndex());
        return n == 0 ? collision::floor : movers_[n - 1].first;
    }

    void look_at_contacts(bool first_substep) {
        if (first_substep) {
            collisions_.clear();
        }
        now_touching_.clear();
        for (int n = 0; n < dispatcher_->getNumManifolds(); ++n) {
            btPersistentManifold const& m = *dispatcher_->getManifoldByIndexInternal(n);
            std::size_t one = body_of(m.getBody0());
            std::size_t other = body_of(m.getBody1());
            btVector3 sum{0, 0, 0};
            btVector3 where{0, 0, 0};
            int close = 0;
            for (int k = 0; k < m.getNumContacts(); ++k) {
                btManifoldPoint const& p = m.getContactPoint(k);
                sum += p.m_normalWorldOnB * p.m_appliedImpulse;
                ++close;
                where += p.m_positionWorldOnB;
            }
            if (close == 0) {
                continue;
            }
            where /= static_cast<btScalar>(close);
            note_zone(one, other, where);
            bool const turned = one == collision::floor;
            if (turned) {
                std::swap(one, other);
            }
            if (!sum.isZero()) {
                note_blow({one, other, from_bullet(where), from_bullet(turned ? -sum : sum)});
            }
        }
        touching_.swap(now_touching_);
    }

    void note_zone(std::size_t one, std::size_t other, btVector3 const& where) {
        if (one != scene_.zone && other != scene_.zone) {
            return;
        }
        std::size_t const with = one == scene_.zone ? other : one;
        if (with == collision::floor) {
            return;
        }
        for (std::size_t n = 0; n < members_.size(); ++n) {
            if (members_[n].moving == members_[with].moving && !first_contact_[n]) {
                first_contact_[n] = steps_;
                if (n == scene_.target) {
                    contact_place_ = from_bullet(where);
                }
            }
        }
    }

    void note_blow(collision const& c) {
        std::pair<std::size_t, std::size_t> const pair{std::min(c.one, c.other), std::max(c.one, c.other)};
        now_touching_.push_back(pair);
        if (std::find(touching_.begin(), touching_.end(), pair) == touching_.end()) {
            collisions_.push_back(c);
        }
    }

    /// Far from the zone and from what may touch it, and going farther: what rolls without friction never rests.
    [[nodiscard]] bool is_leaving(mover const& m) const {
        return leaves(m, scene_.zone) && leaves(m, scene_.target) &&
               std::all_of(scene_.candidates.begin(), scene_.candidates.end(),
                           [&](std::size_t n) { return leaves(m, n); });
    }
    [[nodiscard]] bool leaves(mover const& m, std::size_t from) const {
        vector3 const there = pose_of(from).position;
        btVector3 const away = m.rigid->getWorldTransform().getOrigin() - to_bullet(there);
        auto const far = static_cast<btScalar>(config_.out_of_reach);
        btVector3 const speed = m.rigid->getLinearVelocity() - to_bullet(velocity_of(from));
        return members_[from].moving != nobody && away.length2() > far * far && away.dot(speed) > 0;
    }

    predict::progress standing() {
        bool still = steps_ > last_push_ + 1;
        auto const slow = static_cast<btScalar>(config_.still_energy);
        for (mover const& m : movers_) {
            btVector3 const& at = m.rigid->getWorldTransform().getOrigin();
            btVector3 const& v = m.rigid->getLinearVelocity();
            btVector3 const& w = m.rigid->getAngularVelocity();
            btScalar const energy = (v.length2() + m.gyration * w.length2()) / 2;
            if (!(at.length2() < out_of_scene * out_of_scene) || !std::isfinite(energy)) {
                return predict::progress::diverged;
            }
            still = still && (energy < slow || is_leaving(m));
        }
        still_ = still ? still_ + 1 : 0;
        return steps_ >= scene_.steps || still_ >= config_.still_steps ? predict::progress::finished
                                                                       : predict::progress::running;
    }

    engine_config config_;
    scene scene_;
    std::uint64_t steps_ = 0;
    std::uint64_t still_ = 0; ///< steps in a row in which all was at rest
    std::uint64_t last_push_ = 0;
    std::vector<std::optional<std::uint64_t>> first_contact_; ///< of each body with the zone
    std::optional<vector3> contact_place_;                    ///< of the target
    std::vector<std::pair<std::size_t, std::size_t>> touching_;
    std::vector<std::pair<std::size_t, std::size_t>> now_touching_;
    std::vector<collision> collisions_;

    solid_cache solids_;
    std::vector<material> materials_; ///< the floor's, then the movers'
    std::vector<member> members_;     ///< by body of the scene
    std::unique_ptr<btDefaultCollisionConfiguration> configuration_;
    std::unique_ptr<btCollisionDispatcher> dispatcher_;
    std::unique_ptr<btDbvtBroadphase> pairs_;
    hull_contacts::maker contacts_of_hulls_;
    std::unique_ptr<patch_solver> solver_;
    solid_part floor_shape_;
    std::unique_ptr<btRigidBody> floor_;
    std::vector<mover> movers_;
    std::unique_ptr<btDiscreteDynamicsWorld> world_; ///< last: it ends before what it points to
};

physics_run::physics_run(std::unique_ptr<engine> made) noexcept : engine_{std::move(made)} {}
physics_run::physics_run(physics_run&&) noexcept = default;
physics_run& physics_run::operator=(physics_run&&) noexcept = default;
physics_run::~physics_run() = default;

std::uint64_t physics_run::steps() const noexcept {
    return engine_->steps();
}
scene const& physics_run::played() const noexcept {
    return engine_->played();
}
pose physics_run::pose_of(std::size_t body) const {
    return engine_->pose_of(body);
}
vector3 physics_run::velocity_of(std::size_t body) const {
    return engine_->velocity_of(body);
}
std::optional<std::uint64_t> physics_run::first_contact_step() const noexcept {
    return engine_->first_contact_of(engine_->played().target);
}
std::optional<vector3> physics_run::first_contact_place() const noexcept {
    return engine_->contact_place();
}
std::optional<std::uint64_t> physics_run::first_contact_step_of(std::size_t body) const noexcept {
    return engine_->first_contact_of(body);
}
std::span<collision const> physics_run::collisions() const noexcept {
    return engine_->collisions();
}
void physics_run::strike(std::size_t body, vector3 impulse, vector3 at) {
    engine_->strike(body, to_bullet(impulse), to_bullet(at));
}

void physics_run::quicken(std::size_t body, vector3 by) {
    engine_->quicken(body, to_bullet(by));
}
double physics_run::step_seconds() const noexcept {
    return engine_->step_seconds();
}

physics_run physics_world::make_run() const {
    return physics_run{std::make_unique<physics_run::engine>(config_)};
}
void physics_world::begin(run& r, state const& s) const {
    r.engine_->begin(s);
}
predict::progress physics_world::step(run& r) const {
    return r.engine_->step();
}

} // namespace hpcsched::predict_bullet
