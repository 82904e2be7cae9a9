// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_RAFT_REPLICA_INTERFACE_HPP
#define HPCSCHED_RAFT_REPLICA_INTERFACE_HPP

#include <hpcsched/core/assert.hpp>
#include <hpcsched/core/hash.hpp>
#include <hpcsched/core/result.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/raft/detail/progress.hpp>
#include <hpcsched/raft/log_window.hpp>
#include <hpcsched/raft/membership.hpp>
#include <hpcsched/raft/message.hpp>
#include <hpcsched/raft/ready.hpp>
#include <hpcsched/raft/replica_config.hpp>
#include <hpcsched/raft/types.hpp>

#include <boost/container/small_vector.hpp>
#include <boost/container/static_vector.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <variant>
#include <vector>

/// \file
/// The class `replica` and its contract. Programs include replica.hpp, which has the bodies too.

namespace hpcsched::raft {

/// One server of a Raft group: what it knows and decides, without a clock, a disk, a network or a state machine.
///
/// The host hands it events (`tick`, `receive`, `written`, `propose`, ...) as they come, any number of them, then calls
/// `flush` and carries out what `ready` says. Entries proposed between two flushes travel in one message and one write.
///
///     for (;;) { wait for an event or r.next_deadline(); r.receive(m, now, out); ...; r.flush(now, out); carry out; }
///
/// Equal replicas given equal events answer equally, to the bit: election timeouts come from a hash of the seed. In the
/// steady state nothing is allocated. A copy is another replica in the same state, for explorers of state spaces.
///
/// \pre `now` never decreases between calls
/// \thread_safety none; confine to the host's thread
/// \source Ongaro and Ousterhout, USENIX ATC 2014 (the Raft paper), and Ongaro's thesis "Consensus: bridging theory and
///         practice", Stanford 2014. Deviations: pre-votes (thesis, 9.6) are on by default; a rejected append names a
///         term, by which the leader skips (the paper's 5.3 mentions it); a follower that lost touch is probed with one
///         message per heartbeat; a leader sends entries before its own write of them is durable (thesis, 10.2.1).
class replica {
  public:
    /// A server as its disk has it; a new one where `stored` is empty but for its members, or wholly: then it waits to
    /// be added. Entries behind the snapshot follow by `restore`, before any other call.
    /// \pre validate(config) holds
    replica(replica_config const& config, stored_state const& stored, time_point now)
        : config_{config}, window_{config.window_entries, config.window_bytes}, hard_{stored.state},
          commit_{std::max(stored.commit, stored.snapshot_index)}, reported_{stored.snapshot_index},
          durable_{stored.snapshot_index}, unwritten_{stored.snapshot_index + 1}, verified_{stored.snapshot_index},
          committed_members_{stored.members}, committed_members_index_{stored.snapshot_index},
          vote_guard_until_{config.reads == read_mode::lease && stored.state.term > 0
                                ? saturating_add(now, config.election_timeout)
                                : time_point::min()} {
        HPCSCHED_ASSERT(validate(config).has_value());
        window_.reset(stored.snapshot_index, stored.snapshot_term);
        hard_.term = std::max(hard_.term, stored.snapshot_term);
        adopt(stored.members, stored.snapshot_index, now);
        arm_election(now);
    }

    /// One stored entry, in the order of the log.
    /// \pre stored.index == log().last_index() + 1
    void restore(entry const& stored, time_point now);

    // --- events ---------------------------------------------------------------------------------------------------

    /// The time has come that `next_deadline` named, or any other.
    void tick(time_point now, ready& out);

    /// A message of the group has come. One that is not for it, or makes no sense, changes nothing.
    void receive(message const& m, time_point now, ready& out);

    /// The write with this number and all before it are durable.
    void written(std::uint64_t number, time_point now);

    /// Puts a command into the log; copies it.
    /// \return its index: committed once `ready` reports that index in the present term, lost if another term's entry
    ///         takes the place
    /// \error not_leader, leaving_office, quota_exceeded, entry_too_large
    [[nodiscard]] result<log_index, errc> propose(std::span<std::byte const> command, time_point now);

    /// Passes a command on to the leader, or proposes it here. Whether it arrived shows in the log alone. The message
    /// to the leader borrows `command` until it is sent.
    /// \error no_leader, and those of `propose`
    [[nodiscard]] result<void, errc> forward(std::span<std::byte const> command, time_point now, ready& out);

    /// Asks from which index on the state machine shows everything acknowledged before this call; the answer is a
    /// `read_outcome` with this id. On a follower the leader is asked, and if that message or its answer is lost
    /// there is none: ask again after a while.
    /// \error no_leader, too_many_reads
    [[nodiscard]] result<void, errc> read(std::uint64_t id, time_point now, ready& out);

    /// Changes who belongs to the group. Where more than one vote moves, or on request, by way of a joint
    /// configuration, which the leader leaves by itself.
    /// \return the index of the entry; the change is safe when the last one it makes is committed
    /// \error not_leader, leaving_office, change_in_progress, invalid_change
    [[nodiscard]] result<log_index, errc> change_membership(std::span<membership_change const> changes, time_point now,
                                                            bool always_joint = false);

