// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_RAFT_REPLICA_CONFIG_HPP
#define HPCSCHED_RAFT_REPLICA_CONFIG_HPP

#include <hpcsched/core/result.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/raft/membership.hpp>
#include <hpcsched/raft/types.hpp>

#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace hpcsched::raft {

/// How a leader makes sure that it still leads before it answers a read (thesis, section 6.4).
enum class read_mode : std::uint8_t {
    quorum, ///< a round of heartbeats per batch of reads; safe whatever clocks do
    lease,  ///< none while a majority has answered within the lease; safe while clocks drift less than `lease_margin`
};

/// Of one replica. All servers of a group should have the same times.
struct replica_config {
    node_id id{};
    std::uint64_t seed = 1; ///< of the election timeouts; must differ between the servers of a group

    /// A follower that hears of no leader for a time drawn from [1, 2) of this stands for election. Well above the
    /// round trip and the time of a durable write.
    duration election_timeout = std::chrono::milliseconds{1000};
    duration heartbeat_interval = std::chrono::milliseconds{100};

    bool pre_vote = true;     ///< a server that was cut off does not depose the leader when it comes back
    bool check_quorum = true; ///< a leader that hears from no majority for an election timeout steps down
    read_mode reads = read_mode::quorum;
    duration lease_margin = std::chrono::milliseconds{100}; ///< what a lease is shorter than the election timeout

    std::size_t window_entries = 4096;                ///< entries held in memory; a power of two
    std::size_t window_bytes = std::size_t{4} << 20U; ///< their payloads; a power of two
    std::size_t entry_bytes_max = std::size_t{1} << 20U;
    std::size_t append_entries_max = 256; ///< of one message
    std::size_t append_bytes_max = std::size_t{256} << 10U;
    std::size_t inflight_entries_max = 2048; ///< sent to one follower and not yet acknowledged
    std::size_t inflight_bytes_max = std::size_t{2} << 20U;
    std::size_t uncommitted_bytes_max = std::size_t{2} << 20U; ///< proposed and not yet committed
    std::size_t snapshot_chunk_bytes = std::size_t{256} << 10U;
    std::size_t reads_max = 4096; ///< waiting at one time

    /// A leader with nothing to do for this long lets the group rest: no heartbeats, no timers. 0: never.
    duration quiesce_after{};
};

/// What a server has on its disk when it starts.
struct stored_state {
    hard_state state{};
    log_index commit = 0;         ///< as written along with the last write; may be behind
    log_index snapshot_index = 0; ///< the log begins behind this entry; 0 where there is no snapshot
    log_term snapshot_term = 0;
    membership members{}; ///< as of the snapshot; of a new group: who founds it
};

/// Whether the fields of `config` agree with each other.
[[nodiscard]] inline result<void> validate(replica_config const& config) {
    auto const fail = [](char const* why) { return error{std::string{"replica_config: "} + why}; };
    if (config.id == no_node) {
        return fail("id must not be 0");
    }
    if (config.heartbeat_interval <= duration{} || config.heartbeat_interval * 2 > config.election_timeout) {
        return fail("heartbeat_interval must be above 0 and at most half of election_timeout");
    }
    if (config.reads == read_mode::lease &&
        (!config.check_quorum || config.lease_margin <= duration{} || config.lease_margin >= config.election_timeout)) {
        return fail("lease reads need check_quorum and a lease_margin between 0 and election_timeout");
    }
    if (!std::has_single_bit(config.window_entries) || !std::has_single_bit(config.window_bytes) ||
        config.window_entries < 4) {
        return fail("window_entries (at least 4) and window_bytes must be powers of two");
    }
    if (config.entry_bytes_max > config.window_bytes / 2 || config.uncommitted_bytes_max > config.window_bytes) {
        return fail("entry_bytes_max must be at most half of window_bytes, uncommitted_bytes_max at most all of it");
    }
    if (config.append_entries_max == 0 || config.inflight_entries_max == 0 || config.snapshot_chunk_bytes == 0) {
        return fail("append_entries_max, inflight_entries_max and snapshot_chunk_bytes must be above 0");
    }
    return {};
}

} // namespace hpcsched::raft

#endif
