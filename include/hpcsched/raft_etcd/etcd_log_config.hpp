// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_RAFT_ETCD_ETCD_LOG_CONFIG_HPP
#define HPCSCHED_RAFT_ETCD_ETCD_LOG_CONFIG_HPP

#include <hpcsched/core/result.hpp>
#include <hpcsched/core/time.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace hpcsched::raft_etcd {

/// Which etcd, and where in it. All replicas of a log must have the same `prefix`, `entry_bytes_max` and snapshot
/// rules.
struct etcd_log_config {
    /// Members of one etcd, "http://HOST:PORT" or "https://HOST:PORT", [HOST] for IPv6; another is tried when one
    /// fails.
    std::vector<std::string> endpoints{"http://127.0.0.1:2379"};
    std::string prefix = "/hpcsched/log"; ///< of this log's keys; nobody else may write below it

    std::string user{}; ///< of etcd's authentication; empty: none
    std::string password{};
    std::string authority{};   ///< PEM file of who signed the servers' certificates; empty: whom the system trusts
    std::string certificate{}; ///< PEM file of this client's; empty: none
    std::string key{};         ///< PEM file, for `certificate`

    std::size_t entry_bytes_max = std::size_t{1} << 20U;    ///< below etcd's --max-request-bytes, 1.5 MiB by default
    std::size_t waiting_bytes_max = std::size_t{16} << 20U; ///< payloads taken and not yet in the log
    std::size_t barriers_max = 4096;                        ///< waiting at one time
    std::size_t batch_entries_max = 100; ///< of one transaction; two below etcd's --max-txn-ops, 128 by default
    std::size_t batch_bytes_max = std::size_t{1} << 20U; ///< their payloads; one entry is sent in any case

    std::uint64_t snapshot_every = 10'000;  ///< entries since the last snapshot; 0: never
    std::uint64_t snapshot_trailing = 1000; ///< entries kept behind it, for replicas that are a little late
    std::size_t snapshot_piece_bytes = std::size_t{512} << 10U; ///< below etcd's --max-request-bytes
    std::size_t writers_max = 10'000; ///< of whose last append etcd keeps a note; beyond, the oldest notes go

    duration request_timeout = std::chrono::seconds{5}; ///< then the connection is given up, and another endpoint tried
    duration backoff_min = std::chrono::milliseconds{10};
    duration backoff_max = std::chrono::seconds{1};
    duration look_every = std::chrono::seconds{2}; ///< how often an idle log makes sure that its watch still lives
};

/// Whether the fields of `config` make sense, and agree with each other.
[[nodiscard]] result<void> validate(etcd_log_config const& config);

} // namespace hpcsched::raft_etcd

#endif
