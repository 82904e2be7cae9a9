// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_TESTING_ARCHETYPES_CLUSTER_SCHEDULER_HPP
#define HPCSCHED_TESTING_ARCHETYPES_CLUSTER_SCHEDULER_HPP

#include <hpcsched/core/time.hpp>
#include <hpcsched/notebook/cluster_scheduler.hpp>

namespace hpcsched::testing {

/// No more than `notebook::cluster_scheduler` asks for: what compiles with it uses nothing else.
///
/// To be compiled, not linked: its members are declared only.
class minimal_cluster_scheduler {
  public:
    minimal_cluster_scheduler() = delete;
    minimal_cluster_scheduler(minimal_cluster_scheduler const&) = delete;
    minimal_cluster_scheduler& operator=(minimal_cluster_scheduler const&) = delete;
    minimal_cluster_scheduler(minimal_cluster_scheduler&&) noexcept;
    minimal_cluster_scheduler& operator=(minimal_cluster_scheduler&&) noexcept;
    ~minimal_cluster_scheduler();

    void handle(notebook::cluster_started const&, time_point, notebook::cluster_command_sink&);
    void handle(notebook::host_ready const&, time_point, notebook::cluster_command_sink&);
    void handle(notebook::host_lost const&, time_point, notebook::cluster_command_sink&);
    void handle(notebook::container_warm const&, time_point, notebook::cluster_command_sink&);
    void handle(notebook::session_opened const&, time_point, notebook::cluster_command_sink&);
    void handle(notebook::session_closed const&, time_point, notebook::cluster_command_sink&);
    void handle(notebook::replica_ready const&, time_point, notebook::cluster_command_sink&);
    void handle(notebook::cell_submitted const&, time_point, notebook::cluster_command_sink&);
    void handle(notebook::cell_finished const&, time_point, notebook::cluster_command_sink&);
    void handle(notebook::scheduler_woken const&, time_point, notebook::cluster_command_sink&);
};

static_assert(notebook::cluster_scheduler<minimal_cluster_scheduler>);

} // namespace hpcsched::testing

#endif
