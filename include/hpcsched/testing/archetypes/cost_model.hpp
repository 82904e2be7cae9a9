// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_TESTING_ARCHETYPES_COST_MODEL_HPP
#define HPCSCHED_TESTING_ARCHETYPES_COST_MODEL_HPP

#include <hpcsched/core/time.hpp>
#include <hpcsched/fuse/cost_model.hpp>
#include <hpcsched/fuse/model_graph.hpp>
#include <hpcsched/fuse/teacher_set.hpp>

namespace hpcsched::testing {

/// Nothing but what `fuse::cost_model` asks for. Declared, not defined: code that compiles with it needs no more.
class minimal_cost_model {
  public:
    minimal_cost_model() = delete;
    minimal_cost_model(minimal_cost_model const&) = delete;
    minimal_cost_model(minimal_cost_model&&) noexcept;
    minimal_cost_model& operator=(minimal_cost_model const&) = delete;
    minimal_cost_model& operator=(minimal_cost_model&&) noexcept;

    [[nodiscard]] duration latency(fuse::teacher_set const&, fuse::model_graph const&) const;
    void learn(fuse::teacher_set const&, fuse::model_graph const&, duration);
};

static_assert(fuse::cost_model<minimal_cost_model>);

} // namespace hpcsched::testing

#endif
