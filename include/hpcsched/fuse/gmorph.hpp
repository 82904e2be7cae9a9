// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_FUSE_GMORPH_HPP
#define HPCSCHED_FUSE_GMORPH_HPP

#include <hpcsched/fuse/archive.hpp>
#include <hpcsched/fuse/cost_model.hpp>
#include <hpcsched/fuse/filter.hpp>
#include <hpcsched/fuse/gmorph_mutation.hpp>
#include <hpcsched/fuse/sampler.hpp>
#include <hpcsched/fuse/search.hpp>
#include <hpcsched/fuse/stopping.hpp>

/// GMorph's searches, by its own names. A search of each is made with the policies of the function beside it.
/// \source Yang et al., "GMorph: accelerating multi-DNN inference via model fusion", EuroSys 2024, by its code.
/// Deviations:
///         seeded, where only its training is; see `gmorph_mutation` and `gmorph_quirks` for the rest
namespace hpcsched::fuse {

/// The plain policy: 200 iterations, two mutations each, the last 16 accepted as elites.
using gmorph = search<elite_annealing, gmorph_mutation, filter_chain<accepted_topologies>, train_to_the_end,
                      unknown_cost, elite_queue>;
/// With learning curves ("w P"): 10 elites.
using gmorph_p = search<elite_annealing, gmorph_mutation, filter_chain<accepted_topologies>, learning_curve,
                        unknown_cost, elite_queue>;
/// With learning curves and rules ("w P+R").
using gmorph_pr = search<elite_annealing, gmorph_mutation, filter_chain<accepted_topologies, failure_rules>,
                         learning_curve, unknown_cost, elite_queue>;

// Compiled once, in the component's own source: a program that uses one does not wait for it again.
extern template class search<elite_annealing, gmorph_mutation, filter_chain<accepted_topologies>, train_to_the_end,
                             unknown_cost, elite_queue>;
extern template class search<elite_annealing, gmorph_mutation, filter_chain<accepted_topologies>, learning_curve,
                             unknown_cost, elite_queue>;
extern template class search<elite_annealing, gmorph_mutation, filter_chain<accepted_topologies, failure_rules>,
                             learning_curve, unknown_cost, elite_queue>;

[[nodiscard]] gmorph::policies gmorph_policies(gmorph_quirks quirks = {});
[[nodiscard]] gmorph_p::policies gmorph_p_policies(gmorph_quirks quirks = {});
[[nodiscard]] gmorph_pr::policies gmorph_pr_policies(gmorph_quirks quirks = {});

} // namespace hpcsched::fuse

#endif
