// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_NOTEBOOK_HOST_REPLICATED_PROXY_HPP
#define HPCSCHED_NOTEBOOK_HOST_REPLICATED_PROXY_HPP

#include <hpcsched/core/result.hpp>
#include <hpcsched/notebook_host/connection_file.hpp>
#include <hpcsched/notebook_host/jupyter_message.hpp>
#include <hpcsched/raft_asio/client.hpp>

#include <cstdint>
#include <functional>
#include <string>

namespace hpcsched::notebook_host {

/// How a proxy of a replicated kernel runs.
struct replicated_proxy_config {
    connection_info front{};            ///< what the Jupyter server wants to connect to
    raft_asio::client_config cluster{}; ///< the hosts (`kernel_host`)
    std::uint32_t gpus = 0;             ///< the most that its cells will ask for
    /// Whose kernel it is. Empty: nobody says, or, with TLS, whom the client's certificate names (its first DNS name).
    std::string owner{};
    message_limits limits{};
    std::function<void(std::string const&)> complain{}; ///< one line for each notable event
};

/// What a proxy did.
struct replicated_proxy_summary {
    std::uint64_t cells = 0;
    std::uint64_t attempts = 0;    ///< to execute them: more than cells where hosts were lost
    std::uint64_t turned_away = 0; ///< messages of clients
};

/// Stands before a stock Jupyter server as its kernel, and has the cluster's hosts keep that kernel in replicas.
///
/// Clients see one kernel: one execution count, one busy and one idle for each request, the outputs of one execution. A
/// cell runs on one replica, by default where the last one ran; its reply comes when a majority of the replicas has
/// what it changed. Where the host of a cell is lost, the cell is executed once more on another, and what it had shown
/// is cleared: its effects outside the kernel may happen twice. Cells that ask for GPUs (`%gpu 2` in the first line, or
/// `{"gpus": 2}` in the metadata of the request) wait until the cluster leases some.
///
/// Requests other than cells go to the replica that executed last. The kernel is closed with its proxy: by
/// shutdown_request, SIGTERM, or a while after the proxy is gone.
///
/// Blocks until the kernel is closed. One in a process: it takes SIGINT and SIGTERM over.
/// \error the sockets cannot be bound, or the cluster refuses the kernel
[[nodiscard]] result<replicated_proxy_summary> run_replicated_proxy(replicated_proxy_config config);

} // namespace hpcsched::notebook_host

#endif
