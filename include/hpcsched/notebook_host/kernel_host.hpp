// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_NOTEBOOK_HOST_KERNEL_HOST_HPP
#define HPCSCHED_NOTEBOOK_HOST_KERNEL_HOST_HPP

#include <hpcsched/core/result.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/gpu/device.hpp>
#include <hpcsched/notebook/kernel_replica.hpp>
#include <hpcsched/notebook/standing_cluster.hpp>
#include <hpcsched/raft_asio/event_loop.hpp>
#include <hpcsched/raft_asio/network_config.hpp>
#include <hpcsched/raft_log/journal.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace hpcsched::notebook_host {

/// As whom kernels run; the same on all hosts.
struct kernel_users {
    enum class kind : std::uint8_t {
        own = 0,   ///< as the user of the host's process, whoever asks
        named = 1, ///< as `name`, whoever asks; needs root
        /// As the user of this system whose name the client's certificate carries as a DNS name; needs root, and TLS.
        /// Who opened a kernel is the only one to reach it. What concerns hosts (draining one) is for who carries
        /// `operator_name`. Nobody's kernels run as root.
        of_certificate = 2,
    };
    kind of = kind::own;
    std::string name{};

    static constexpr char const* operator_name = "operator";
};

/// How a host of notebook kernels runs.
struct kernel_host_config {
    raft_asio::network_config network{}; ///< this node, and all nodes of the cluster
    raft_log::journal_config log{};      ///< its cluster and node are those of `network`
    duration election_timeout = std::chrono::seconds{1};
    /// By which policies the cluster goes: those of the host that comes first, and the cluster's log keeps them. One
    /// that comes with others says so and goes by the cluster's; where it wants another number of replicas, it takes no
    /// part.
    notebook::standing_policies policies{};
    bool changes_policies = false; ///< a cluster that goes by others goes by these once this host has come
    /// When a replica that is chosen starts a cell; hosts may differ in it.
    notebook::start_after start = notebook::start_after::request;
    gpu::host_info devices{}; ///< what this host has for cells
    /// What CUDA_VISIBLE_DEVICES calls each of the devices, as their UUIDs; empty: their numbers.
    std::vector<std::string> device_names{};
    kernel_users users{};
    /// An interpreter that nobody has needed for so long ends, and with it what it holds of memory, a device's
    /// included; the next use of the kernel starts another from the log. One that has what the log has not stays:
    /// values that are not replicated, threads, open comms, another folder or environment. Modules are not looked into:
    /// what was set in one (a seed, an option) is as in a new interpreter then. Hosts may differ in it. Unlimited:
    /// never.
    duration reclaim_after = unlimited;
    /// The program of a replica; "{connection_file}" and "{folder}" stand for the file and the folder that are made for
    /// it, in which the package hpcsched_kernel is.
    std::vector<std::string> interpreter{"python3", "{folder}/hpcsched_kernel", "-f", "{connection_file}"};
    /// Where large values go, as for `chunk_store::open`; the same on all hosts. Empty: nowhere, they are not
    /// replicated.
    std::string store{};
    std::string store_library{};                       ///< the path of hpcsched_chunks, which interpreters load
    duration store_interval = std::chrono::minutes{5}; ///< between two looks for what can go from it
    duration store_age = std::chrono::minutes{15};     ///< what was put since then stays
    std::size_t warm = 1;                              ///< interpreters that are started ahead, for kernels to come
    duration host_limit = std::chrono::seconds{5};     ///< a host that cannot be reached for so long is lost
    duration orphan_limit = std::chrono::minutes{10};  ///< a kernel without a proxy for so long is closed
    std::string page{};                                ///< "ADDRESS:PORT" of a page that shows the cluster; empty: none
    std::string page_token{};                      ///< what the page asks for; needed where other machines can reach it
    std::function<void(std::string const&)> say{}; ///< one line for each notable event
};

/// One host of a cluster of replicated notebook kernels: a Raft node whose groups keep the cluster's scheduler and the
/// logs of the kernels that live here, and the interpreters of those.
///
/// The scheduler is a replicated state machine, and every host carries out what it decides for that host: it compares
/// what should be here with what is, so nothing is lost when it starts again. Kernels' proxies (`replicated_proxy`)
/// attach to the hosts of a kernel; a cell that one of them asks for runs here if the kernel's log agrees.
///
/// \source NotebookOS (ASPLOS 2026): its local daemons and its cluster gateway, in one; there the gateway is one
///         process whose state is lost with it
/// \thread_safety none; confine to the loop's thread
class kernel_host {
  public:
    /// Opens the log, listens, and takes over the loop's turns.
    /// \error the configuration, the log or the network: which, and what would help
    [[nodiscard]] static result<std::unique_ptr<kernel_host>> open(raft_asio::event_loop& loop,
                                                                   kernel_host_config config);

    kernel_host(kernel_host const&) = delete;
    kernel_host& operator=(kernel_host const&) = delete;
    ~kernel_host(); ///< ends the interpreters

    /// The port it listens on.
    [[nodiscard]] std::uint16_t port() const noexcept;
    /// The port of the page; 0: there is none.
    [[nodiscard]] std::uint16_t page_port() const noexcept;
    /// Why it has stopped for good; empty while it works.
    [[nodiscard]] std::string const& failure() const noexcept;

  private:
    class state;
    explicit kernel_host(std::unique_ptr<state> made) noexcept;
    std::unique_ptr<state> state_;
};

} // namespace hpcsched::notebook_host

#endif
