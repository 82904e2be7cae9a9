// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_RAFT_TYPES_HPP
#define HPCSCHED_RAFT_TYPES_HPP

#include <hpcsched/core/assert.hpp>
#include <hpcsched/core/ids.hpp>
#include <hpcsched/core/result.hpp>

#include <cstddef>
#include <cstdint>
#include <span>

namespace hpcsched::raft {

/// A server of a group. 0 names none (`no_node`).
using node_id = dense_id<struct node_tag>;

/// A group of servers with one log. A process can have a server of many groups.
using group_id = dense_id<struct group_tag>;

/// "No server": an unknown leader, a vote not yet given.
inline constexpr node_id no_node{0};

/// A term of the Raft paper: 0 before the first election, never decreases on a server.
using log_term = std::uint64_t;

/// A place in the log; the first entry has index 1.
using log_index = std::uint64_t;

enum class entry_kind : std::uint8_t {
    no_op,      ///< a new leader's first entry; changes nothing
    command,    ///< a command of the state machine
    membership, ///< an encoded `membership`, in force from the moment it is in a server's log
    omitted,    ///< a command as a witness has it: that it was there, not what it said
};

/// One entry of the log. The payload is borrowed: whoever hands an entry out says how long it stays.
struct entry {
    log_index index = 0;
    log_term term = 0;
    entry_kind kind = entry_kind::no_op;
    std::span<std::byte const> payload{};
};

/// What a server must not forget over a restart beside its log (Raft paper, figure 2, "persistent state").
struct hard_state {
    log_term term = 0;
    node_id voted_for = no_node;

    friend bool operator==(hard_state const&, hard_state const&) = default;
};

enum class role : std::uint8_t {
    follower,
    pre_candidate, ///< asks whether an election could be won, without a new term (thesis, section 9.6)
    candidate,
    leader,
};

/// Why a replica refused what it was asked for. Nothing has changed then.
enum class errc : std::uint8_t {
    not_leader = 1,     ///< ask the leader (`replica::leader`)
    leaving_office,     ///< leadership is being transferred; ask again when there is a leader
    no_leader,          ///< no leader is known; ask again later
    quota_exceeded,     ///< too much is proposed and not yet committed; ask again when entries commit
    entry_too_large,    ///< above `replica_config::entry_bytes_max`
    change_in_progress, ///< the last membership change is not complete, or the leader has committed nothing yet
    invalid_change,     ///< the membership that would result has no voter, too many members, or names a wrong one
    too_many_reads,     ///< `replica_config::reads_max` reads wait
    witness,            ///< this server has no data to read from
};

/// Found by Boost.System when `value()` is called on a failed result: a broken contract.
[[noreturn]] inline void throw_exception_from_error(errc /*failure*/, boost::source_location const& where) {
    hpcsched::detail::contract_broken("value() of a failed result", where.file_name(), static_cast<int>(where.line()));
}

} // namespace hpcsched::raft

#endif
