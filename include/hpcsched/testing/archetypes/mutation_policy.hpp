// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_TESTING_ARCHETYPES_MUTATION_POLICY_HPP
#define HPCSCHED_TESTING_ARCHETYPES_MUTATION_POLICY_HPP

#include <hpcsched/core/sink.hpp>
#include <hpcsched/fuse/draws.hpp>
#include <hpcsched/fuse/model_graph.hpp>
#include <hpcsched/fuse/mutation.hpp>
#include <hpcsched/fuse/teacher_set.hpp>

#include <optional>

namespace hpcsched::testing {

/// Nothing but what `fuse::mutation_policy` asks for. Declared, not defined: code that compiles with it needs no more.
class minimal_mutation_policy {
  public:
    minimal_mutation_policy() = delete;
    minimal_mutation_policy(minimal_mutation_policy const&) = delete;
    minimal_mutation_policy(minimal_mutation_policy&&) noexcept;
    minimal_mutation_policy& operator=(minimal_mutation_policy const&) = delete;
    minimal_mutation_policy& operator=(minimal_mutation_policy&&) noexcept;

    void enumerate(fuse::teacher_set const&, fuse::model_graph const&, sink<fuse::mutation>&) const;
    [[nodiscard]] std::optional<fuse::mutation> draw(fuse::teacher_set const&, fuse::model_graph const&,
                                                     fuse::draws&) const;
    [[nodiscard]] std::optional<fuse::model_graph> apply(fuse::teacher_set const&, fuse::model_graph const&,
                                                         fuse::mutation const&);
};

static_assert(fuse::mutation_policy<minimal_mutation_policy>);

} // namespace hpcsched::testing

#endif