    /// Hands leadership to `to`: it is brought up to date, then stands for election at once. Proposals are refused
    /// meanwhile; given up after an election timeout (thesis, section 3.10).
    /// \error not_leader, leaving_office (to another), invalid_change (`to` may not lead)
    [[nodiscard]] result<void, errc> transfer_leadership(node_id to, time_point now, ready& out);

    /// Stands for election now, whatever the timer says; not while a leader is heard of and `check_quorum` is on.
    void campaign(time_point now, ready& out);

    /// Ends a rest (`quiesce_after`). For a host that sees the leader's machine go.
    void wake(time_point now);

    /// Messages to `peer` do not arrive: what was sent is sent again.
    void peer_unreachable(node_id peer, time_point now);

    /// Entries that `ready::fetches` asked for: consecutive from its first index, the one before them having
    /// `previous_term`. Borrowed until the next call.
    void fetched(node_id peer, log_term previous_term, std::span<entry const> entries, ready& out);

    /// They are not in the log storage any more: a snapshot has replaced them.
    void fetch_failed(node_id peer);

    /// A piece of the newest snapshot, as `ready::snapshot_reads` asked for. Borrowed until the next call.
    void snapshot_read(node_id peer, snapshot_chunk const& chunk, ready& out);

    /// A piece of a snapshot is stored durably, or was there already: `next_offset` bytes of it are.
    void snapshot_stored(node_id from, log_index last_index, std::uint64_t next_offset, ready& out);

    /// A whole snapshot is stored, the state machine is as it says, and the log storage is empty behind it.
    void snapshot_restored(log_index index, log_term term, membership const& members, time_point now);

    /// Completes `out` with what the events since the last flush amount to. Everything in it must be carried out before
    /// the next call of the replica, as messages and writes borrow the entries of its log.
    void flush(time_point now, ready& out);

    // --- what it knows --------------------------------------------------------------------------------------------

    /// When `tick` is due; `never` while the group rests.
    [[nodiscard]] time_point next_deadline() const noexcept;

    [[nodiscard]] node_id id() const noexcept { return config_.id; }
    [[nodiscard]] raft::role role() const noexcept { return role_; }
    [[nodiscard]] log_term term() const noexcept { return hard_.term; }
    [[nodiscard]] raft::hard_state hard_state() const noexcept { return hard_; }
    /// The leader of this term, as far as known.
    [[nodiscard]] node_id leader() const noexcept { return leader_; }
    [[nodiscard]] log_index commit() const noexcept { return commit_; }
    /// The newest entry that is durable here.
    [[nodiscard]] log_index durable() const noexcept { return durable_; }
    [[nodiscard]] log_window const& log() const noexcept { return window_; }
    /// The newest membership in the log, committed or not.
    [[nodiscard]] membership const& members() const noexcept { return members_; }
    [[nodiscard]] membership const& committed_members() const noexcept { return committed_members_; }
    [[nodiscard]] replica_config const& config() const noexcept { return config_; }
    [[nodiscard]] bool quiescent() const noexcept { return quiet_; }
    /// Whether a read could be answered without asking anybody.
    [[nodiscard]] bool holds_lease(time_point now) const noexcept;
    /// When `peer` last answered, or this replica began to lead; a leader's knowledge. Long ago where the group rests.
    [[nodiscard]] time_point heard(node_id peer) const noexcept {
        std::size_t const at = position(peer);
        return at == nobody ? time_point{} : peers_[at].heard;
    }
    /// How far `peer`'s log is known to agree, durably; a leader's knowledge.
    [[nodiscard]] log_index matched(node_id peer) const noexcept {
        std::size_t const at = position(peer);
        return at == nobody ? 0 : peers_[at].match;
    }

  private:
    static constexpr std::size_t nobody = std::numeric_limits<std::size_t>::max();
    static constexpr std::size_t writes_max = 16; // handed out and not yet durable
    static constexpr std::size_t rounds_kept = 16;

    struct pending_write {
        std::uint64_t number = 0;
        log_index last_index = 0; // the newest entry that it makes durable
    };
    struct pending_read {
        std::uint64_t id = 0;
        std::uint64_t round = 0; // that confirms it; 0: not yet begun
        node_id from{};
    };

    // elections: detail/replica_elections.hpp
    void arm_election(time_point now) noexcept;
    [[nodiscard]] bool may_lead() const noexcept;
    void stand_for_election(time_point now, ready& out, bool transfer);
    void become_follower(log_term term, node_id leader, time_point now) noexcept;
    void become_leader(time_point now);
    void count_votes(time_point now, ready* out);
    void start_candidacy(time_point now, ready& out, bool transfer);
    void ask_for_votes(ready& out, vote_request const& request, log_term term);
    [[nodiscard]] bool admit(message const& m, time_point now, ready& out);
    [[nodiscard]] bool hears_a_leader(time_point now) const noexcept;
    void on(vote_request const& m, message const& envelope, time_point now, ready& out);
    void on(vote_response const& m, message const& envelope, time_point now, ready& out);
    void on(timeout_now const& m, message const& envelope, time_point now, ready& out);
    void check_quorum(time_point now);

