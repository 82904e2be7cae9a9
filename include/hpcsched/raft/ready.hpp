// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_RAFT_READY_HPP
#define HPCSCHED_RAFT_READY_HPP

#include <hpcsched/core/sink.hpp>
#include <hpcsched/raft/message.hpp>
#include <hpcsched/raft/types.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace hpcsched::raft {

/// One write of the log storage. Writes are carried out in the order of their numbers; when one and all before it are
/// durable, the host calls `replica::written` with its number, at once or any time later.
struct log_write {
    std::uint64_t number = 0;  ///< 0: there is nothing to write
    hard_state state{};        ///< to be stored in place of the last
    log_index commit = 0;      ///< to be stored along, so that a restart need not learn it anew
    log_index first_index = 0; ///< 0: no entries. Else stored entries from here on are replaced by `entries`
    std::array<std::span<entry const>, 2> entries{}; ///< one after the other; borrowed until the replica's next call

    [[nodiscard]] bool empty() const noexcept { return number == 0; }
};

/// Entries that a follower lacks and that are no longer in memory: the host reads them from the log storage and calls
/// `replica::fetched`, or `replica::fetch_failed` where a snapshot has replaced them.
struct fetch {
    node_id peer{};
    log_index first_index = 0;
    std::size_t count_max = 0;
    std::size_t bytes_max = 0;
};

/// A piece of the newest snapshot to send: the host calls `replica::snapshot_read`.
struct snapshot_read_request {
    node_id peer{};
    log_index last_index = 0; ///< of the snapshot begun with; 0: the newest. Another one is sent from its start
    std::uint64_t offset = 0;
    std::size_t bytes_max = 0;
};

/// A piece of a snapshot that came: the host stores it durably and calls `replica::snapshot_stored`.
struct snapshot_store_request {
    node_id from{};
    snapshot_chunk chunk{}; ///< its spans are borrowed from the message received
};

/// What became of a read.
struct read_outcome {
    std::uint64_t id = 0;
    log_index index = 0;    ///< the read is linearizable once the state machine has applied this entry
    bool confirmed = false; ///< false: leadership was lost; ask again
};

/// What a replica asks of its host. The host empties it by carrying everything out, then calls `clear`.
struct ready {
    /// Send at once. Nothing has to be durable first: what a message vouches for is durable already, as the replica
    /// makes those that depend on a write only after `written`.
    buffer<message> messages;

    /// Make durable. A leader's messages need not wait for it: its own vote and log count from `written` on.
    log_write write;

    /// Apply to the state machine, in order: [committed_first, committed_last]; nothing where the former is 0. They may
    /// not be durable here yet, they are on a majority. Those that `replica::log` does not hold are in the log storage.
    log_index committed_first = 0;
    log_index committed_last = 0;

    buffer<read_outcome> reads;
    buffer<fetch> fetches;
    buffer<snapshot_read_request> snapshot_reads;
    buffer<snapshot_store_request> snapshot_stores;

    [[nodiscard]] bool empty() const noexcept {
        return messages.empty() && write.empty() && committed_first == 0 && reads.empty() && fetches.empty() &&
               snapshot_reads.empty() && snapshot_stores.empty();
    }

    void clear() noexcept {
        messages.clear();
        write = {};
        committed_first = 0;
        committed_last = 0;
        reads.clear();
        fetches.clear();
        snapshot_reads.clear();
        snapshot_stores.clear();
    }

    /// Clears it, and gives the memory back.
    void release() noexcept {
        clear();
        messages.release();
        reads.release();
        fetches.release();
        snapshot_reads.release();
        snapshot_stores.release();
    }
};

} // namespace hpcsched::raft

#endif
