// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/core/assert.hpp>
#include <hpcsched/core/random.hpp>
#include <hpcsched/experiment/notebook_policies.hpp>
#include <hpcsched/notebook/batch_cluster.hpp>
#include <hpcsched/notebook/foreseeing.hpp>
#include <hpcsched/notebook/notebookos.hpp>
#include <hpcsched/notebook/predictive.hpp>
#include <hpcsched/notebook/reservation_cluster.hpp>
#include <hpcsched/notebook/standing_cluster.hpp>
#include <hpcsched/notebook_sim/cluster.hpp>

#include <string>
#include <utility>
#include <vector>

namespace hpcsched::experiment {
namespace {

using notebook_sim::cluster_config;
using notebook_sim::kernel_protocol;

/// A runner of schedulers that `make(seed)` returns.
template <class Make>
notebook_policy::runner replay(kernel_protocol protocol, Make const& make) {
    return
        [protocol, make](workload::notebook_trace const& trace, cluster_config const& config, duration sample_every) {
            notebook_sim::cluster cluster{make(config.seed), protocol, config};
            return cluster.run(trace, sample_every);
        };
}

} // namespace

std::vector<notebook_policy> shipped_notebook_policies() {
    kernel_protocol const alone{.commits_before_start = 0};
    kernel_protocol const by_votes{.commits_before_start = 3, .moves_through_store = true};
    kernel_protocol const by_order{.commits_before_start = 1};
    return {
        {"reservation", "devices for the whole session, as platforms do today",
         replay(alone, [](std::uint64_t) { return notebook::reservation_cluster{}; })},
        {"batch", "every cell a job in one queue, first come, first served, in a fresh container",
         replay(alone, [](std::uint64_t) { return notebook::batch_cluster{{.pooled = false}}; })},
        {"notebookos-lcp", "every cell a job, in a container of a large pool: NotebookOS (LCP)",
         replay(alone, [](std::uint64_t) { return notebook::batch_cluster{{.pooled = true}}; })},
        {"notebookos", "three replicas, devices while a cell runs, migration, autoscaling: NotebookOS",
         replay(by_votes,
                [](std::uint64_t seed) {
                    return notebook::notebookos_cluster{notebook::notebookos_policies{random_stream{seed, "victims"}}};
                })},
        {"notebookos-foreseen",
         "NotebookOS, its kernels admitted and its replicas moved by noisy futures of the cluster",
         replay(by_votes,
                [](std::uint64_t) {
                    return notebook::notebookos_foreseen_cluster{notebook::notebookos_foreseen_policies{}};
                })},
        {"predictive",
         "three replicas where their next cell can run; hosts for what is about to come: this library's own",
         replay(by_order, [](std::uint64_t) { return notebook::predictive_cluster{notebook::predictive_policies{}}; })},
        {"foreseeing", "as predictive, with every user known by what they did; noisy futures place and give back",
         replay(by_order, [](std::uint64_t) { return notebook::foreseeing_cluster{notebook::foreseeing_policies{}}; })},
    };
}

notebook_policy standing_notebook_policy(notebook::standing_policies const& policies) {
    HPCSCHED_ASSERT(policies.scaling.hosts >= policies.replicas);
    return {"standing-" + std::string{policies.queueing.name()},
            "a number of hosts that stays, and a queue for what finds no room: as hpcsched notebook serve",
            replay({.commits_before_start = 1},
                   [policies](std::uint64_t) { return notebook::standing_cluster{policies}; })};
}

} // namespace hpcsched::experiment