    // replication: detail/replica_replication.hpp
    void on(append_request const& m, message const& envelope, time_point now, ready& out);
    void on(append_response const& m, message const& envelope, time_point now, ready& out);
    void on(heartbeat const& m, message const& envelope, time_point now, ready& out);
    void on(heartbeat_response const& m, message const& envelope, time_point now, ready& out);
    void on(forwarded_command const& m, message const& envelope, time_point now, ready& out);
    void accept(std::span<entry const> entries);
    void reject(append_request const& m, ready& out);
    void truncate(log_index from) noexcept;
    void append(log_term term, entry_kind kind, std::span<std::byte const> payload);
    void advance_commit(log_index to) noexcept;
    void commit_by_majority(time_point now);
    void after_commit(time_point now);
    void send_entries(ready& out);
    [[nodiscard]] log_index last_to_send(std::size_t at) const noexcept;
    bool send_one(std::size_t at, ready& out);
    void tell_commit(std::size_t at, ready& out);
    void send_heartbeats(time_point now, ready& out);
    void heard_from(std::size_t at, std::uint64_t round, time_point now) noexcept;
    void start_round(time_point now) noexcept;
    void rest(ready& out);
    [[nodiscard]] bool may_rest(time_point now) const noexcept;
    void step_down_if_removed(time_point now, ready& out);
    [[nodiscard]] bool in_office() const noexcept { return transfer_to_ == no_node && members_.is_voter(config_.id); }
    void emit_write(ready& out);
    void emit_acknowledgements(ready& out);

    // membership, snapshots, reads: detail/replica_services.hpp
    void adopt(membership const& members, log_index index, time_point now);
    void append_membership(membership const& next, time_point now);
    void note_committed_members() noexcept;
    void on(snapshot_chunk const& m, message const& envelope, time_point now, ready& out);
    void on(snapshot_response const& m, message const& envelope, time_point now, ready& out);
    void on(read_request const& m, message const& envelope, time_point now, ready& out);
    void on(read_response const& m, message const& envelope, time_point now, ready& out);
    void begin_reads(time_point now, ready& out);
    void confirm_reads(ready& out);
    void drop_reads(ready& out);
    void finish_transfer(ready& out);

    void send(ready& out, node_id to, message_body const& body) const { send(out, to, hard_.term, body); }
    void send(ready& out, node_id to, log_term term, message_body const& body) const {
        out.messages.append(message{config_.id, to, term, body});
    }
    [[nodiscard]] std::size_t position(node_id id) const noexcept {
        member const* const m = members_.find(id);
        return m == nullptr ? nobody : static_cast<std::size_t>(m - members_.members().data());
    }
    [[nodiscard]] log_index evictable() const noexcept { return std::min(durable_, commit_); }
    [[nodiscard]] bool leads() const noexcept { return role_ == raft::role::leader; }
    [[nodiscard]] bool own_term_committed() const noexcept { return leads() && commit_ >= first_of_term_; }

    replica_config config_;
    log_window window_;

    raft::hard_state hard_;
    bool hard_changed_ = false;     // since the last write
    bool votes_for_itself_ = false; // in the election under way, durably where it must be
    raft::role role_ = raft::role::follower;
    node_id leader_ = no_node;
    node_id voted_now_ = no_node;  // a vote to be told once it is durable
    std::uint64_t vote_write_ = 0; // the write that makes it, or this server's own, durable

    log_index commit_ = 0;
    log_index reported_ = 0;  // of the commits, to the host
    log_index durable_ = 0;   // entries up to here are
    log_index unwritten_ = 1; // the first entry in no write yet
    boost::container::static_vector<pending_write, writes_max> writes_;
    std::uint64_t last_write_ = 0;
    std::uint64_t durable_write_ = 0;

    // as a follower
    log_index verified_ = 0; // agrees with the leader's log up to here
    log_index acknowledged_ = 0;
    std::uint64_t leader_round_ = 0;
    bool owes_acknowledgement_ = false;
    time_point heard_leader_ = time_point::min();

    // as a candidate or leader, by position in members_
    membership members_;
    log_index members_index_ = 0;
    membership committed_members_;
    log_index committed_members_index_ = 0;
    boost::container::small_vector<detail::progress, members_usual> peers_;
    std::size_t self_ = nobody;
    log_index first_of_term_ = 0; // the leader's no_op
    std::uint64_t round_ = 0;
    std::array<time_point, rounds_kept> round_began_{};
    node_id transfer_to_ = no_node;
    bool transfer_sent_ = false; // in this term: from then on another may win without waiting for a lease
    std::vector<pending_read> reads_;
    std::size_t reads_unbegun_ = 0; // at the end of reads_

    time_point vote_guard_until_; // after a restart: a lease may hold that this server has forgotten
    time_point election_deadline_ = never;
    time_point heartbeat_deadline_ = never;
    time_point quorum_deadline_ = never;
    time_point transfer_deadline_ = never;
    time_point busy_until_{}; // when quiesce_after began to count
    std::uint64_t timeouts_drawn_ = 0;
    bool quiet_ = false;
};

} // namespace hpcsched::raft

#endif
