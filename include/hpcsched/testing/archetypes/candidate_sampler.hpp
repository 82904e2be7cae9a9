// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_TESTING_ARCHETYPES_CANDIDATE_SAMPLER_HPP
#define HPCSCHED_TESTING_ARCHETYPES_CANDIDATE_SAMPLER_HPP

#include <hpcsched/fuse/candidate.hpp>
#include <hpcsched/fuse/draws.hpp>
#include <hpcsched/fuse/sampler.hpp>
#include <hpcsched/testing/archetypes/cost_model.hpp>
#include <hpcsched/testing/archetypes/mutation_policy.hpp>

#include <optional>

namespace hpcsched::testing {

/// Nothing but what `fuse::candidate_sampler` asks for. Declared, not defined: code that compiles with it needs no
/// more.
class minimal_candidate_sampler {
  public:
    minimal_candidate_sampler() = delete;
    minimal_candidate_sampler(minimal_candidate_sampler const&) = delete;
    minimal_candidate_sampler(minimal_candidate_sampler&&) noexcept;
    minimal_candidate_sampler& operator=(minimal_candidate_sampler const&) = delete;
    minimal_candidate_sampler& operator=(minimal_candidate_sampler&&) noexcept;

    std::optional<fuse::proposal> propose(fuse::search_view const&, minimal_mutation_policy&, minimal_cost_model const&,
                                          fuse::draws&);
    void learn(fuse::search_view const&, fuse::candidate const&, fuse::outcome const&);
    [[nodiscard]] bool is_exhausted() const noexcept;
};

static_assert(fuse::candidate_sampler<minimal_candidate_sampler, minimal_mutation_policy, minimal_cost_model>);

} // namespace hpcsched::testing

#endif
