// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_RAFT_DETAIL_REPLICA_REPLICATION_HPP
#define HPCSCHED_RAFT_DETAIL_REPLICA_REPLICATION_HPP

// Part of replica.hpp: the log, its way to the followers, and when an entry is committed (Raft paper, sections 5.3 and
// 5.4; thesis, section 10.2).

#include <hpcsched/raft/replica_interface.hpp>

namespace hpcsched::raft {

// --- a leader's own entries -----------------------------------------------------------------------------------------

inline result<log_index, errc> replica::propose(std::span<std::byte const> command, time_point now) {
    if (!leads()) {
        return errc::not_leader;
    }
    if (!in_office()) {
        return errc::leaving_office;
    }
    if (command.size() > config_.entry_bytes_max) {
        return errc::entry_too_large;
    }
    if (window_.bytes_between(commit_, window_.last_index()) + command.size() > config_.uncommitted_bytes_max ||
        !window_.append(hard_.term, entry_kind::command, command, evictable())) {
        return errc::quota_exceeded;
    }
    busy_until_ = now;
    if (quiet_) {
        wake(now);
    }
    return window_.last_index();
}

inline result<void, errc> replica::forward(std::span<std::byte const> command, time_point now, ready& out) {
    if (leads()) {
        auto const index = propose(command, now);
        return index ? result<void, errc>{} : result<void, errc>{index.error()};
    }
    if (leader_ == no_node) {
        return errc::no_leader;
    }
    if (command.size() > config_.entry_bytes_max) {
        return errc::entry_too_large;
    }
    wake(now);
    send(out, leader_, forwarded_command{command});
    return {};
}

inline void replica::on(forwarded_command const& m, message const& /*envelope*/, time_point now, ready& /*out*/) {
    (void)propose(m.payload, now); // the sender asks again if it does not see it in the log
}

// What cannot be refused (a leader's first entry, a follower's share) finds room in any case. What a follower may have
// to hold is bounded by what its leader may propose before it commits, and by what may be in flight.
inline void replica::append(log_term term, entry_kind kind, std::span<std::byte const> payload) {
    if (!window_.append(term, kind, payload, evictable())) {
        window_.grow(payload.size());
        bool const there_is_room = window_.append(term, kind, payload, evictable());
        HPCSCHED_ASSERT(there_is_room);
    }
}

inline void replica::commit_by_majority(time_point now) {
    log_index const agreed = members_.quorum_value([&](std::size_t i) { return peers_[i].match; });
    // Only an entry of the own term is committed by counting (Raft paper, section 5.4.2).
    if (agreed > commit_ && window_.term_at(agreed) == hard_.term) {
        advance_commit(agreed);
        busy_until_ = now;
        after_commit(now);
    }
}

inline void replica::advance_commit(log_index to) noexcept {
    HPCSCHED_ASSERT(to <= window_.last_index());
    if (to > commit_) {
        commit_ = to;
        note_committed_members();
    }
}

// What a leader does when a membership is committed: leaves a joint one, or its office where it has no vote.
inline void replica::after_commit(time_point now) {
    if (members_index_ > commit_) {
        return;
    }
    if (members_.joint() && own_term_committed()) {
        append_membership(members_.without_old(), now);
    }
}

// --- sending --------------------------------------------------------------------------------------------------------

inline void replica::send_entries(ready& out) {
    for (std::size_t i = 0; i < peers_.size(); ++i) {
        if (i == self_) {
            continue;
        }
        detail::progress& p = peers_[i];
        if (p.state == detail::send_state::snapshot) {
            if (!p.paused) {
                out.snapshot_reads.append(
                    {members_.members()[i].id, p.snapshot_index, p.snapshot_offset, config_.snapshot_chunk_bytes});
                p.paused = true;
            }
            continue;
        }
        if (p.state == detail::send_state::probe) {
            if (!p.paused) {
                p.paused = send_one(i, out);
            }
            continue;
        }
        while (p.next <= last_to_send(i) && p.next - 1 - p.match < config_.inflight_entries_max &&
               window_.bytes_between(p.match, p.next - 1) < config_.inflight_bytes_max && send_one(i, out)) {
        }
        tell_commit(i, out);
    }
}

// A witness gets what is durable here and no more. Were it the only one that had an entry, it would grant no vote to
// those that can lead, and could not lead itself.
inline log_index replica::last_to_send(std::size_t at) const noexcept {
    return members_.members()[at].witness ? durable_ : window_.last_index();
}

// One message with the entries that come next, or none of them where there are no more. Whether it could be sent: what
// is no longer in memory is asked for instead.
inline bool replica::send_one(std::size_t at, ready& out) {
    detail::progress& p = peers_[at];
    member const& to = members_.members()[at];
    auto const previous_term = window_.term_at(p.next - 1);
    if (!previous_term) {
        if (!p.fetching) {
            out.fetches.append({to.id, p.next, config_.append_entries_max, config_.append_bytes_max});
            p.fetching = true;
        }
        return false;
    }
    log_index const last = last_to_send(at);
    append_request request{.previous_index = p.next - 1,
                           .previous_term = *previous_term,
                           .commit = commit_,
                           .round = round_,
                           .without_commands = to.witness};
    if (p.next <= last) {
        auto const count = static_cast<std::size_t>(std::min<log_index>(config_.append_entries_max, last + 1 - p.next));
        request.entries = window_.view(p.next, count, config_.append_bytes_max);
    }
    send(out, to.id, request);
    log_index const sent = p.next - 1 + request.entries.size();
    p.commit_sent = std::max(p.commit_sent, std::min(commit_, sent));
    if (p.state == detail::send_state::replicate) {
        p.next = sent + 1;
    } else {
        p.probed = sent;
    }
    return true;
}

// A follower that has everything is told at once what of it is committed.
inline void replica::tell_commit(std::size_t at, ready& out) {
    detail::progress& p = peers_[at];
    log_index const known = std::min(commit_, p.match);
    if (p.commit_sent < known) {
        send(out, members_.members()[at].id, heartbeat{.commit = known});
        p.commit_sent = known;
    }
}

inline void replica::start_round(time_point now) noexcept {
    ++round_;
    round_began_[round_ % rounds_kept] = now;
    heartbeat_deadline_ = saturating_add(now, config_.heartbeat_interval);
}

inline void replica::send_heartbeats(time_point /*now*/, ready& out) {
    for (std::size_t i = 0; i < peers_.size(); ++i) {
        if (i == self_) {
            continue;
        }
        detail::progress& p = peers_[i];
        bool const waits = p.paused || p.fetching || p.match + 1 < p.next;
        p.stalled_beats = waits && p.match == p.match_at_beat ? p.stalled_beats + 1 : 0;
        p.match_at_beat = p.match;
        if (p.state == detail::send_state::probe) {
            p.paused = false;
        } else if (p.stalled_beats >= 2) { // a message or its answer was lost
            p.stalled_beats = 0;
            p.fetching = false;
            if (p.state == detail::send_state::snapshot) {
                p.paused = false;
            } else {
                p.probe_from(p.match + 1);
            }
        }
        send(out, members_.members()[i].id, heartbeat{.commit = std::min(commit_, p.match), .round = round_});
    }
}

inline void replica::heard_from(std::size_t at, std::uint64_t round, time_point now) noexcept {
    detail::progress& p = peers_[at];
    p.heard = now;
    if (round > p.round && round <= round_) {
        p.round = round;
    }
}

inline void replica::on(append_response const& m, message const& envelope, time_point now, ready& out) {
    std::size_t const at = position(envelope.from);
    bool const nonsense = m.matched > window_.last_index() || (m.rejected && (m.asked == 0 || m.commit > m.asked));
    if (!leads() || at == nobody || at == self_ || nonsense) {
        return;
    }
    detail::progress& p = peers_[at];
    heard_from(at, m.round, now);
    if (m.rejected) {
        bool const stale = p.state == detail::send_state::probe ? m.asked != p.next - 1 : m.asked <= p.match;
        if (stale || p.state == detail::send_state::snapshot) {
            return;
        }
        // Everything of a term newer than the follower's there cannot be in its log (Raft paper, end of section 5.3).
        // Where this log's terms are not in memory, what the follower has committed is a place where they agree.
        log_index guess = std::min(m.matched, m.asked - 1);
        while (guess > m.commit && window_.term_at(guess).value_or(m.hint_term + 1) > m.hint_term) {
            --guess;
        }
        p.probe_from(std::max(guess, p.match) + 1);
        return;
    }
    bool const news = m.matched > p.match;
    p.match = std::max(p.match, m.matched);
    p.next = std::max(p.next, p.match + 1);
    if (p.state == detail::send_state::probe || (p.state == detail::send_state::snapshot && news)) {
        log_index const probed = p.probed; // they need not be sent once more
        p.probe_from(std::max(p.match, probed) + 1);
        p.state = detail::send_state::replicate;
    }
    if (news) {
        p.stalled_beats = 0;
        commit_by_majority(now); // may leave a joint membership: `p` is of the old one from here on
        finish_transfer(out);
    }
}

inline void replica::on(heartbeat_response const& m, message const& envelope, time_point now, ready& /*out*/) {
    std::size_t const at = position(envelope.from);
    if (!leads() || at == nobody || at == self_) {
        return;
    }
    heard_from(at, m.round, now);
    detail::progress& p = peers_[at];
    if (p.state == detail::send_state::replicate && m.verified < p.match) {
        p.probe_from(p.match + 1); // it has started anew, and must see once more that the logs agree
    }
}

inline void replica::peer_unreachable(node_id peer, time_point now) {
    std::size_t const at = position(peer);
    if (quiet_ && peer == leader_) {
        wake(now);
    }
    if (leads() && at != nobody && at != self_ && peers_[at].state == detail::send_state::replicate) {
        peers_[at].probe_from(peers_[at].match + 1);
    }
}

inline void replica::fetched(node_id peer, log_term previous_term, std::span<entry const> entries, ready& out) {
    std::size_t const at = position(peer);
    if (!leads() || at == nobody || !peers_[at].fetching) {
        return;
    }
    detail::progress& p = peers_[at];
    p.fetching = false;
    if (entries.empty() || entries.front().index != p.next || last_to_send(at) < p.next ||
        p.state == detail::send_state::snapshot) {
        return;
    }
    entries = entries.first(std::min<std::size_t>(entries.size(), last_to_send(at) + 1 - p.next));
    append_request const request{.previous_index = p.next - 1,
                                 .previous_term = previous_term,
                                 .commit = commit_,
                                 .round = round_,
                                 .entries = entries,
                                 .without_commands = members_.members()[at].witness};
    send(out, peer, request);
    if (p.state == detail::send_state::replicate) {
        p.next += entries.size();
    } else {
        p.paused = true;
        p.probed = p.next - 1 + entries.size();
    }
}

// --- rest -----------------------------------------------------------------------------------------------------------

inline bool replica::may_rest(time_point now) const noexcept {
    if (config_.quiesce_after <= duration{} || now - busy_until_ < config_.quiesce_after || !reads_.empty() ||
        transfer_to_ != no_node || members_.joint() || commit_ != window_.last_index() || durable_ != commit_) {
        return false;
    }
    for (std::size_t i = 0; i < peers_.size(); ++i) {
        if (i != self_ && (peers_[i].match != commit_ || peers_[i].state != detail::send_state::replicate)) {
            return false;
        }
    }
    return true;
}

inline void replica::rest(ready& out) {
    ++round_; // no read may be confirmed by answers of before the rest
    for (std::size_t i = 0; i < peers_.size(); ++i) {
        if (i != self_) {
            send(out, members_.members()[i].id, heartbeat{.commit = commit_, .round = round_, .quiesce = true});
        }
    }
    quiet_ = true;
    window_.release();
}

inline void replica::wake(time_point now) {
    if (!quiet_) {
        return;
    }
    quiet_ = false;
    busy_until_ = now;
    if (leads()) {
        heartbeat_deadline_ = now;
        quorum_deadline_ = saturating_add(now, config_.election_timeout);
        for (detail::progress& p : peers_) {
            p.heard = now;
        }
    } else {
        arm_election(now);
    }
}

// --- a follower's log -----------------------------------------------------------------------------------------------

inline void replica::on(append_request const& m, message const& envelope, time_point now, ready& out) {
    leader_ = envelope.from;
    heard_leader_ = now;
    leader_round_ = std::max(leader_round_, m.round);
    arm_election(now);
    std::span<entry const> entries = m.entries;
    bool consecutive = true;
    for (std::size_t i = 0; i < entries.size(); ++i) {
        consecutive = consecutive && entries[i].index == m.previous_index + 1 + i && entries[i].term <= hard_.term &&
                      entries[i].term >= (i == 0 ? m.previous_term : entries[i - 1].term);
    }
    if (!consecutive) {
        return;
    }
    log_index agreed = m.previous_index;
    if (agreed < commit_) { // what is committed here is so everywhere
        entries = entries.subspan(static_cast<std::size_t>(std::min<log_index>(commit_ - agreed, entries.size())));
        agreed = commit_;
    } else if (window_.term_at(agreed) != m.previous_term) {
        reject(m, out);
        return;
    }
    owes_acknowledgement_ = true;
    accept(entries);
    agreed = entries.empty() ? agreed : entries.back().index;
    verified_ = std::max(verified_, agreed);
    advance_commit(std::max(commit_, std::min(m.commit, verified_)));
}

// Takes over entries that follow on what agrees.
inline void replica::accept(std::span<entry const> entries) {
    for (entry const& e : entries) {
        if (window_.holds(e.index)) {
            if (window_.at(e.index).term == e.term) {
                continue;
            }
            truncate(e.index);
        }
        append(e.term, e.kind, e.payload);
        if (e.kind == entry_kind::membership) {
            if (auto const decoded = membership_codec::decode(e.payload)) {
                adopt(*decoded, e.index, heard_leader_);
            }
        }
    }
}

inline void replica::truncate(log_index from) noexcept {
    HPCSCHED_ASSERT(from > commit_);
    window_.truncate(from);
    durable_ = std::min(durable_, from - 1);
    unwritten_ = std::min(unwritten_, from);
    for (pending_write& w : writes_) {
        w.last_index = std::min(w.last_index, from - 1);
    }
    if (members_index_ < from) {
        return;
    }
    for (log_index i = from - 1; i > std::max(committed_members_index_, window_.first_index() - 1); --i) {
        auto const decoded = window_.at(i).kind == entry_kind::membership
                                 ? membership_codec::decode(window_.at(i).payload)
                                 : std::nullopt;
        if (decoded) {
            adopt(*decoded, i, heard_leader_);
            return;
        }
    }
    adopt(committed_members_, committed_members_index_, heard_leader_);
}

// Names the last place where the logs may agree: no later than its own end, and of no newer term than the leader has.
inline void replica::reject(append_request const& m, ready& out) {
    log_index guess = std::min(m.previous_index, window_.last_index());
    while (guess > commit_ && window_.term_at(guess).value_or(0) > m.previous_term) {
        --guess;
    }
    send(out, leader_,
         append_response{.rejected = true,
                         .matched = guess,
                         .hint_term = window_.term_at(guess).value_or(0),
                         .asked = m.previous_index,
                         .commit = commit_,
                         .round = m.round});
}

inline void replica::on(heartbeat const& m, message const& envelope, time_point now, ready& out) {
    leader_ = envelope.from;
    heard_leader_ = now;
    leader_round_ = std::max(leader_round_, m.round);
    advance_commit(std::max(commit_, std::min(m.commit, verified_)));
    if (m.quiesce && m.commit == window_.last_index() && commit_ == m.commit && durable_ == commit_) {
        quiet_ = true;
        window_.release();
        return;
    }
    arm_election(now);
    if (m.round > 0) {
        send(out, envelope.from, heartbeat_response{.round = m.round, .verified = verified_});
    }
}

// --- writes and what depends on them --------------------------------------------------------------------------------

inline void replica::written(std::uint64_t number, time_point now) {
    HPCSCHED_ASSERT(number <= last_write_);
    auto const first_open = std::ranges::find_if(writes_, [&](pending_write const& w) { return w.number > number; });
    for (auto w = writes_.begin(); w != first_open; ++w) {
        durable_ = std::max(durable_, w->last_index);
    }
    writes_.erase(writes_.begin(), first_open);
    durable_write_ = std::max(durable_write_, number);
    if (role_ == raft::role::candidate && durable_write_ >= vote_write_ && !votes_for_itself_) {
        votes_for_itself_ = true;
        count_votes(now, nullptr);
    } else if (leads() && self_ != nobody) {
        peers_[self_].match = durable_;
        commit_by_majority(now);
    }
}

inline void replica::emit_write(ready& out) {
    bool const entries = unwritten_ <= window_.last_index();
    if ((!entries && !hard_changed_) || writes_.size() == writes_max) {
        return;
    }
    log_write& w = out.write;
    w.number = ++last_write_;
    w.state = hard_;
    w.commit = commit_;
    hard_changed_ = false;
    if (entries) {
        constexpr std::size_t all = std::numeric_limits<std::size_t>::max();
        w.first_index = unwritten_;
        w.entries[0] = window_.view(unwritten_, all, all);
        log_index const next = unwritten_ + w.entries[0].size();
        if (next <= window_.last_index()) {
            w.entries[1] = window_.view(next, all, all);
        }
        unwritten_ = window_.last_index() + 1;
    }
    writes_.push_back({w.number, entries ? window_.last_index() : 0});
}

inline void replica::emit_acknowledgements(ready& out) {
    if (voted_now_ != no_node && durable_write_ >= vote_write_) {
        send(out, voted_now_, vote_response{.granted = true});
        voted_now_ = no_node;
    }
    if (!owes_acknowledgement_ || role_ != raft::role::follower || leader_ == no_node) {
        return;
    }
    log_index const matched = std::min(verified_, durable_);
    if (durable_ >= verified_) {
        owes_acknowledgement_ = false;
    } else if (matched <= acknowledged_) {
        return;
    }
    acknowledged_ = matched;
    send(out, leader_, append_response{.matched = matched, .round = leader_round_});
}

// After the entry that removes it is committed (thesis, section 4.2.2). Whoever has most is asked to take over.
inline void replica::step_down_if_removed(time_point now, ready& out) {
    if (members_index_ > commit_ || members_.joint() || members_.is_voter(config_.id)) {
        return;
    }
    std::size_t best = nobody;
    for (std::size_t i = 0; i < peers_.size(); ++i) {
        member const& m = members_.members()[i];
        if (m.votes && !m.witness && (best == nobody || peers_[i].match > peers_[best].match)) {
            best = i;
        }
    }
    send(out, members_.members()[best].id, timeout_now{});
    become_follower(hard_.term, no_node, now);
}

inline void replica::flush(time_point now, ready& out) {
    if (leads()) {
        begin_reads(now, out);
        confirm_reads(out);
        send_entries(out);
        step_down_if_removed(now, out);
    }
    if (!leads() && !reads_.empty()) {
        drop_reads(out);
    }
    emit_write(out);
    emit_acknowledgements(out);
    if (commit_ > reported_) {
        out.committed_first = reported_ + 1;
        out.committed_last = commit_;
        reported_ = commit_;
    }
}

} // namespace hpcsched::raft

#endif
