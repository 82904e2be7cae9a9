// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_NOTEBOOK_STANDING_CLUSTER_HPP
#define HPCSCHED_NOTEBOOK_STANDING_CLUSTER_HPP

#include <hpcsched/core/bytes.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/gpu/chosen_admission.hpp>
#include <hpcsched/gpu/chosen_placement.hpp>
#include <hpcsched/gpu/chosen_queueing.hpp>
#include <hpcsched/gpu/ledger_image.hpp>
#include <hpcsched/notebook/cluster_policies.hpp>
#include <hpcsched/notebook/replicated_cluster.hpp>

#include <chrono>
#include <cstdint>

namespace hpcsched::notebook {

/// A cluster of hosts that are there already: none is asked for and none is given back, so what finds no room waits.
/// Nothing is drawn: all that it knows is what happened.
///
/// A kernel lives on the hosts that the placement likes best, and waits for its hosts while the admission does not let
/// it on them, or fewer than a majority of its replicas would have one; with a majority it begins after three seconds,
/// and the other replicas follow when hosts come. One that is admitted stays so, whichever host it moves to. Who
/// admits, who places, and who of those that wait is next, is chosen while the program runs.
struct standing_policies {
    std::uint32_t replicas = 3;        ///< of each kernel, >= 1
    gpu::chosen_placement placement{}; ///< where replicas live
    gpu::chosen_placement target{};    ///< where a replica moves whose cell found no room
    gpu::chosen_admission admission{}; ///< for as many replicas
    static constexpr bool hosts_stay = true;
    /// In order of arrival; but smaller cells run meanwhile, as long as none has waited for a minute that needs more.
    gpu::chosen_queueing queueing{{.patience = std::chrono::minutes{1}}};
    previous_executor_first executor{};
    least_useful_victim migration{};
    no_scaling scaling{};
    no_prewarming prewarming{};
    no_rebalancing rebalancing{};
    static constexpr duration reclaim_after = unlimited;

    void save(byte_buffer& out) const {
        put_word(out, replicas);
        placement.save(out);
        target.save(out);
        admission.save(out);
        queueing.save(out);
    }
    [[nodiscard]] bool restore(byte_reader& in) {
        replicas = gpu::ledger_image::take<std::uint32_t>(in);
        return in.good() && replicas >= 1 && placement.restore(in) && target.restore(in) && admission.restore(in) &&
               queueing.restore(in);
    }
};
static_assert(cluster_policies<standing_policies>);

using standing_cluster = replicated_cluster<standing_policies>;
static_assert(cluster_scheduler<standing_cluster>);

} // namespace hpcsched::notebook

#endif
