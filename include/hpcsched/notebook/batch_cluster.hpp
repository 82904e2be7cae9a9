// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_NOTEBOOK_BATCH_CLUSTER_HPP
#define HPCSCHED_NOTEBOOK_BATCH_CLUSTER_HPP

#include <hpcsched/core/time.hpp>
#include <hpcsched/gpu/placement.hpp>
#include <hpcsched/notebook/cluster_scheduler.hpp>
#include <hpcsched/notebook/cluster_state.hpp>
#include <hpcsched/notebook/notebookos.hpp>

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

namespace hpcsched::notebook {

/// Every cell is a job: it waits in one queue, first come, first served, gets devices and a container, loads the
/// notebook's state, runs, saves the state, and leaves nothing behind.
///
/// With a pool the container is one that waits (and goes back to the pool after the cell): NotebookOS's variant LCP,
/// "large container pool". Without, it is started for the cell.
///
/// \source NotebookOS's baselines `fcfs-batch` and `middle-ground`. The prototype places at random, here cells are
/// packed;
///         it keeps LCP's cluster at its largest size, here both follow NotebookOS's autoscaling, and a queue that does
///         not move provisions what it lacks
template <scaling_policy Scaling = notebookos_scaling, gpu::placement_policy Placement = gpu::pack>
class batch_cluster {
  public:
    struct config {
        bool pooled = false;
        std::uint32_t pool_per_host = 8; ///< containers that wait on each host, where pooled
    };

    explicit batch_cluster(config c, Scaling scaling = Scaling{}, Placement placement = {})
        : config_{c}, scaling_{std::move(scaling)}, placement_{std::move(placement)} {}

    void handle(cluster_started const& e, time_point now, cluster_command_sink& out) {
        state_.start(e);
        for (std::uint32_t i = 0; i < scaling_.hosts_at_start(); ++i) {
            state_.provision(out);
        }
        next_scaling_ = now + scaling_.interval();
        out.append(wake_at{next_scaling_});
    }
    void handle(host_ready const& e, time_point now, cluster_command_sink& out) {
        state_.host_is_up(e.host, e.what);
        for (std::uint32_t i = 0; config_.pooled && i < config_.pool_per_host; ++i) {
            state_.order_warm(e.host, out);
        }
        serve(now, out);
    }
    void handle(host_lost const& e, time_point now, cluster_command_sink& out) {
        auto const touched = state_.host_is_lost(e.host);
        queue_.insert(queue_.begin(), touched.begin(), touched.end()); // they were served before those that wait
        serve(now, out);
    }
    void handle(container_warm const& e, time_point now, cluster_command_sink& out) {
        state_.warm_is_up(e.host);
        serve(now, out);
    }
    void handle(session_opened const& e, time_point now, cluster_command_sink& /*out*/) {
        state_.open(e.kernel, e.gpus, now, e.tenant);
    }
    void handle(session_closed const& e, time_point now, cluster_command_sink& out) {
        scaling_.closed(state_, e.kernel, now);
        std::erase(queue_, e.kernel);
        state_.close(e.kernel, out);
        serve(now, out);
    }
    void handle(cell_submitted const& e, time_point now, cluster_command_sink& out) {
        scaling_.submitted(state_, e.kernel, now);
        state_.submit(e.kernel, e.cell, e.gpus, now);
        queue_.push_back(e.kernel);
        serve(now, out);
    }
    void handle(cell_finished const& e, time_point now, cluster_command_sink& out) {
        kernel_state const& k = state_.kernel(e.kernel);
        if (!k.running || k.cell != e.cell) {
            return;
        }
        gpu::host_id const h = k.replicas.front().host;
        scaling_.finished(state_, e.kernel, now);
        state_.finish(e.kernel, now, false);
        state_.stop(e.kernel, 0, out);
        if (config_.pooled && state_.host(h).phase == host_phase::up) {
            state_.order_warm(h, out); // reset, and back in the pool
        }
        serve(now, out);
    }
    void handle(replica_ready const& e, time_point /*now*/, cluster_command_sink& out) {
        if (state_.set_ready(e.kernel, e.replica)) {
            state_.run(e.kernel, e.replica, state_.kernel(e.kernel).replicas.front().host, true, out);
        }
    }
    void handle(scheduler_woken const& /*e*/, time_point now, cluster_command_sink& out) {
        scaling_decision const d = scaling_.decide(state_, now);
        for (std::uint32_t i = 0; i < d.add; ++i) {
            state_.provision(out);
        }
        for (gpu::host_id const h : d.drain) {
            state_.drain(h);
            if (state_.vacant(h)) {
                state_.release(h, out);
            } else {
                state_.undrain(h);
            }
        }
        next_scaling_ = now + scaling_.interval();
        out.append(wake_at{next_scaling_});
    }

    [[nodiscard]] cluster_state const& state() const noexcept { return state_; }
    [[nodiscard]] std::size_t waiting_count() const noexcept { return queue_.size(); }

  private:
    void serve(time_point now, cluster_command_sink& out) {
        while (!queue_.empty()) {
            kernel_id const k = queue_.front();
            kernel_state const& s = state_.kernel(k);
            bool lacks_container = false;
            auto const h = gpu::best_host(placement_, state_.ledger(), {cluster_state::request(s.cell_gpus), {}},
                                          gpu::room::now, [&](gpu::host_id id) {
                                              bool const warm = !config_.pooled || state_.host(id).warm > 0;
                                              lacks_container |= !warm;
                                              return warm;
                                          });
            if (!h || !state_.lease_for_cell(k, *h, now)) {
                if (!lacks_container) {
                    grow(out);
                }
                return;
            }
            queue_.erase(queue_.begin());
            state_.add_replica(k, *h, s.leases_made == 1, out);
        }
    }

    // For the head of the queue, and what stands behind it.
    void grow(cluster_command_sink& out) {
        std::uint64_t wanted = 0;
        for (kernel_id const k : queue_) {
            wanted += state_.kernel(k).cell_gpus;
        }
        std::uint64_t const each = std::max<std::uint32_t>(1, state_.host_devices());
        while (scaling_.may_grow(state_) && state_.provisioning_count() < (wanted + each - 1) / each) {
            state_.provision(out);
        }
    }

    config config_;
    Scaling scaling_;
    Placement placement_;
    cluster_state state_;
    std::vector<kernel_id> queue_; // kernels whose cells wait, in order of submission
    time_point next_scaling_{};
};
static_assert(cluster_scheduler<batch_cluster<>>);

} // namespace hpcsched::notebook

#endif
