// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_RAFT_DETAIL_REPLICA_ELECTIONS_HPP
#define HPCSCHED_RAFT_DETAIL_REPLICA_ELECTIONS_HPP

// Part of replica.hpp: terms, votes and leadership (Raft paper, section 5.2; thesis, chapter 3 and section 9.6).

#include <hpcsched/raft/replica_interface.hpp>

namespace hpcsched::raft {

inline time_point replica::next_deadline() const noexcept {
    if (quiet_) {
        return never;
    }
    return leads() ? std::min({heartbeat_deadline_, quorum_deadline_, transfer_deadline_}) : election_deadline_;
}

// Where a leader was heard of, servers of a lower priority wait an election timeout longer for each voter above them;
// after that all wait alike, as those above may be unable to win.
inline void replica::arm_election(time_point now) noexcept {
    sequence_hash draw;
    draw.add(config_.seed);
    draw.add(config_.id.value);
    draw.add(timeouts_drawn_++);
    duration const timeout = config_.election_timeout;
    duration wait =
        timeout + duration{static_cast<std::int64_t>(draw.value() % static_cast<std::uint64_t>(timeout.count()))};
    if (self_ != nobody && leader_ != no_node) {
        std::uint8_t const own = members_.members()[self_].priority;
        for (member const& m : members_.members()) {
            wait += m.votes && !m.witness && m.priority > own ? timeout : duration{};
        }
    }
    election_deadline_ = saturating_add(now, wait);
}

// A server that is no voter by its newest membership may be needed until that is committed (thesis, section 4.2.2).
inline bool replica::may_lead() const noexcept {
    member const* own = members_.find(config_.id);
    if (members_index_ > commit_ && !members_.is_voter(config_.id)) {
        own = committed_members_.find(config_.id);
    }
    return own != nullptr && (own->votes || own->voted) && !own->witness;
}

inline void replica::tick(time_point now, ready& out) {
    if (now < next_deadline()) {
        return;
    }
    if (!leads()) {
        stand_for_election(now, out, false);
        return;
    }
    if (now >= quorum_deadline_) {
        check_quorum(now);
    }
    if (leads() && now >= transfer_deadline_) {
        transfer_to_ = no_node;
        transfer_deadline_ = never;
    }
    if (leads() && now >= heartbeat_deadline_) {
        if (may_rest(now)) {
            rest(out);
        } else {
            start_round(now);
            send_heartbeats(now, out);
        }
    }
}

inline void replica::check_quorum(time_point now) {
    bool const heard = members_.is_quorum(
        [&](std::size_t i) { return i == self_ || now - peers_[i].heard < config_.election_timeout; });
    if (config_.check_quorum && !heard) {
        become_follower(hard_.term, no_node, now);
    }
    quorum_deadline_ = saturating_add(now, config_.election_timeout);
}

inline void replica::stand_for_election(time_point now, ready& out, bool transfer) {
    if (leads()) {
        return;
    }
    quiet_ = false;
    arm_election(now);
    if (!may_lead()) {
        become_follower(hard_.term, no_node, now);
        return;
    }
    if (!config_.pre_vote || transfer) {
        start_candidacy(now, out, transfer);
        return;
    }
    become_follower(hard_.term, no_node, now);
    role_ = raft::role::pre_candidate;
    votes_for_itself_ = true;
    ask_for_votes(out, {.last_index = window_.last_index(), .last_term = window_.last_term(), .pre_vote = true},
                  hard_.term + 1);
    count_votes(now, &out);
}

// The own vote counts when it is durable (`written`). The requests need not wait: until then this server cannot win,
// and one that restarts without the memory of having asked has granted nobody anything.
inline void replica::start_candidacy(time_point now, ready& out, bool transfer) {
    become_follower(hard_.term + 1, no_node, now);
    role_ = raft::role::candidate;
    hard_.voted_for = config_.id;
    hard_changed_ = true;
    vote_write_ = last_write_ + 1;
    ask_for_votes(out, {.last_index = window_.last_index(), .last_term = window_.last_term(), .transfer = transfer},
                  hard_.term);
}

inline void replica::ask_for_votes(ready& out, vote_request const& request, log_term term) {
    for (std::size_t i = 0; i < peers_.size(); ++i) {
        member const& m = members_.members()[i];
        if (i != self_ && (m.votes || m.voted)) {
            send(out, m.id, term, request);
        }
    }
}

// A server that has answered a leader has promised it to elect nobody for a while, itself included.
inline void replica::campaign(time_point now, ready& out) {
    if (!hears_a_leader(now)) {
        stand_for_election(now, out, false);
    }
}

inline void replica::become_follower(log_term term, node_id leader, time_point now) noexcept {
    if (term > hard_.term) {
        hard_ = {term, no_node};
        hard_changed_ = true;
        voted_now_ = no_node;
    }
    // A later term alone is no reason to wait longer: those that cannot win would hold up those that can.
    bool const waits_on = role_ == raft::role::follower && leader == no_node && !quiet_;
    role_ = raft::role::follower;
    leader_ = leader;
    verified_ = commit_;
    acknowledged_ = 0;
    owes_acknowledgement_ = false;
    leader_round_ = 0;
    transfer_to_ = no_node;
    transfer_sent_ = false;
    transfer_deadline_ = never;
    quiet_ = false;
    votes_for_itself_ = false;
    for (detail::progress& p : peers_) {
        p.vote = detail::ballot::none;
    }
    if (!waits_on) {
        arm_election(now);
    }
}

inline void replica::become_leader(time_point now) {
    HPCSCHED_ASSERT(role_ == raft::role::candidate);
    HPCSCHED_ASSERT(durable_write_ >= vote_write_);
    role_ = raft::role::leader;
    leader_ = config_.id;
    for (detail::progress& p : peers_) {
        p = detail::progress{.next = window_.last_index() + 1, .heard = now};
    }
    if (self_ != nobody) {
        peers_[self_].match = durable_;
    }
    first_of_term_ = window_.last_index() + 1;
    append(hard_.term, entry_kind::no_op, {});
    busy_until_ = now;
    heartbeat_deadline_ = saturating_add(now, config_.heartbeat_interval);
    quorum_deadline_ = saturating_add(now, config_.election_timeout);
    start_round(now);
}

// `out` is null where no message can follow: a candidate's own vote has become durable.
inline void replica::count_votes(time_point now, ready* out) {
    using detail::ballot;
    auto const granted = [&](std::size_t i) { return i == self_ || peers_[i].vote == ballot::granted; };
    if (votes_for_itself_ && members_.is_quorum(granted)) {
        if (role_ == raft::role::candidate) {
            become_leader(now);
        } else {
            HPCSCHED_ASSERT(out != nullptr);
            start_candidacy(now, *out, false);
        }
        return;
    }
    bool const possible = members_.is_quorum(
        [&](std::size_t i) { return peers_[i].vote != ballot::refused; }); // its own is none or granted
    if (!possible) {
        become_follower(hard_.term, no_node, now);
    }
}

inline bool replica::hears_a_leader(time_point now) const noexcept {
    if (now < vote_guard_until_) {
        return true;
    }
    return config_.check_quorum && (leads() || (leader_ != no_node && heard_leader_ != time_point::min() &&
                                                now - heard_leader_ < config_.election_timeout));
}

// Compares the terms before a message is looked at (Raft paper, section 5.1). Whether there is more to do.
inline bool replica::admit(message const& m, time_point now, ready& out) {
    bool const from_leader = std::holds_alternative<append_request>(m.body) ||
                             std::holds_alternative<heartbeat>(m.body) ||
                             std::holds_alternative<snapshot_chunk>(m.body);
    auto const* const request = std::get_if<vote_request>(&m.body);
    if (m.term > hard_.term) {
        auto const* const response = std::get_if<vote_response>(&m.body);
        if (request != nullptr && !request->transfer && hears_a_leader(now)) {
            return false; // thesis, section 4.2.3: no server is deposed by one that merely lost touch
        }
        bool const of_the_future = (request != nullptr && request->pre_vote) ||
                                   (response != nullptr && response->pre_vote && response->granted);
        if (!of_the_future) {
            become_follower(m.term, from_leader ? m.from : no_node, now);
        }
        return true;
    }
    if (m.term < hard_.term) {
        if (from_leader) {
            send(out, m.from, append_response{.rejected = true}); // its term is what counts: it deposes the old leader
        } else if (request != nullptr) {
            send(out, m.from,
                 vote_response{.pre_vote = request->pre_vote, .granted = false}); // so that it learns the term
        }
        return false;
    }
    if (!from_leader) {
        return true;
    }
    if (leads() || m.from == config_.id) {
        return false; // there is one leader in a term
    }
    if (role_ != raft::role::follower) {
        become_follower(hard_.term, m.from, now);
    }
    return true;
}

inline void replica::receive(message const& m, time_point now, ready& out) {
    if (m.to != config_.id || m.from == no_node || !admit(m, now, out)) {
        return;
    }
    bool const answer =
        std::holds_alternative<append_response>(m.body) || std::holds_alternative<heartbeat_response>(m.body);
    auto const* const beat = std::get_if<heartbeat>(&m.body);
    if (quiet_ && !answer && !(beat != nullptr && beat->quiesce)) {
        wake(now);
    }
    std::visit([&](auto const& body) { on(body, m, now, out); }, m.body);
}

inline void replica::on(vote_request const& m, message const& envelope, time_point now, ready& out) {
    bool const free = hard_.voted_for == no_node && leader_ == no_node;
    bool const can_vote = envelope.term > hard_.term || hard_.voted_for == envelope.from || free;
    bool const up_to_date = m.last_term > window_.last_term() ||
                            (m.last_term == window_.last_term() && m.last_index >= window_.last_index());
    if (m.pre_vote) {
        bool const granted = can_vote && up_to_date;
        send(out, envelope.from, granted ? envelope.term : hard_.term,
             vote_response{.pre_vote = true, .granted = granted});
        return;
    }
    if (!can_vote || !up_to_date || now < vote_guard_until_) {
        send(out, envelope.from, vote_response{.granted = false});
        return;
    }
    if (hard_.voted_for != envelope.from) {
        hard_.voted_for = envelope.from;
        hard_changed_ = true;
    }
    arm_election(now);
    voted_now_ = envelope.from;
    vote_write_ = hard_changed_ ? last_write_ + 1 : last_write_;
}

inline void replica::on(vote_response const& m, message const& envelope, time_point now, ready& out) {
    std::size_t const at = position(envelope.from);
    bool const awaited = m.pre_vote ? role_ == raft::role::pre_candidate : role_ == raft::role::candidate;
    bool const of_this_election = envelope.term == hard_.term + (m.pre_vote && m.granted ? 1U : 0U);
    if (at == nobody || !awaited || !of_this_election) {
        return;
    }
    if (peers_[at].vote == detail::ballot::none) {
        peers_[at].vote = m.granted ? detail::ballot::granted : detail::ballot::refused;
        count_votes(now, &out);
    }
}

inline void replica::on(timeout_now const& /*m*/, message const& envelope, time_point now, ready& out) {
    if (envelope.from == leader_) {
        stand_for_election(now, out, true);
    }
}

inline result<void, errc> replica::transfer_leadership(node_id to, time_point now, ready& out) {
    if (!leads()) {
        return errc::not_leader;
    }
    if (transfer_to_ != no_node) {
        return errc::leaving_office;
    }
    std::size_t const at = position(to);
    if (at == nobody || at == self_ || !members_.members()[at].votes || members_.members()[at].witness) {
        return errc::invalid_change;
    }
    wake(now);
    transfer_to_ = to;
    transfer_deadline_ = saturating_add(now, config_.election_timeout);
    finish_transfer(out);
    return {};
}

inline void replica::finish_transfer(ready& out) {
    std::size_t const at = position(transfer_to_);
    if (at != nobody && peers_[at].match == window_.last_index() && peers_[at].state == detail::send_state::replicate) {
        transfer_sent_ = true;
        send(out, transfer_to_, timeout_now{});
    }
}

} // namespace hpcsched::raft

#endif
