// SPDX-License-Identifier: Apache-2.0

// Policies of one's own for a cluster of notebooks: NotebookOS with another choice of who executes a cell.
#include <hpcsched/notebook/notebookos.hpp>
#include <hpcsched/notebook/predictive.hpp>
#include <hpcsched/notebook_sim/cluster.hpp>
#include <hpcsched/workload/notebook_generator.hpp>

#include <algorithm>
#include <chrono>
#include <cstdio>

using namespace hpcsched;

// [policies]
/// A cell runs where the fewest devices are left over, instead of where it ran before: that keeps hosts whole for cells
/// that need all of one.
struct tidy_notebookos : notebook::notebookos_policies {
    using notebook::notebookos_policies::notebookos_policies;

    notebook::tightest_first executor{};
};
static_assert(notebook::cluster_policies<tidy_notebookos>);
// [/policies]

template <class Policies>
double share_at_once(workload::notebook_trace const& trace) {
    notebook::replicated_cluster<Policies> scheduler{Policies{random_stream{1, "victims"}}};
    notebook_sim::cluster simulated{std::move(scheduler), {.commits_before_start = 3}, {}};
    auto const run = simulated.run(trace, std::chrono::hours{1});
    auto const at_once = std::count_if(run.cells.begin(), run.cells.end(), [](auto const& c) { return c.at_once; });
    return static_cast<double>(at_once) / static_cast<double>(run.cells.size());
}

int main() {
    auto const trace = workload::generate_notebooks({.session_count = 200, .length = std::chrono::days{7}});
    if (!trace) {
        std::printf("%s\n", trace.error().message.c_str());
        return 1;
    }
    std::printf("served at once: NotebookOS %.1f %%, and with a choice of our own %.1f %%\n",
                100 * share_at_once<notebook::notebookos_policies>(*trace),
                100 * share_at_once<tidy_notebookos>(*trace));
}
