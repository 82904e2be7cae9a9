// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_NOTEBOOK_HOST_CLUSTER_STATUS_HPP
#define HPCSCHED_NOTEBOOK_HOST_CLUSTER_STATUS_HPP

#include <hpcsched/core/result.hpp>
#include <hpcsched/raft_asio/client.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hpcsched::notebook_host {

/// One host of a cluster, as the cluster's log has it.
struct host_status {
    std::uint32_t node = 0;
    std::string address{};
    bool up = false;
    bool draining = false; ///< what lives there moves away
    std::uint32_t gpus = 0;
    std::uint32_t gpus_free = 0;
    double gpus_subscribed = 0; ///< what the kernels with a replica there may ask for, together
    std::uint32_t kernels = 0;  ///< with a replica there
};

/// One kernel, as the cluster's log has it, and, where the host that was asked has a replica, as the kernel's has.
struct kernel_status {
    std::string name{};
    std::uint32_t gpus = 0;                                 ///< the most that its cells ask for
    std::vector<std::pair<std::uint32_t, bool>> replicas{}; ///< the host, and whether it is ready there
    std::uint64_t cells = 0;                                ///< that are over
    bool running = false;
    bool waits = false; ///< a cell, for GPUs
    std::optional<std::uint32_t> leased_on{};
    std::vector<std::uint32_t> devices{}; ///< of the lease
    std::string interpreter{};            ///< of the host that was asked: runs, starts or ended; empty: it has none
};

/// A cluster as one of its hosts sees it.
struct cluster_status {
    std::uint32_t asked = 0;  ///< the host
    std::uint32_t leader = 0; ///< of the group that keeps the scheduler; 0: none is known
    std::string policies{};   ///< by which it goes, in words
    std::vector<host_status> hosts{};
    std::vector<kernel_status> kernels{};
    std::string json{}; ///< the same, as the host said it
};

/// \error what is missing
[[nodiscard]] result<cluster_status> parse_status(std::string_view json);

/// Asks the hosts, one after the other, until one answers.
/// \error nobody answers
[[nodiscard]] result<cluster_status> ask_status(raft_asio::client_config const& cluster);

/// Asks host `node` to be emptied, or, where not `draining`, to be used again. What lives there moves as there is room
/// elsewhere: `ask_status` shows how far it is.
/// \error the host is none of the cluster's, or does not answer
[[nodiscard]] result<void> ask_drain(raft_asio::client_config const& cluster, std::uint32_t node, bool draining);

} // namespace hpcsched::notebook_host

#endif
