// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_EXPERIMENT_NOTEBOOK_POLICIES_HPP
#define HPCSCHED_EXPERIMENT_NOTEBOOK_POLICIES_HPP

#include <hpcsched/core/time.hpp>
#include <hpcsched/notebook/standing_cluster.hpp>
#include <hpcsched/notebook_sim/cluster_config.hpp>
#include <hpcsched/notebook_sim/run_record.hpp>
#include <hpcsched/workload/notebook_cell.hpp>

#include <functional>
#include <string>
#include <vector>

namespace hpcsched::experiment {

/// A notebook cluster's scheduler by its name.
struct notebook_policy {
    using runner = std::function<notebook_sim::run_record(workload::notebook_trace const&,
                                                          notebook_sim::cluster_config const&, duration sample_every)>;

    std::string name;
    std::string description; ///< one line
    runner run;              ///< replays a trace; safe to call from several threads
};

/// What ships: `reservation`, `batch`, `notebookos-lcp`, `notebookos`, `notebookos-foreseen`, `predictive`,
/// `foreseeing`. An experiment of one's own appends to it.
[[nodiscard]] std::vector<notebook_policy> shipped_notebook_policies();

/// A cluster as `hpcsched notebook serve` keeps it: hosts that are there, as many all the time. What finds no room
/// waits. Its name says who of those that wait is next: "standing-fifo".
/// \pre policies.scaling.hosts >= policies.replicas, or no kernel ever finds its hosts
[[nodiscard]] notebook_policy standing_notebook_policy(notebook::standing_policies const& policies);

} // namespace hpcsched::experiment

#endif
