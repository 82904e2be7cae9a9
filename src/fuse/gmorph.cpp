// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/fuse/gmorph.hpp>

namespace hpcsched::fuse {

template class search<elite_annealing, gmorph_mutation, filter_chain<accepted_topologies>, train_to_the_end,
                      unknown_cost, elite_queue>;
template class search<elite_annealing, gmorph_mutation, filter_chain<accepted_topologies>, learning_curve, unknown_cost,
                      elite_queue>;
template class search<elite_annealing, gmorph_mutation, filter_chain<accepted_topologies, failure_rules>,
                      learning_curve, unknown_cost, elite_queue>;

gmorph::policies gmorph_policies(gmorph_quirks quirks) {
    return {.mutation = gmorph_mutation{quirks},
            .filter = filter_chain<accepted_topologies>{accepted_topologies{quirks}}};
}

gmorph_p::policies gmorph_p_policies(gmorph_quirks quirks) {
    return {.sampler = elite_annealing{{.elites_max = 10}},
            .mutation = gmorph_mutation{quirks},
            .filter = filter_chain<accepted_topologies>{accepted_topologies{quirks}},
            .stopping = {quirks},
            .archive = elite_queue{10}};
}

gmorph_pr::policies gmorph_pr_policies(gmorph_quirks quirks) {
    return {.sampler = elite_annealing{{.elites_max = 10}},
            .mutation = gmorph_mutation{quirks},
            .filter = filter_chain<accepted_topologies, failure_rules>{accepted_topologies{quirks}, failure_rules{}},
            .stopping = {quirks},
            .archive = elite_queue{10}};
}

} // namespace hpcsched::fuse
