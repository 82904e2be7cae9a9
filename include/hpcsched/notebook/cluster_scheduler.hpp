// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_NOTEBOOK_CLUSTER_SCHEDULER_HPP
#define HPCSCHED_NOTEBOOK_CLUSTER_SCHEDULER_HPP

#include <hpcsched/core/ids.hpp>
#include <hpcsched/core/sink.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/gpu/device.hpp>
#include <hpcsched/gpu/lease.hpp>

#include <concepts>
#include <cstdint>
#include <optional>
#include <variant>

namespace hpcsched::notebook {

/// A notebook's kernel, for as long as its session is open.
using kernel_id = dense_id<struct kernel_tag>;

/// One copy of a kernel, on one host. Numbers are the kernel's own, counted up, and not used again.
using replica_id = dense_id<struct replica_tag>;

/// A cell's execution, counted up by its kernel: 1, 2, ...
using cell_number = std::uint64_t;

// --- events: what a cluster tells its scheduler ---------------------------------------------------------------

/// The first event.
struct cluster_started {
    gpu::host_info host_kind{}; ///< what a host that is provisioned will be like
};
/// A host is up: one that was asked for, or one that was there from the start.
struct host_ready {
    gpu::host_id host{};
    std::optional<gpu::host_info> what{}; ///< what it is like, where it is not of the cluster's kind
};
/// A host is gone without having been released, with all that ran on it.
struct host_lost {
    gpu::host_id host{};
};
/// A host is to be emptied, or is to be used again; for schedulers that can empty one on demand.
struct host_draining {
    gpu::host_id host{};
    bool draining = true;
};
/// A container that was asked for by `prewarm` is up.
struct container_warm {
    gpu::host_id host{};
};
/// A user opens a notebook whose cells need up to so many devices.
struct session_opened {
    kernel_id kernel{};
    std::uint32_t gpus = 1;
    std::uint32_t tenant = 0; ///< whose quota its cells count against
};
struct session_closed {
    kernel_id kernel{};
};
/// A user executes a cell. A kernel has one at a time: the next comes when this one has finished.
struct cell_submitted {
    kernel_id kernel{};
    cell_number cell = 0;
    std::uint32_t gpus = 1;
};
/// A cell that was told to run is over, its reply sent, its devices idle.
struct cell_finished {
    kernel_id kernel{};
    cell_number cell = 0;
};
/// A cell is not wanted any more that was submitted and does not run; for schedulers that can take one back.
struct cell_withdrawn {
    kernel_id kernel{};
    cell_number cell = 0;
};
/// A replica that was told to start has the kernel's state.
struct replica_ready {
    kernel_id kernel{};
    replica_id replica{};
};
/// The time asked for by `wake_at` has come.
struct scheduler_woken {};

// --- commands: what a scheduler asks of its cluster -----------------------------------------------------------

/// Provision a host of the cluster's kind; `host_ready` tells when it is up.
struct provision_host {
    gpu::host_id host{};

    friend bool operator==(provision_host const&, provision_host const&) = default;
};
/// Give a host back; nothing lives on it any more.
struct release_host {
    gpu::host_id host{};

    friend bool operator==(release_host const&, release_host const&) = default;
};
/// Start an empty container for a replica to come.
struct prewarm {
    gpu::host_id host{};

    friend bool operator==(prewarm const&, prewarm const&) = default;
};
/// Start a replica, in a container that waits there where `warm`; `replica_ready` tells when it has the state.
struct start_replica {
    kernel_id kernel{};
    replica_id replica{};
    gpu::host_id host{};
    bool warm = false;
    bool empty = false; ///< the kernel has no state yet

    friend bool operator==(start_replica const&, start_replica const&) = default;
};
struct stop_replica {
    kernel_id kernel{};
    replica_id replica{};
    gpu::host_id host{};

    friend bool operator==(stop_replica const&, stop_replica const&) = default;
};
/// Execute the cell here, with these devices; `cell_finished` tells when it is over.
struct run_cell {
    kernel_id kernel{};
    cell_number cell = 0;
    replica_id replica{};
    gpu::host_id host{};
    gpu::device_mask devices = 0;
    gpu::lease_token lease = 0;
    bool loads_state = false; ///< the container has nothing of the kernel yet, and must give it back after the cell

    friend bool operator==(run_cell const&, run_cell const&) = default;
};
/// Ask for `scheduler_woken` at `at`; replaces what was asked for before.
struct wake_at {
    time_point at{};

    friend bool operator==(wake_at const&, wake_at const&) = default;
};

using cluster_command =
    std::variant<provision_host, release_host, prewarm, start_replica, stop_replica, run_cell, wake_at>;
using cluster_command_sink = sink<cluster_command>;
using cluster_command_buffer = buffer<cluster_command>;

namespace detail {

template <class S, class Event>
concept schedules_after = requires(S& s, Event const& e, time_point now, cluster_command_sink& out) {
    { s.handle(e, now, out) } -> std::same_as<void>;
};
/// Part of cluster_scheduler: knows hosts.
template <class S>
concept follows_hosts = schedules_after<S, cluster_started> && schedules_after<S, host_ready> &&
                        schedules_after<S, host_lost> && schedules_after<S, container_warm>;
/// Part of cluster_scheduler: knows sessions.
template <class S>
concept follows_sessions =
    schedules_after<S, session_opened> && schedules_after<S, session_closed> && schedules_after<S, replica_ready>;
/// Part of cluster_scheduler: runs cells.
template <class S>
concept runs_cells = schedules_after<S, cell_submitted> && schedules_after<S, cell_finished>;
/// Part of cluster_scheduler: may act by the clock.
template <class S>
concept wakes_up = schedules_after<S, scheduler_woken>;
/// Not part of cluster_scheduler: takes cells back.
template <class S>
concept withdraws_cells = schedules_after<S, cell_withdrawn>;
/// Not part of cluster_scheduler: empties hosts on demand.
template <class S>
concept drains_hosts = schedules_after<S, host_draining>;

} // namespace detail

/// Decides where notebooks live, where their cells run, and how many hosts there are.
///
/// For a scheduler `s`, an event `e`, the time `now` and a sink `out`:
///
/// | expression              | effect                                                         |
/// |-------------------------|----------------------------------------------------------------|
/// | `s.handle(e, now, out)` | updates s; appends commands to `out` in the order to carry out |
///
/// Semantics (not checked by the compiler):
/// 1. Deterministic: equal s, e, now give equal commands.
/// 2. `now` never decreases between calls; `cluster_started` comes first.
/// 3. A cell runs on one replica at a time, on a host that is up, with devices that nobody else has. A cell whose host
///    is lost is run once more, elsewhere.
/// 4. A host is released only when no replica and no lease is on it.
/// 5. Never blocks, reads no clock, draws no randomness that it was not given.
///
/// \thread_safety none; confine to the driver's thread
///
/// Minimal model: hpcsched/testing/archetypes/cluster_scheduler.hpp.
/// Conformance: hpcsched/testing/conformance/cluster_scheduler.hpp.
template <class S>
concept cluster_scheduler = std::movable<S> && detail::follows_hosts<S> && detail::follows_sessions<S> &&
                            detail::runs_cells<S> && detail::wakes_up<S>;

} // namespace hpcsched::notebook

#endif
