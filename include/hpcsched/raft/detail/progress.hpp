// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_RAFT_DETAIL_PROGRESS_HPP
#define HPCSCHED_RAFT_DETAIL_PROGRESS_HPP

#include <hpcsched/core/time.hpp>
#include <hpcsched/raft/types.hpp>

#include <cstdint>

namespace hpcsched::raft::detail {

// How a leader sends to one follower.
enum class send_state : std::uint8_t {
    probe,     // where the logs part is not known: one message per heartbeat interval
    replicate, // it is known: entries go out before the last ones are acknowledged
    snapshot,  // the follower is behind the start of the log
};

enum class ballot : std::uint8_t { none, granted, refused };

// What a leader or candidate knows of one member.
struct progress {
    log_index match = 0;         // both logs agree up to here, durably
    log_index next = 1;          // the next entry to send
    log_index commit_sent = 0;   // the newest commit index told
    log_index match_at_beat = 0; // match when the last heartbeat went out
    log_index probed = 0;        // the newest entry that the last probe carried
    std::uint64_t round = 0;     // newest round of heartbeats answered
    std::uint64_t snapshot_offset = 0;
    log_index snapshot_index = 0; // of the snapshot being sent; 0: none begun
    time_point heard{};           // when it last answered
    std::uint32_t stalled_beats = 0;
    send_state state = send_state::probe;
    ballot vote = ballot::none;
    bool paused = false;   // waits for an answer before it is sent more
    bool fetching = false; // entries for it are being read from the log storage

    void probe_from(log_index index) noexcept {
        state = send_state::probe;
        next = index;
        probed = 0;
        paused = false;
        stalled_beats = 0;
    }
};

} // namespace hpcsched::raft::detail

#endif
