// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_SRC_PREDICT_BULLET_SOLIDS_HPP
#define HPCSCHED_SRC_PREDICT_BULLET_SOLIDS_HPP

#include <hpcsched/predict_bullet/scene.hpp>

#include <btBulletCollisionCommon.h>

#include <cstddef>
#include <memory>
#include <vector>

namespace hpcsched::predict_bullet {

/// A convex piece of a solid: every one is a hull, as every collider of the study's films is.
struct solid_part {
    std::unique_ptr<btConvexHullShape> hull; ///< points to `core`
    std::unique_ptr<btConvexHullShape> core; ///< smaller by its margin
};

/// A primitive at one scale: what the engine needs of it, around its centre of mass.
struct solid {
    std::vector<solid_part> parts;
    std::unique_ptr<btCompoundShape> whole; ///< where there are several parts
    btVector3 centre{0, 0, 0};              ///< of mass, from the origin of the primitive
    btVector3 inertia{0, 0, 0};             ///< for a mass of 1, about the centre; the axes are principal
    double volume = 0;

    [[nodiscard]] btCollisionShape* shape() const noexcept {
        return whole ? static_cast<btCollisionShape*>(whole.get()) : parts.front().hull.get();
    }
};

/// The hull of `corners`, moved so that `centre` is its origin.
/// \pre the corners span a volume
[[nodiscard]] solid_part make_part(std::vector<vector3> const& corners, vector3 centre);

/// \pre the primitive is not `other`, no scale is 0
[[nodiscard]] std::unique_ptr<solid> make_solid(primitive shape, vector3 const& scale);

/// Solids by primitive and scale, made once.
class solid_cache {
  public:
    /// Lives until the next `forget`.
    solid const& of(primitive shape, vector3 const& scale);
    /// Drops all where there are very many.
    void forget_if_above(std::size_t count);

  private:
    struct entry {
        primitive shape;
        vector3 scale;
        std::unique_ptr<solid> made;
    };
    std::vector<entry> entries_;
};

} // namespace hpcsched::predict_bullet

#endif
