// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_RAFT_DETAIL_REPLICA_SERVICES_HPP
#define HPCSCHED_RAFT_DETAIL_REPLICA_SERVICES_HPP

// Part of replica.hpp: membership changes (thesis, chapter 4), snapshots (Raft paper, section 7), linearizable reads
// (thesis, section 6.4).

#include <hpcsched/raft/replica_interface.hpp>

namespace hpcsched::raft {

// --- membership -----------------------------------------------------------------------------------------------------

inline void replica::restore(entry const& stored, time_point now) {
    HPCSCHED_ASSERT(stored.index == window_.last_index() + 1);
    durable_ = stored.index - 1; // first: what is committed may make room
    append(stored.term, stored.kind, stored.payload);
    durable_ = stored.index;
    unwritten_ = stored.index + 1;
    hard_.term = std::max(hard_.term, stored.term);
    verified_ = std::min(commit_, stored.index);
    if (stored.kind == entry_kind::membership) {
        if (auto const decoded = membership_codec::decode(stored.payload)) {
            adopt(*decoded, stored.index, now);
            if (stored.index <= commit_) {
                committed_members_ = members_;
                committed_members_index_ = stored.index;
            }
        }
    }
}

inline void replica::adopt(membership const& members, log_index index, time_point now) {
    decltype(peers_) next;
    next.reserve(members.members().size());
    for (member const& m : members.members()) {
        std::size_t const before = position(m.id);
        next.push_back(before != nobody ? peers_[before]
                                        : detail::progress{.next = window_.last_index() + 1, .heard = now});
    }
    members_ = members;
    members_index_ = index;
    peers_ = next;
    self_ = position(config_.id);
    if (!leads() && role_ != raft::role::follower && !may_lead()) {
        become_follower(hard_.term, no_node, now);
    }
    if (leads() && self_ != nobody) {
        peers_[self_].match = durable_;
    }
}

inline void replica::append_membership(membership const& next, time_point now) {
    auto const bytes = membership_codec::encode(next);
    append(hard_.term, entry_kind::membership, {bytes.data(), bytes.size()});
    adopt(next, window_.last_index(), now);
}

inline result<log_index, errc> replica::change_membership(std::span<membership_change const> changes, time_point now,
                                                          bool always_joint) {
    if (!leads()) {
        return errc::not_leader;
    }
    if (!in_office()) {
        return errc::leaving_office;
    }
    // The leader must have committed an entry of its own term first: Ongaro, "bug in single-server membership changes",
    // raft-dev, 2015.
    if (members_index_ > commit_ || !own_term_committed()) {
        return errc::change_in_progress;
    }
    auto const next = members_.changed(changes, always_joint);
    if (!next) {
        return next.error();
    }
    wake(now);
    busy_until_ = now;
    append_membership(*next, now);
    return window_.last_index();
}

// Entries up to the new commit index are in memory: none above the old one can have been evicted.
inline void replica::note_committed_members() noexcept {
    if (members_index_ <= committed_members_index_) {
        return;
    }
    if (members_index_ <= commit_) {
        committed_members_ = members_;
        committed_members_index_ = members_index_;
        return;
    }
    for (log_index i = commit_; i > committed_members_index_ && window_.holds(i); --i) {
        auto const decoded = window_.at(i).kind == entry_kind::membership
                                 ? membership_codec::decode(window_.at(i).payload)
                                 : std::nullopt;
        if (decoded) {
            committed_members_ = *decoded;
            committed_members_index_ = i;
            return;
        }
    }
}

// --- snapshots ------------------------------------------------------------------------------------------------------

inline void replica::fetch_failed(node_id peer) {
    std::size_t const at = position(peer);
    if (!leads() || at == nobody || !peers_[at].fetching) {
        return;
    }
    detail::progress& p = peers_[at];
    p.fetching = false;
    p.state = detail::send_state::snapshot;
    p.snapshot_index = 0;
    p.snapshot_offset = 0;
    p.paused = false;
    p.stalled_beats = 0;
}

inline void replica::snapshot_read(node_id peer, snapshot_chunk const& chunk, ready& out) {
    std::size_t const at = position(peer);
    if (!leads() || at == nobody || peers_[at].state != detail::send_state::snapshot) {
        return;
    }
    peers_[at].snapshot_index = chunk.last_index;
    peers_[at].snapshot_offset = chunk.offset;
    send(out, peer, chunk);
}

inline void replica::on(snapshot_chunk const& m, message const& envelope, time_point now, ready& out) {
    leader_ = envelope.from;
    heard_leader_ = now;
    arm_election(now);
    if (m.last_index <= commit_ || window_.term_at(m.last_index) == m.last_term) {
        // The log has all of it already (Raft paper, figure 13, step 6).
        verified_ = std::max(verified_, std::max(commit_, m.last_index));
        verified_ = std::min(verified_, window_.last_index());
        advance_commit(std::min(m.last_index, window_.last_index()));
        owes_acknowledgement_ = true;
        return;
    }
    if (membership_codec::decode(m.members)) {
        out.snapshot_stores.append({envelope.from, m});
    }
}

inline void replica::snapshot_stored(node_id from, log_index last_index, std::uint64_t next_offset, ready& out) {
    if (role_ == raft::role::follower && leader_ == from) {
        send(out, from, snapshot_response{last_index, next_offset});
    }
}

inline void replica::snapshot_restored(log_index index, log_term term, membership const& members, time_point now) {
    if (index <= commit_) {
        return;
    }
    HPCSCHED_ASSERT(!leads());
    window_.reset(index, term);
    commit_ = index;
    reported_ = index;
    durable_ = index;
    unwritten_ = index + 1;
    verified_ = index;
    for (pending_write& w : writes_) {
        w.last_index = 0;
    }
    committed_members_ = members;
    committed_members_index_ = index;
    adopt(members, index, now);
    owes_acknowledgement_ = true;
}

inline void replica::on(snapshot_response const& m, message const& envelope, time_point now, ready& /*out*/) {
    std::size_t const at = position(envelope.from);
    if (!leads() || at == nobody || at == self_) {
        return;
    }
    heard_from(at, 0, now);
    detail::progress& p = peers_[at];
    if (p.state == detail::send_state::snapshot && p.snapshot_index == m.last_index) {
        p.snapshot_offset = m.next_offset;
        p.paused = false;
        p.stalled_beats = 0;
    }
}

// --- reads ----------------------------------------------------------------------------------------------------------

inline bool replica::holds_lease(time_point now) const noexcept {
    if (config_.reads != read_mode::lease || !own_term_committed() || transfer_sent_ || quiet_) {
        return false;
    }
    std::uint64_t const answered =
        members_.quorum_value([&](std::size_t i) { return i == self_ ? round_ : peers_[i].round; });
    if (answered == 0 || answered + rounds_kept <= round_) {
        return false;
    }
    return now - round_began_[answered % rounds_kept] < config_.election_timeout - config_.lease_margin;
}

inline result<void, errc> replica::read(std::uint64_t id, time_point now, ready& out) {
    if (leads()) {
        wake(now);
        if (holds_lease(now)) {
            out.reads.append({id, commit_, true});
            return {};
        }
        if (reads_.size() >= config_.reads_max) {
            return errc::too_many_reads;
        }
        reads_.push_back({.id = id, .from = config_.id});
        ++reads_unbegun_;
        return {};
    }
    if (leader_ == no_node) {
        return errc::no_leader;
    }
    wake(now);
    send(out, leader_, read_request{id});
    return {};
}

inline void replica::on(read_request const& m, message const& envelope, time_point now, ready& out) {
    if (!leads()) {
        return;
    }
    if (holds_lease(now)) {
        send(out, envelope.from, read_response{m.id, commit_});
    } else if (reads_.size() < config_.reads_max) {
        reads_.push_back({.id = m.id, .from = envelope.from});
        ++reads_unbegun_;
    }
}

inline void replica::on(read_response const& m, message const& /*envelope*/, time_point /*now*/, ready& out) {
    out.reads.append({m.id, m.index, true});
}

// One round of heartbeats for all reads that came since the last flush.
inline void replica::begin_reads(time_point now, ready& out) {
    if (reads_unbegun_ == 0) {
        return;
    }
    start_round(now);
    for (std::size_t i = reads_.size() - reads_unbegun_; i < reads_.size(); ++i) {
        reads_[i].round = round_;
    }
    reads_unbegun_ = 0;
    send_heartbeats(now, out);
}

inline void replica::confirm_reads(ready& out) {
    if (reads_.empty() || !own_term_committed()) {
        return; // thesis, section 6.4, step 1
    }
    std::uint64_t const answered =
        members_.quorum_value([&](std::size_t i) { return i == self_ ? round_ : peers_[i].round; });
    auto const open =
        std::ranges::find_if(reads_, [&](pending_read const& r) { return r.round == 0 || r.round > answered; });
    for (auto r = reads_.begin(); r != open; ++r) {
        // The commit index of now is no smaller than that of when the read came.
        if (r->from == config_.id) {
            out.reads.append({r->id, commit_, true});
        } else {
            send(out, r->from, read_response{r->id, commit_});
        }
    }
    reads_.erase(reads_.begin(), open);
}

inline void replica::drop_reads(ready& out) {
    for (pending_read const& r : reads_) {
        if (r.from == config_.id) {
            out.reads.append({r.id, 0, false});
        }
    }
    reads_.clear();
    reads_unbegun_ = 0;
}

} // namespace hpcsched::raft

#endif
