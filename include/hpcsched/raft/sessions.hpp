// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_RAFT_SESSIONS_HPP
#define HPCSCHED_RAFT_SESSIONS_HPP

#include <hpcsched/core/bytes.hpp>
#include <hpcsched/raft/state_machine.hpp>

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <utility>

namespace hpcsched::raft {

/// Who sent a command, and its number among this client's.
struct session_key {
    std::uint64_t client = 0;   ///< what opening the session answered; 0 opens one
    std::uint64_t sequence = 0; ///< counted up by one from 1; 0 where a session is opened
};

/// Wraps a state machine so that a command that a client sends again, because it heard no answer, is carried out once:
/// the second time the first answer is given. A client waits for each answer before it sends its next command.
///
/// A command is a `session_key` (two little-endian 64-bit words) and the inner machine's command; an answer is one
/// byte, `session_reply`, and the inner machine's answer. The command {0, 0} opens a session; its answer is the
/// client's number (8 bytes). The table is part of the state, so all servers agree on it, and of snapshots. Beyond
/// `clients_max` sessions the one whose last command is oldest is forgotten: what its client sends after that is
/// `expired`, and not done twice.
///
/// \source thesis, section 6.3
template <state_machine Machine>
class sessions {
  public:
    enum class session_reply : std::uint8_t {
        done = 0,      ///< carried out, now or before: the inner answer follows; or a session was opened
        stale = 1,     ///< older than the client's newest command: its answer is gone, its client has moved on
        expired = 2,   ///< no such session any more: whether this command was carried out before is not known
        malformed = 3, ///< shorter than a key, or sequence 0 within a session
    };

    explicit sessions(Machine machine, std::size_t clients_max = 10'000)
        : machine_{std::move(machine)}, clients_max_{clients_max} {}

    /// The bytes of a command: `key`, then `command`.
    static void encode(session_key const& key, std::span<std::byte const> command, byte_buffer& out) {
        put_word(out, key.client);
        put_word(out, key.sequence);
        out.insert(out.end(), command.begin(), command.end());
    }

    void apply(log_index index, std::span<std::byte const> command, byte_buffer& reply) {
        byte_reader in{command};
        session_key const key{in.word(), in.word()};
        if (!in.good() || (key.client == 0) != (key.sequence == 0)) {
            put(session_reply::malformed, reply);
            return;
        }
        if (key.client == 0) {
            open(index, reply);
            return;
        }
        auto const at = clients_.find(key.client);
        if (at == clients_.end()) {
            put(session_reply::expired, reply);
            return;
        }
        session& s = at->second;
        if (key.sequence < s.sequence) {
            put(session_reply::stale, reply);
            return;
        }
        if (key.sequence > s.sequence) {
            answer_.clear();
            machine_.apply(index, in.rest(), answer_);
            by_age_.erase(s.used);
            s = {key.sequence, index, answer_};
            by_age_.emplace(index, key.client);
        }
        put(session_reply::done, reply);
        reply.insert(reply.end(), s.answer.begin(), s.answer.end());
    }

    /// The inner machine's answer: a question changes nothing, so it needs no session.
    void query(std::span<std::byte const> question, byte_buffer& reply) const
        requires answers_queries<Machine>
    {
        machine_.query(question, reply);
    }

    void save(byte_buffer& out) const {
        put_word(out, clients_.size());
        for (auto const& [client, s] : clients_) {
            put_word(out, client);
            put_word(out, s.sequence);
            put_word(out, s.used);
            put_bytes(out, s.answer);
        }
        machine_.save(out);
    }

    [[nodiscard]] bool restore(std::span<std::byte const> saved) {
        clients_.clear();
        by_age_.clear();
        byte_reader in{saved};
        std::uint64_t const count = in.word();
        for (std::uint64_t i = 0; i < count && in.good(); ++i) {
            std::uint64_t const client = in.word();
            session s{in.word(), in.word(), {}};
            auto const answer = in.bytes();
            s.answer.assign(answer.begin(), answer.end());
            by_age_.emplace(s.used, client);
            clients_.insert_or_assign(client, std::move(s));
        }
        return in.good() && clients_.size() == count && by_age_.size() == count && machine_.restore(in.rest());
    }

    [[nodiscard]] Machine const& machine() const noexcept { return machine_; }
    [[nodiscard]] std::size_t client_count() const noexcept { return clients_.size(); }

  private:
    struct session {
        std::uint64_t sequence = 0;
        log_index used = 0; // of its newest command
        byte_buffer answer;
    };

    static void put(session_reply r, byte_buffer& reply) { reply.push_back(static_cast<std::byte>(r)); }

    // The index of the entry that opens a session is nobody else's.
    void open(log_index index, byte_buffer& reply) {
        while (clients_.size() >= clients_max_) {
            clients_.erase(by_age_.begin()->second);
            by_age_.erase(by_age_.begin());
        }
        clients_.emplace(index, session{0, index, {}});
        by_age_.emplace(index, index);
        put(session_reply::done, reply);
        put_word(reply, index);
    }

    Machine machine_;
    std::size_t clients_max_;
    std::map<std::uint64_t, session> clients_; // ordered: a snapshot is the same on every server
    std::map<log_index, std::uint64_t> by_age_;
    byte_buffer answer_;
};

} // namespace hpcsched::raft

#endif
