// SPDX-License-Identifier: Apache-2.0

// Compiled, never linked: what compiles with the archetypes asks no more of a policy than its concept does.
#include <hpcsched/core/bytes.hpp>
#include <hpcsched/fuse/evaluator.hpp>
#include <hpcsched/fuse/filter.hpp>
#include <hpcsched/fuse/sampler.hpp>
#include <hpcsched/fuse/search.hpp>
#include <hpcsched/testing/archetypes/archive_policy.hpp>
#include <hpcsched/testing/archetypes/candidate_filter.hpp>
#include <hpcsched/testing/archetypes/candidate_sampler.hpp>
#include <hpcsched/testing/archetypes/cost_model.hpp>
#include <hpcsched/testing/archetypes/evaluator.hpp>
#include <hpcsched/testing/archetypes/mutation_policy.hpp>
#include <hpcsched/testing/archetypes/stopping_policy.hpp>
#include <hpcsched/testing/conformance/archive_policy.hpp>
#include <hpcsched/testing/conformance/candidate_filter.hpp>
#include <hpcsched/testing/conformance/cost_model.hpp>
#include <hpcsched/testing/conformance/evaluator.hpp>
#include <hpcsched/testing/conformance/stopping_policy.hpp>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace hpcsched {

using namespace testing;

template class fuse::search<minimal_candidate_sampler, minimal_mutation_policy, minimal_candidate_filter,
                            minimal_stopping_policy, minimal_cost_model, minimal_archive_policy>;
using minimal_search = fuse::search<minimal_candidate_sampler, minimal_mutation_policy, minimal_candidate_filter,
                                    minimal_stopping_policy, minimal_cost_model, minimal_archive_policy>;
using asked = bool (*)(byte_buffer const&);
template void fuse::run(minimal_search&, minimal_evaluator&, byte_buffer&, bool, asked&&);
template std::optional<fuse::proposal> fuse::mutated(search_view const&, candidate_id, model_graph const&, std::size_t,
                                                     minimal_mutation_policy&, draws&);
template std::optional<fuse::proposal> fuse::elite_annealing::propose(search_view const&, minimal_mutation_policy&,
                                                                      minimal_cost_model const&, draws&);

template std::vector<std::string> testing::check_archive_policy(std::function<minimal_archive_policy()> const&,
                                                                std::uint64_t);
template std::vector<std::string> testing::check_candidate_filter(std::function<minimal_candidate_filter()> const&,
                                                                  std::uint64_t);
template std::vector<std::string> testing::check_stopping_policy(std::function<minimal_stopping_policy()> const&,
                                                                 std::uint64_t);
template std::vector<std::string> testing::check_cost_model(std::function<minimal_cost_model()> const&, std::uint64_t);
template std::vector<std::string> testing::check_evaluator(minimal_evaluator&, fuse::teacher_set const&);

} // namespace hpcsched
