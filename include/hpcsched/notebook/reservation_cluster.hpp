// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_NOTEBOOK_RESERVATION_CLUSTER_HPP
#define HPCSCHED_NOTEBOOK_RESERVATION_CLUSTER_HPP

#include <hpcsched/core/time.hpp>
#include <hpcsched/gpu/placement.hpp>
#include <hpcsched/notebook/cluster_scheduler.hpp>
#include <hpcsched/notebook/cluster_state.hpp>

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

namespace hpcsched::notebook {

/// What platforms do today: a session has its devices from its opening to its closing, whether its cells run or not.
///
/// One replica; hosts are provisioned when a session finds no room and given back when nothing is left on them, so what
/// it wastes is the sessions' own idleness and the rest of hosts. Sessions are packed, to its advantage.
/// \source NotebookOS's baseline `reservation`; the prototype places at random
template <gpu::placement_policy Placement = gpu::pack>
class reservation_cluster {
  public:
    explicit reservation_cluster(Placement placement = {}) : placement_{std::move(placement)} {}

    void handle(cluster_started const& e, time_point /*now*/, cluster_command_sink& /*out*/) { state_.start(e); }
    void handle(host_ready const& e, time_point now, cluster_command_sink& out) {
        state_.host_is_up(e.host, e.what);
        place_sessions(now, out);
    }
    void handle(host_lost const& e, time_point now, cluster_command_sink& out) {
        for (kernel_id const k : state_.host_is_lost(e.host)) {
            state_.give_back(k);
            unplaced_.push_back(k);
        }
        place_sessions(now, out);
    }
    void handle(container_warm const&, time_point, cluster_command_sink&) {}
    void handle(session_opened const& e, time_point now, cluster_command_sink& out) {
        state_.open(e.kernel, e.gpus, now, e.tenant);
        unplaced_.push_back(e.kernel);
        place_sessions(now, out);
    }
    void handle(session_closed const& e, time_point now, cluster_command_sink& out) {
        std::erase(unplaced_, e.kernel);
        state_.close(e.kernel, out);
        place_sessions(now, out);
        release_vacant(out);
    }
    void handle(cell_submitted const& e, time_point now, cluster_command_sink& out) {
        state_.submit(e.kernel, e.cell, e.gpus, now);
        run(e.kernel, out);
    }
    void handle(cell_finished const& e, time_point now, cluster_command_sink& /*out*/) {
        kernel_state const& k = state_.kernel(e.kernel);
        if (k.running && k.cell == e.cell) {
            state_.finish(e.kernel, now, true);
        }
    }
    void handle(replica_ready const& e, time_point /*now*/, cluster_command_sink& out) {
        if (state_.set_ready(e.kernel, e.replica)) {
            run(e.kernel, out);
        }
    }
    void handle(scheduler_woken const&, time_point, cluster_command_sink&) {}

    [[nodiscard]] cluster_state const& state() const noexcept { return state_; }
    [[nodiscard]] std::size_t waiting_count() const noexcept { return unplaced_.size(); }

  private:
    void run(kernel_id k, cluster_command_sink& out) {
        kernel_state const& s = state_.kernel(k);
        if (s.waits() && !s.replicas.empty() && s.replicas.front().ready) {
            state_.run(k, s.replicas.front().id, s.replicas.front().host, false, out);
        }
    }

    void place_sessions(time_point now, cluster_command_sink& out) {
        std::uint64_t homeless = 0;
        std::erase_if(unplaced_, [&](kernel_id k) {
            kernel_state const& s = state_.kernel(k);
            auto const h =
                gpu::best_host(placement_, state_.ledger(), {cluster_state::request(s.gpus), {}}, gpu::room::now);
            if (!h || !state_.lease_for_session(k, *h, now)) {
                homeless += s.gpus;
                return false;
            }
            state_.add_replica(k, *h, s.replicas_made == 0, out);
            return true;
        });
        std::uint64_t const each = std::max<std::uint32_t>(1, state_.host_devices());
        for (auto missing = (homeless + each - 1) / each; missing > state_.provisioning_count();) {
            state_.provision(out);
        }
    }

    void release_vacant(cluster_command_sink& out) {
        auto const hosts = state_.hosts();
        for (std::uint32_t i = 0; i < hosts.size(); ++i) {
            if (hosts[i].phase == host_phase::up && state_.vacant(gpu::host_id{i}) && unplaced_.empty()) {
                state_.drain(gpu::host_id{i});
                state_.release(gpu::host_id{i}, out);
            }
        }
    }

    Placement placement_;
    cluster_state state_;
    std::vector<kernel_id> unplaced_; // sessions without a host, in order of opening
};
static_assert(cluster_scheduler<reservation_cluster<>>);

} // namespace hpcsched::notebook

#endif
