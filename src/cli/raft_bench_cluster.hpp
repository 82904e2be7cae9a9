// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_CLI_RAFT_BENCH_CLUSTER_HPP
#define HPCSCHED_CLI_RAFT_BENCH_CLUSTER_HPP

#include <hpcsched/core/time.hpp>
#include <hpcsched/raft_asio/client.hpp>
#include <hpcsched/raft_asio/network_config.hpp>

#include <netinet/in.h>
#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace hpcsched::cli {

/// A TCP socket on a free port of the loopback interface, and its address. \error as `failure`
[[nodiscard]] int bind_to_loopback(sockaddr_in& address);

/// A folder that is gone with the object.
class scratch_folder {
  public:
    /// \param where  below which; empty: below the system's folder of temporary files
    explicit scratch_folder(std::filesystem::path const& where);
    scratch_folder(scratch_folder const&) = delete;
    scratch_folder& operator=(scratch_folder const&) = delete;
    ~scratch_folder();

    [[nodiscard]] std::filesystem::path const& path() const noexcept { return path_; }

  private:
    std::filesystem::path path_;
};

/// Processes that run `hpcsched raft serve`, on ports of the loopback interface that were free. They end with the
/// object, and with this process however that ends.
class child_cluster {
  public:
    /// \param more  options of each node, beside its identity and place
    child_cluster(std::uint32_t nodes, std::filesystem::path folder, std::vector<std::string> more);
    child_cluster(child_cluster const&) = delete;
    child_cluster& operator=(child_cluster const&) = delete;
    ~child_cluster();

    void start(std::uint32_t id);
    /// Ends it at once (SIGKILL), and waits until it is gone.
    void kill(std::uint32_t id);

    [[nodiscard]] std::vector<raft_asio::peer> const& nodes() const noexcept { return nodes_; }
    /// As `--nodes` wants it.
    [[nodiscard]] std::string const& list() const noexcept { return list_; }
    [[nodiscard]] std::filesystem::path data(std::uint32_t id) const;
    [[nodiscard]] pid_t process(std::uint32_t id) const { return running_.at(id); }

  private:
    std::filesystem::path folder_;
    std::vector<std::string> more_;
    std::vector<raft_asio::peer> nodes_;
    std::string list_;
    std::map<std::uint32_t, pid_t> running_;
};

/// What one node says of a group.
struct node_status {
    bool answered = false;
    std::string role{};
    std::uint32_t leader = 0;
    std::uint64_t term = 0;
    std::uint64_t applied = 0;
    std::uint64_t commit = 0;
};

[[nodiscard]] node_status ask_status(raft_asio::peer const& node, raft::group_id group, duration wait);

/// The shares of a sorted sample.
struct latency_summary {
    double p50_us = 0;
    double p99_us = 0;
    double p999_us = 0;
    double max_us = 0;
};
[[nodiscard]] latency_summary summarize(std::vector<std::int64_t>& nanoseconds);

} // namespace hpcsched::cli

#endif
