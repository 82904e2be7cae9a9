// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_FAAS_HOST_LAUNCHER_HPP
#define HPCSCHED_FAAS_HOST_LAUNCHER_HPP

#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>

#include "spawn.hpp"
#include "worker_group.hpp"

#include <functional>
#include <string>

namespace hpcsched::faas_host::detail {

/// What a worker's process needs besides what `spawn_request` says of it.
struct launch_request {
    spawn_request process{}; ///< its descriptors are owned by the launch, and closed when it is over
    std::string group_name{};
    std::uint64_t memory = 0;    ///< bytes; 0: no limit
    std::uint64_t processes = 0; ///< 0: no limit
};

struct launched {
    spawned_process process{};
    worker_group group{};
};

/// Starts processes on a thread of its own, so that the loop that serves waits neither for a program to be read from a
/// disk nor for control groups to be made and removed. The processes live no longer than that thread.
class launcher {
  public:
    using told = std::function<void(result<launched>)>;

    /// \param is_urgent  the thread keeps up with real-time workers, where that is allowed
    launcher(boost::asio::io_context& loop, bool is_urgent);
    launcher(launcher const&) = delete;
    launcher& operator=(launcher const&) = delete;
    ~launcher(); ///< after all that it was asked for

    /// `tell` is called in the loop.
    void launch(launch_request request, told tell);

    /// Kills what is left in the groups, and removes them.
    void dispose(worker_group group);

    [[nodiscard]] std::string memory_limit() const;
    [[nodiscard]] std::string process_limit() const;
    [[nodiscard]] std::string isolation() const;
    [[nodiscard]] bool has_namespaces() const noexcept { return has_namespaces_; }

  private:
    [[nodiscard]] result<launched> launch_now(launch_request& request) const;

    boost::asio::io_context& loop_;
    worker_groups groups_;
    bool has_namespaces_;
    boost::asio::thread_pool thread_{1};
};

} // namespace hpcsched::faas_host::detail

#endif
