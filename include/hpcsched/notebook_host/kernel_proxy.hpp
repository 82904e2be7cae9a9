// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_NOTEBOOK_HOST_KERNEL_PROXY_HPP
#define HPCSCHED_NOTEBOOK_HOST_KERNEL_PROXY_HPP

#include <hpcsched/core/result.hpp>
#include <hpcsched/notebook_host/connection_file.hpp>
#include <hpcsched/notebook_host/jupyter_message.hpp>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace hpcsched::notebook_host {

/// How a kernel proxy runs.
struct kernel_proxy_config {
    connection_info front{}; ///< what the Jupyter server wants to connect to
    /// The kernel behind it; "{connection_file}" stands for the file that the proxy writes for it.
    std::vector<std::string> kernel{"python3", "-m", "ipykernel_launcher", "-f", "{connection_file}"};
    message_limits limits{};
    /// Is told of each message that was turned away, and why.
    std::function<void(std::string const&)> complain{};
};

/// What a proxy did.
struct kernel_proxy_summary {
    int kernel_status = 0;         ///< its exit status; 128 + signal where one ended it
    std::uint64_t forwarded = 0;   ///< messages, both ways
    std::uint64_t turned_away = 0; ///< from clients
};

/// Stands between a stock Jupyter server and a stock kernel, which it starts: to the server it is the kernel.
///
/// Messages of clients are checked (signature, replay, size) and signed anew for the kernel, whose sockets are in a
/// folder that only this user can enter; those of the kernel are signed for the clients. Heartbeats are answered here.
/// SIGINT goes to the kernel; SIGTERM ends both, and so does the kernel's own end. A kernel does not outlive its proxy.
///
/// Blocks until the kernel has ended. One in a process: it takes SIGINT and SIGTERM over.
/// \error the sockets cannot be bound, or the kernel cannot be started
[[nodiscard]] result<kernel_proxy_summary> run_kernel_proxy(kernel_proxy_config const& config);

} // namespace hpcsched::notebook_host

#endif
