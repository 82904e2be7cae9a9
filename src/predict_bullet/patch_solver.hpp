// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_SRC_PREDICT_BULLET_PATCH_SOLVER_HPP
#define HPCSCHED_SRC_PREDICT_BULLET_PATCH_SOLVER_HPP

#include <boost/container/static_vector.hpp>

#include <btBulletDynamicsCommon.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <vector>

namespace hpcsched::predict_bullet {

/// What a body is made of. Two that touch have the mean of both, which is Unity's default.
struct material {
    btScalar dynamic_friction = 0;
    btScalar static_friction = 0;
    btScalar bounciness = 0;
};

/// What the solver is to do in a step.
struct solver_rules {
    int position_iterations = 12;
    int velocity_iterations = 4;
    int friction_iterations = 3;    ///< of the position iterations, the last ones, with friction
    btScalar bounce_threshold = 2;  ///< m/s; a slower blow does not bounce
    btScalar largest_spin = 7;      ///< 1/s, before the step
    btScalar fastest_recovery = 10; ///< m/s with which an overlap is taken back at most
};

/// Contacts as PhysX 4 solves them by default, in place of Bullet's solver: projected Gauss-Seidel over velocities,
/// friction by patches.
///
/// A pair's contacts whose normals agree are a patch. It has friction at two anchors that are far from each other, each
/// with as much as presses all of the patch, and holds them where they were in both bodies until they slip. Position
/// iterations take overlaps back; a body moves by what they say, and keeps the velocity that the velocity iterations
/// make of it, without what an overlap gave. A contact that is still apart may close by four fifths of its gap.
/// \source PhysX SDK 4.1, the guide's chapters on rigid body dynamics and on friction, and its published solver, in own
///   words; rows are solved one after the other, not in blocks, bodies that cannot move last
/// \complexity contacts x iterations
/// \thread_safety none
class patch_solver final : public btConstraintSolver {
  public:
    /// \param materials  by the objects' user index; must outlive the solver
    patch_solver(std::vector<material> const& materials, solver_rules const& rules)
        : materials_{materials}, rules_{rules} {}

    btScalar solveGroup(btCollisionObject** bodies, int body_count, btPersistentManifold** touching, int touching_count,
                        btTypedConstraint** joints, int joint_count, btContactSolverInfo const& how, btIDebugDraw*,
                        btDispatcher*) override;
    void reset() override { kept_.clear(); }
    [[nodiscard]] btConstraintSolverType getSolverType() const override { return BT_SEQUENTIAL_IMPULSE_SOLVER; }

  private:
    /// A body in this step; the first one stands for all that cannot move.
    struct mover {
        btRigidBody* rigid = nullptr;
        btVector3 velocity{0, 0, 0};
        btVector3 spin{0, 0, 0};
        btScalar inverse_mass = 0;
        btMatrix3x3 inverse_inertia{0, 0, 0, 0, 0, 0, 0, 0, 0};
    };
    /// One impulse between two bodies, along one direction.
    struct row {
        btVector3 along;
        btVector3 arm_one; ///< of the first body, crossed with the direction
        btVector3 arm_other;
        btVector3 turns_one; ///< what an impulse of 1 adds to the spin
        btVector3 turns_other;
        btScalar yields = 0;        ///< impulse for each m/s
        btScalar wanted = 0;        ///< m/s in the position iterations
        btScalar wanted_at_end = 0; ///< in the velocity iterations
        btScalar impulse = 0;
        btManifoldPoint* contact = nullptr;
    };
    /// Where a patch is held, in the frames of both bodies.
    struct anchors {
        btVector3 normal_in_one;
        btVector3 normal_in_other;
        std::array<btVector3, 2> in_one;
        std::array<btVector3, 2> in_other;
        std::size_t count = 0;
    };
    /// What is kept of a pair from step to step.
    struct memory {
        btCollisionObject const* one = nullptr;
        btCollisionObject const* other = nullptr;
        std::vector<anchors> patches;
        std::uint64_t step = 0;
    };
    struct patch {
        std::size_t one = 0; ///< movers
        std::size_t other = 0;
        std::size_t contacts = 0; ///< first row, and how many
        std::size_t contact_count = 0;
        std::size_t frictions = 0;
        std::size_t friction_count = 0;
        btScalar static_friction = 0;
        btScalar dynamic_friction = 0;
        bool slipped = false; ///< in the last iteration
        memory* of = nullptr;
        std::size_t anchors_of = 0;
    };

    using contacts_of_patch = boost::container::static_vector<int, MANIFOLD_CACHE_SIZE>;

    void load(btCollisionObject** bodies, int count, btScalar step_seconds);
    void add_pair(btPersistentManifold& touching, btScalar step_seconds);
    void add_patch(btPersistentManifold& touching, contacts_of_patch const& points, memory& kept, std::size_t index,
                   btScalar step_seconds);
    static void seek_anchors(anchors& held, btPersistentManifold const& touching, contacts_of_patch const& points);
    void add_contact(patch& to, btManifoldPoint& point, btScalar bounciness, btScalar step_seconds);
    void add_friction(patch& to, btVector3 const& normal, anchors const& held, btScalar step_seconds);
    [[nodiscard]] row make_row(patch const& between, btVector3 const& along, btVector3 const& at_one,
                               btVector3 const& at_other) const;
    void solve(bool with_friction, bool at_end);
    void solve_patch(patch& p, bool with_friction, bool at_end);
    void store(btScalar step_seconds);

    std::vector<material> const& materials_;
    solver_rules rules_;
    std::uint64_t step_ = 0;
    std::vector<mover> movers_;
    std::vector<mover> moved_; ///< as the position iterations left them
    std::vector<patch> patches_;
    std::vector<patch> on_fixed_; ///< those with what cannot move, until all are known
    std::vector<row> rows_;
    std::unordered_map<btPersistentManifold const*, memory> kept_; ///< looked up only, never walked in order
};

} // namespace hpcsched::predict_bullet

#endif
