// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_SRC_PREDICT_BULLET_HULL_CONTACTS_HPP
#define HPCSCHED_SRC_PREDICT_BULLET_HULL_CONTACTS_HPP

#include <btBulletCollisionCommon.h>

namespace hpcsched::predict_bullet {

/// Bodies touch from this gap on, metres: PhysX's default contact offset, once for each of two. A hull's margin is
/// half of it, so that Bullet's boxes around shapes meet in time.
inline constexpr btScalar contact_gap = 0.02F;

/// All contacts of two convex hulls in one step, found anew each time.
///
/// Bullet's own algorithm finds one point in each step and keeps those of earlier steps, so that what a body stands on
/// takes some steps to be known; this one clips the two nearest faces at once, as soon as the hulls are nearer than
/// `contact_gap`. At most four contacts remain: the deepest, and those that span the most.
/// \pre a hull's user pointer is a hull a little smaller (`solid_part::core`): the direction in which two are the
///   closest is found between those, which hardly ever overlap; nothing: it is the ground, all below height 0
class hull_contacts final : public btActivatingCollisionAlgorithm {
  public:
    hull_contacts(btCollisionAlgorithmConstructionInfo const& info, btCollisionObjectWrapper const* one,
                  btCollisionObjectWrapper const* other);
    ~hull_contacts() override;
    hull_contacts(hull_contacts const&) = delete;
    hull_contacts& operator=(hull_contacts const&) = delete;

    void processCollision(btCollisionObjectWrapper const* one, btCollisionObjectWrapper const* other,
                          btDispatcherInfo const& how, btManifoldResult* out) override;
    btScalar calculateTimeOfImpact(btCollisionObject*, btCollisionObject*, btDispatcherInfo const&,
                                   btManifoldResult*) override {
        return 1;
    }
    void getAllContactManifolds(btManifoldArray& all) override { all.push_back(touching_); }

    /// For `btDefaultCollisionConfiguration`'s dispatcher.
    struct maker final : btCollisionAlgorithmCreateFunc {
        btCollisionAlgorithm* CreateCollisionAlgorithm(btCollisionAlgorithmConstructionInfo& info,
                                                       btCollisionObjectWrapper const* one,
                                                       btCollisionObjectWrapper const* other) override;
    };

  private:
    btPersistentManifold* touching_;
    btVector3 direction_{0, 1, 0}; ///< in which they were the closest in the last step: most likely still about so
};

} // namespace hpcsched::predict_bullet

#endif
