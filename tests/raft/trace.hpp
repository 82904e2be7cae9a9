// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_TESTS_RAFT_TRACE_HPP
#define HPCSCHED_TESTS_RAFT_TRACE_HPP

#include <hpcsched/core/bytes.hpp>
#include <hpcsched/raft/membership.hpp>
#include <hpcsched/raft/message.hpp>
#include <hpcsched/raft/replica.hpp>
#include <hpcsched/raft/types.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <variant>

namespace hpcsched::raft::test {

/// Messages, entries and the like as a reader of the Raft paper would write them down. A place in the log is
/// index/term, everywhere.
class trace {
  public:
    /// Whether commands begin with a session's key (sessions.hpp).
    bool with_sessions = false;

    static std::string number(std::uint64_t n) { return std::to_string(n); }
    static std::string name(node_id id) { return number(id.value); }
    static std::string place(log_index index, log_term term) { return number(index) + "/" + number(term); }

    static std::string text(role r) {
        switch (r) {
        case role::follower:
            return "follower";
        case role::pre_candidate:
            return "pre_candidate";
        case role::candidate:
            return "candidate";
        default:
            return "leader";
        }
    }

    static std::string text(errc e) {
        char const* const names[] = {"",
                                     "not_leader",
                                     "leaving_office",
                                     "no_leader",
                                     "quota_exceeded",
                                     "entry_too_large",
                                     "change_in_progress",
                                     "invalid_change",
                                     "too_many_reads",
                                     "witness"};
        return names[static_cast<std::size_t>(e)];
    }

    /// Voters, learners and witnesses; "1 2 -> 2 3" where two configurations are in force.
    static std::string text(membership const& m) {
        std::string out;
        if (m.joint()) {
            out += voters(m, &member::voted) + " -> ";
        }
        out += voters(m, &member::votes);
        for (member const& each : m.members()) {
            if ((!each.votes && !each.voted) || each.stays_as_learner) {
                out += (each.stays_as_learner ? ", later learner " : ", learner ") + name(each.id);
            }
        }
        return out;
    }

    static std::string payload(std::span<std::byte const> bytes) {
        bool const printable = std::ranges::all_of(bytes, [](std::byte b) { return b >= std::byte{0x20}; });
        if (!printable || bytes.size() > 12) {
            return number(bytes.size()) + " bytes";
        }
        return "\"" + std::string{reinterpret_cast<char const*>(bytes.data()), bytes.size()} + "\"";
    }

    [[nodiscard]] std::string command(std::span<std::byte const> bytes) const {
        if (!with_sessions) {
            return payload(bytes);
        }
        byte_reader in{bytes};
        std::uint64_t const client = in.word();
        std::uint64_t const sequence = in.word();
        if (!in.good()) {
            return payload(bytes);
        }
        return client == 0 ? "(a new session)"
                           : "(client " + number(client) + ", no. " + number(sequence) + ") " + payload(in.rest());
    }

    [[nodiscard]] std::string text(entry const& e) const {
        std::string const at = place(e.index, e.term) + " ";
        switch (e.kind) {
        case entry_kind::no_op:
            return at + "no_op";
        case entry_kind::command:
            return at + command(e.payload);
        case entry_kind::membership: {
            auto const decoded = membership_codec::decode(e.payload);
            return at + "membership " + (decoded ? text(*decoded) : std::string{"?"});
        }
        default:
            return at + "omitted";
        }
    }

    [[nodiscard]] std::string text(std::span<entry const> entries) const {
        std::string out;
        for (entry const& e : entries) {
            out += (out.empty() ? "" : ", ") + text(e);
        }
        return "[" + out + "]";
    }

    /// The message's kind, as in message.hpp.
    static std::string kind(message const& m) {
        char const* const names[] = {"vote_request", "vote_response",      "append_request", "append_response",
                                     "heartbeat",    "heartbeat_response", "snapshot_chunk", "snapshot_response",
                                     "timeout_now",  "read_request",       "read_response",  "forwarded_command"};
        return names[m.body.index()];
    }

    /// "1->2 heartbeat term 1 commit 3 round 2"; "1-x2" where it is lost.
    [[nodiscard]] std::string text(message const& m, bool lost = false) const {
        return name(m.from) + (lost ? "-x" : "->") + name(m.to) + " " + kind(m) + " term " + number(m.term) +
               std::visit([this](auto const& body) { return this->rest(body); }, m.body);
    }

  private:
    static std::string voters(membership const& m, bool member::* counts) {
        std::string out;
        for (member const& each : m.members()) {
            if (each.*counts) {
                out += (out.empty() ? "" : " ") + name(each.id) + (each.witness ? "(witness)" : "") +
                       (each.priority != 1 ? "(priority " + number(each.priority) + ")" : "");
            }
        }
        return "{" + out + "}";
    }

    static std::string flag(bool set, char const* name) { return set ? std::string{" "} + name : std::string{}; }

    static std::string rest(vote_request const& m) {
        return " last " + place(m.last_index, m.last_term) + flag(m.pre_vote, "pre_vote") +
               flag(m.transfer, "transfer");
    }
    static std::string rest(vote_response const& m) {
        return std::string{m.granted ? " granted" : " refused"} + flag(m.pre_vote, "pre_vote");
    }
    [[nodiscard]] std::string rest(append_request const& m) const {
        return " prev " + place(m.previous_index, m.previous_term) + " commit " + number(m.commit) + " round " +
               number(m.round) + " " + text(m.entries) + flag(m.without_commands, "without_commands");
    }
    static std::string rest(append_response const& m) {
        if (!m.rejected) {
            return " matched " + number(m.matched) + " round " + number(m.round);
        }
        if (m.asked == 0) {
            return " rejected";
        }
        return " rejected " + number(m.asked) + ", may agree at " + place(m.matched, m.hint_term) + " commit " +
               number(m.commit) + " round " + number(m.round);
    }
    static std::string rest(heartbeat const& m) {
        return " commit " + number(m.commit) + (m.round == 0 ? "" : " round " + number(m.round)) +
               flag(m.quiesce, "quiesce");
    }
    static std::string rest(heartbeat_response const& m) {
        return " verified " + number(m.verified) + " round " + number(m.round);
    }
    static std::string rest(snapshot_chunk const& m) {
        auto const members = membership_codec::decode(m.members);
        return " of " + place(m.last_index, m.last_term) + " " + (members ? text(*members) : "?") + " bytes " +
               number(m.offset) + " to " + number(m.offset + m.bytes.size()) + flag(m.last, "the last");
    }
    static std::string rest(snapshot_response const& m) {
        return " of " + number(m.last_index) + " has " + number(m.next_offset) + " bytes";
    }
    static std::string rest(timeout_now const& /*m*/) { return {}; }
    static std::string rest(read_request const& m) { return " read " + number(m.id); }
    static std::string rest(read_response const& m) { return " read " + number(m.id) + " at " + number(m.index); }
    [[nodiscard]] std::string rest(forwarded_command const& m) const { return " " + command(m.payload); }
};

} // namespace hpcsched::raft::test

#endif
