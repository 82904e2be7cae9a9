// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_NOTEBOOK_SIM_CLUSTER_CONFIG_HPP
#define HPCSCHED_NOTEBOOK_SIM_CLUSTER_CONFIG_HPP

#include <hpcsched/core/time.hpp>
#include <hpcsched/gpu/device.hpp>

#include <chrono>
#include <cstdint>

namespace hpcsched::notebook_sim {

/// A time that varies: normal, cut off at 0.
struct varying_time {
    duration mean{};
    duration deviation{};
};

/// How a scheduler's kernels agree on who runs a cell, which is the system's property, not the cluster's.
struct kernel_protocol {
    /// Sequential commits before a cell's code starts. NotebookOS: the proposals, the decision, the votes. In one: the
    /// log's order decides. 0: one replica, nothing to agree on.
    std::uint32_t commits_before_start = 1;
    /// A replica that moves writes its state to the store first, and the new one reads it from there. Otherwise the new
    /// one is sent it by the others.
    bool moves_through_store = false;
};

/// What a cluster of notebooks is made of, and what everything takes there.
///
/// The defaults are NotebookOS's figures where it published any; the others are assumptions and said to be.
struct cluster_config {
    gpu::host_info host_kind = gpu::uniform_host(); ///< eight devices

    /// From the command to a host that is up, and from release to its being gone.
    /// \source NotebookOS's prototype, its emulated provisioning: N(15 s, 2 s) and N(10 s, 1 s)
    varying_time provisioning{std::chrono::seconds{15}, std::chrono::seconds{2}};
    varying_time releasing{std::chrono::seconds{10}, std::chrono::seconds{1}};

    /// A container and a kernel's process in it, from nothing: an assumption; NotebookOS published none.
    duration cold_start = std::chrono::seconds{15};
    /// A container that waits becomes a kernel's: an assumption.
    duration warm_start = std::chrono::seconds{1};

    /// Large state from and to the store: exponential, so that 99 % take at most this.
    /// \source NotebookOS: 99 % of reads within 3.95 s, of writes within 7.07 s
    duration store_read_p99 = std::chrono::milliseconds{3950};
    duration store_write_p99 = std::chrono::milliseconds{7070};

    /// One commit of a small entry in a kernel's group: an assumption, of one data centre.
    duration commit = std::chrono::milliseconds{5};
    /// A model's parameters onto the devices before a cell: an assumption, 1 GB through pinned memory.
    duration device_load = std::chrono::milliseconds{100};

    /// A session is opened so long before its first cell.
    duration session_lead = std::chrono::seconds{60};

    /// Mean time between losses of one host; `unlimited`: none is lost.
    duration host_lifetime = unlimited;

    /// Nothing that happens later counts, and the run ends there; `never`: when the last cell is over.
    time_point until = never;

    std::uint64_t seed = 1;
};

} // namespace hpcsched::notebook_sim

#endif
