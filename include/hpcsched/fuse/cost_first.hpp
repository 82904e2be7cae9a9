// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_FUSE_COST_FIRST_HPP
#define HPCSCHED_FUSE_COST_FIRST_HPP

#include <hpcsched/fuse/adapter_mutations.hpp>
#include <hpcsched/fuse/archive.hpp>
#include <hpcsched/fuse/block_latency_model.hpp>
#include <hpcsched/fuse/failure_model.hpp>
#include <hpcsched/fuse/filter.hpp>
#include <hpcsched/fuse/more_samplers.hpp>
#include <hpcsched/fuse/more_stopping.hpp>
#include <hpcsched/fuse/mutation.hpp>
#include <hpcsched/fuse/reattachment.hpp>
#include <hpcsched/fuse/restoring_mutations.hpp>
#include <hpcsched/fuse/search.hpp>

namespace hpcsched::fuse {

/// All ways to change a graph.
using every_mutation = mutation_mix<reattach_across, reattach_within, move_subtree, unshare_blocks, swap_donor,
                                    insert_adapter, remove_adapter>;

/// This library's own search. A network's latency is known before it is trained, by a model fitted on the way; so only
/// what would be faster than the best is trained, and of that what most likely keeps its accuracy. Hopeless trainings
/// are left early. What it mutates is a Pareto front of latency and drop, which never loses its best.
using cost_first = search<bayesian, every_mutation, filter_chain<latency_bound, failure_model>, extrapolate,
                          block_latency_model, pareto_archive>;

[[nodiscard]] inline cost_first::policies cost_first_policies() {
    return {.mutation = every_mutation{{6, 5, 2, 2, 1, 1, 1}, {}, {}, {}, {}, {}, {}, {}},
            .filter = filter_chain<latency_bound, failure_model>{latency_bound{{.margin = 0.005, .quota = 0}},
                                                                 failure_model{}}};
}

} // namespace hpcsched::fuse

#endif
