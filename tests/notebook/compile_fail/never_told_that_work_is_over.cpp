// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/notebook/cluster_scheduler.hpp>

using namespace hpcsched;
using namespace hpcsched::notebook;

/// Would keep devices for ever.
struct near_miss {
    void handle(cluster_started const&, time_point, cluster_command_sink&) {}
    void handle(host_ready const&, time_point, cluster_command_sink&) {}
    void handle(host_lost const&, time_point, cluster_command_sink&) {}
    void handle(container_warm const&, time_point, cluster_command_sink&) {}
    void handle(session_opened const&, time_point, cluster_command_sink&) {}
    void handle(session_closed const&, time_point, cluster_command_sink&) {}
    void handle(replica_ready const&, time_point, cluster_command_sink&) {}
    void handle(cell_submitted const&, time_point, cluster_command_sink&) {}
    void handle(scheduler_woken const&, time_point, cluster_command_sink&) {}
};

template <cluster_scheduler S>
void drive(S&) {}

void use(near_miss& s) {
    drive(s);
}
