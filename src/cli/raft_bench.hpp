// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_CLI_RAFT_BENCH_HPP
#define HPCSCHED_CLI_RAFT_BENCH_HPP

#include <hpcsched/core/time.hpp>
#include <hpcsched/raft_asio/node.hpp>

#include "raft_bench_cluster.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace hpcsched::cli {

/// What `hpcsched raft bench` measures on.
struct load_settings {
    std::vector<std::size_t> clients{1, 64};
    std::size_t bytes = 256; ///< of an entry, the session's number included
    duration warm_up = std::chrono::seconds{1};
    duration length = std::chrono::seconds{5};
    duration spin{};
    std::filesystem::path folder{};          ///< below which the logs go
    std::vector<std::string> node_options{}; ///< of the nodes that are processes of their own
    raft_asio::node_config node{};           ///< of the one in this process
    std::function<void(std::string const&)> progress;
};

struct load_result {
    std::size_t clients = 0;
    double per_second = 0;
    latency_summary latency{};
    std::uint64_t lost = 0; ///< commands whose end is not known
};

/// Three processes: this one leads, and the clients are in it.
[[nodiscard]] std::vector<load_result> bench_in_leader(load_settings const& s);
/// Three processes, and this one as their client.
[[nodiscard]] std::vector<load_result> bench_from_outside(load_settings const& s);

struct failover_result {
    std::size_t kills = 0;
    std::vector<std::int64_t> gaps_ns{}; ///< without an acknowledgement, around each kill
    std::uint64_t acknowledged = 0;
    std::uint64_t lost = 0;    ///< acknowledged, and not in the final state
    std::uint64_t doubled = 0; ///< in the final state more often than acknowledged
};

/// Three processes under load; the leader is killed again and again.
[[nodiscard]] failover_result bench_failover(load_settings const& s, std::size_t kills);

struct idle_result {
    std::size_t groups = 0;
    double seconds_to_rest = 0; ///< from the start until all groups have a leader and rest
    double cpu_share = 0;       ///< of one core, the busiest of the three processes
    double bytes_per_group = 0; ///< resident, against the same process with one group; the largest of the three
};

/// Three processes with many groups that have nothing to do.
[[nodiscard]] idle_result bench_idle(load_settings const& s, std::size_t groups, duration length);

} // namespace hpcsched::cli

#endif
