// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_PREDICT_BULLET_CONTACT_QUESTIONS_HPP
#define HPCSCHED_PREDICT_BULLET_CONTACT_QUESTIONS_HPP

#include <hpcsched/predict/question.hpp>
#include <hpcsched/predict_bullet/physics_world.hpp>

#include <optional>

namespace hpcsched::predict_bullet {

/// Will target and zone touch?
struct will_touch {
    [[nodiscard]] static bool outcome(physics_run const& r) noexcept { return r.first_contact_step().has_value(); }
    [[nodiscard]] static bool settled(physics_run const& r) noexcept { return outcome(r); }
};
static_assert(predict::question<will_touch, physics_world>);

/// Where will they touch first? Metres along x and z.
struct where_touch {
    [[nodiscard]] static std::optional<predict::place<2>> outcome(physics_run const& r) noexcept {
        std::optional<vector3> const at = r.first_contact_place();
        return at ? std::optional<predict::place<2>>{{at->x, at->z}} : std::nullopt;
    }
    [[nodiscard]] static bool settled(physics_run const& r) noexcept { return r.first_contact_step().has_value(); }
};
static_assert(predict::question<where_touch, physics_world>);

} // namespace hpcsched::predict_bullet

#endif
