// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_RAFT_MESSAGE_HPP
#define HPCSCHED_RAFT_MESSAGE_HPP

#include <hpcsched/raft/types.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <variant>

namespace hpcsched::raft {

/// RequestVote (Raft paper, section 5.2), and its trial run (`pre_vote`; thesis, section 9.6).
struct vote_request {
    log_index last_index = 0;
    log_term last_term = 0;
    bool pre_vote = false; ///< nobody's term or vote changes; the message's term is the one that would come
    bool transfer = false; ///< the old leader asked for this election: a leader just heard of is no reason to refuse
};

/// The answer. A granted pre-vote carries the term that it was asked for, every other answer the sender's.
struct vote_response {
    bool pre_vote = false;
    bool granted = false;
};

/// AppendEntries (Raft paper, section 5.3).
struct append_request {
    log_index previous_index = 0;
    log_term previous_term = 0;
    log_index commit = 0;
    std::uint64_t round = 0;          ///< the leader's newest round of heartbeats, to be echoed
    std::span<entry const> entries{}; ///< consecutive, from previous_index + 1; borrowed
    bool without_commands = false;    ///< to a witness: commands arrive as `omitted`, without their payload
};

/// The answer.
struct append_response {
    bool rejected = false;
    log_index matched = 0;  ///< accepted: both logs agree up to here, and the sender has it durably. Rejected: the
                            ///< last place where they may agree
    log_term hint_term = 0; ///< rejected: the sender's term at `matched`
    log_index asked = 0;    ///< rejected: the previous_index refused
    log_index commit = 0;   ///< rejected: what the sender knows to be committed, and so in every leader's log
    std::uint64_t round = 0;
};

/// Keeps a follower from an election; AppendEntries without the consistency check.
struct heartbeat {
    log_index commit = 0;    ///< no more than the follower is known to have
    std::uint64_t round = 0; ///< 0: tells the commit index and wants no answer
    bool quiesce = false;    ///< nothing is left to do: wait for no further heartbeat
};

struct heartbeat_response {
    std::uint64_t round = 0;
    log_index verified = 0; ///< both logs are known to agree up to here; less than the leader knows after a restart
};

/// A piece of a snapshot (InstallSnapshot; Raft paper, section 7, figure 13).
struct snapshot_chunk {
    log_index last_index = 0; ///< the snapshot replaces all entries up to this one
    log_term last_term = 0;
    std::uint64_t offset = 0;
    bool last = false;
    std::span<std::byte const> members{}; ///< an encoded `membership`; borrowed
    std::span<std::byte const> bytes{};   ///< borrowed
};

/// How far the receiver has got, durably; a sender that was cut off goes on from there.
struct snapshot_response {
    log_index last_index = 0;
    std::uint64_t next_offset = 0;
};

/// Ends a leader's office in the receiver's favour: stand for election at once (thesis, section 3.10).
struct timeout_now {};

/// A follower asks from which index on a read sees everything acknowledged before it (thesis, section 6.4).
struct read_request {
    std::uint64_t id = 0;
};

/// The answer, once the leader has made sure that it leads.
struct read_response {
    std::uint64_t id = 0;
    log_index index = 0;
};

/// A command passed on to the leader. Nothing comes back: whether it was taken shows in the log.
struct forwarded_command {
    std::span<std::byte const> payload{}; ///< borrowed
};

using message_body =
    std::variant<vote_request, vote_response, append_request, append_response, heartbeat, heartbeat_response,
                 snapshot_chunk, snapshot_response, timeout_now, read_request, read_response, forwarded_command>;

/// One message of a group. Spans in it are borrowed from whoever made it: from a replica until its next call, from a
/// transport until the receiving call returns.
struct message {
    node_id from{};
    node_id to{};
    log_term term = 0; ///< the sender's, but for pre-votes
    message_body body{};
};

} // namespace hpcsched::raft

#endif
