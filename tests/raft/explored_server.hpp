// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_TESTS_RAFT_EXPLORED_SERVER_HPP
#define HPCSCHED_TESTS_RAFT_EXPLORED_SERVER_HPP

#include <hpcsched/raft/memory_log.hpp>
#include <hpcsched/raft/replica.hpp>
#include <hpcsched/raft_sim/owned_message.hpp>

#include "opened_replica.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

namespace hpcsched::raft::test {

/// What the safety properties are about, of one server.
struct server_facts {
    struct logged {
        log_term term = 0;
        std::string content;

        friend bool operator==(logged const&, logged const&) = default;
    };
    bool leads = false;
    bool stands = false; ///< is a candidate, in an election proper
    log_term term = 0;
    log_term durable_term = 0;
    std::size_t writes = 0; ///< under way
    std::vector<logged> log;
    std::vector<log_term> disk; ///< terms of the durable entries
};

/// What can happen to one server.
struct server_event {
    enum class kind : std::uint8_t { message, tick, propose, crash, crash_without_disk, written, transfer, change };

    kind what{};
    std::uint32_t argument = 0; ///< the message's number; the command
};

/// What comes of it.
struct server_step {
    std::uint32_t after = 0;         ///< the server's state
    std::vector<std::uint32_t> sent; ///< messages
    std::vector<std::pair<log_index, server_facts::logged>> applied;

    friend bool operator==(server_step const&, server_step const&) = default;
};

/// The states of a server and the messages that have come up, numbered, and the steps between the states. A step is
/// made once; states are the same where their canonical bytes are.
class server_transitions {
  public:
    server_transitions(std::size_t append_entries_max, std::array<bool, 3> const& writes_wait, bool pre_vote)
        : writes_wait_{writes_wait} {
        config_.append_entries_max = append_entries_max;
        config_.pre_vote = pre_vote;
        config_.check_quorum = false;
        config_.window_entries = 16;
        config_.window_bytes = 256;
        config_.entry_bytes_max = 1;
        config_.uncommitted_bytes_max = 256;
    }

    /// A new server of the group 1, 2, 3.
    [[nodiscard]] std::uint32_t first(std::uint32_t id) {
        std::array<node_id, 3> const founders{node_id{1}, node_id{2}, node_id{3}};
        replica_config config = config_;
        config.id = node_id{id};
        memory_log disk{membership{founders}};
        return number_of(server{replica{config, disk.stored(), {}}, disk, {}, {}});
    }

    [[nodiscard]] server_step const& step(std::uint32_t from, server_event const& event) {
        std::uint64_t const key =
            (std::uint64_t{from} << 32U) | (static_cast<std::uint64_t>(event.what) << 28U) | event.argument;
        auto const found = steps_.find(key);
        return found != steps_.end() ? found->second : steps_.emplace(key, make(servers_[from], event)).first->second;
    }

    [[nodiscard]] server_facts const& facts(std::uint32_t number) const { return facts_[number]; }
    [[nodiscard]] message const& message_at(std::uint32_t number) const { return messages_[number].get(); }
    [[nodiscard]] std::size_t server_count() const noexcept { return servers_.size(); }
    [[nodiscard]] std::size_t message_count() const noexcept { return messages_.size(); }

    /// Whether canonical bytes tell enough: from now on, where a state comes up again by another way, what each known
    /// event makes of it is compared with what it makes of the first.
    void check_canonical_bytes() noexcept { checks_ = true; }
    /// An event after which two states that were held to be the same differ.
    [[nodiscard]] std::string const& difference() const noexcept { return difference_; }
    [[nodiscard]] std::size_t comparisons() const noexcept { return comparisons_; }

  private:
    struct write {
        std::uint64_t number = 0;
        raft::hard_state state{};
        log_index commit = 0;
        log_index first_index = 0;
        std::vector<std::pair<entry, std::vector<std::byte>>> entries;
    };
    struct server {
        replica process;
        memory_log disk;
        std::vector<write> writes;
        time_point now{};
    };

    server_step make(server const& before, server_event const& event) {
        server s = before;
        ready out;
        switch (event.what) {
        case server_event::kind::message:
            s.process.receive(messages_[event.argument].get(), s.now, out);
            break;
        case server_event::kind::tick:
            s.now += std::chrono::hours{1}; // whatever timer it is, it is due
            s.process.tick(s.now, out);
            break;
        case server_event::kind::propose: {
            std::byte const command{static_cast<std::uint8_t>(event.argument)};
            (void)s.process.propose({&command, 1}, s.now); // one that leaves its office refuses
            break;
        }
        case server_event::kind::crash_without_disk:
            s.disk = memory_log{s.disk.stored().members};
            [[fallthrough]];
        case server_event::kind::crash:
            s.process = replica{s.process.config(), s.disk.stored(), s.now};
            s.disk.each_stored([&](entry const& e) { s.process.restore(e, s.now); });
            s.writes.clear();
            break;
        case server_event::kind::written:
            carry_out(s.disk, s.writes.front());
            s.process.written(s.writes.front().number, s.now);
            s.writes.erase(s.writes.begin());
            break;
        case server_event::kind::transfer:
            (void)s.process.transfer_leadership(node_id{s.process.id().value % 3 + 1}, s.now, out);
            break;
        case server_event::kind::change: {
            node_id const third{3};
            membership_change const one{s.process.members().is_voter(third) ? membership_change::action::remove
                                                                            : membership_change::action::add_voter,
                                        third};
            (void)s.process.change_membership({&one, 1}, s.now, event.argument != 0);
            break;
        }
        }
        server_step made = settle(s, out);
        made.after = number_of(std::move(s));
        return made;
    }

    server_step settle(server& s, ready& out) {
        server_step made;
        for (s.process.flush(s.now, out); !out.empty(); s.process.flush(s.now, out)) {
            for (message const& m : out.messages.items()) {
                made.sent.push_back(number_of(m));
            }
            for (log_index i = out.committed_first; i != 0 && i <= out.committed_last; ++i) {
                entry const& e = s.process.log().at(i);
                made.applied.push_back({i, {e.term, content(e)}});
            }
            std::optional<write> w;
            if (!out.write.empty()) {
                w = copy_of(out.write);
            }
            if (!out.fetches.empty() || !out.snapshot_reads.empty() || !out.snapshot_stores.empty()) {
                std::abort(); // the windows hold everything
            }
            out.clear();
            if (w && writes_wait_[s.process.id().value - 1]) {
                s.writes.push_back(std::move(*w));
            } else if (w) {
                carry_out(s.disk, *w);
                s.process.written(w->number, s.now);
            }
        }
        return made;
    }

    static write copy_of(log_write const& w) {
        write copy{w.number, w.state, w.commit, w.first_index, {}};
        for (auto const& part : w.entries) {
            for (entry const& e : part) {
                copy.entries.emplace_back(e, std::vector<std::byte>{e.payload.begin(), e.payload.end()});
            }
        }
        return copy;
    }

    static void carry_out(memory_log& disk, write const& w) {
        std::vector<entry> entries;
        for (auto const& [e, payload] : w.entries) {
            entries.push_back({e.index, e.term, e.kind, payload});
        }
        if (!disk.write({w.number, w.state, w.commit, w.first_index, {std::span<entry const>{entries}, {}}})) {
            std::abort();
        }
    }

    static std::string content(entry const& e) {
        std::string out(1, static_cast<char>('0' + static_cast<int>(e.kind)));
        out.append(reinterpret_cast<char const*>(e.payload.data()), e.payload.size());
        return out;
    }

    // --- numbers ----------------------------------------------------------------------------------------------------

    static std::string key_of(server const& s) {
        canonical_bytes key;
        key.add(s.process.id());
        add_state(key, s.process);
        stored_state const& stored = s.disk.stored();
        key.add(stored.state.term);
        key.add(stored.state.voted_for);
        key.add(stored.commit);
        s.disk.each_stored([&](entry const& e) { key.add(e); });
        for (write const& w : s.writes) {
            key.add(254); // no index is
            key.add(w.state.term);
            key.add(w.state.voted_for);
            key.add(w.commit);
            key.add(w.first_index);
            std::ranges::for_each(w.entries, [&](auto const& e) {
                key.add(e.first.index);
                key.add(e.first.term);
                key.add(std::span<std::byte const>{e.second});
            });
        }
        return key.bytes();
    }

    std::uint32_t number_of(server&& s) {
        auto const [at, is_new] = server_numbers_.try_emplace(key_of(s), static_cast<std::uint32_t>(servers_.size()));
        if (is_new) {
            facts_.push_back(facts_of(s));
            servers_.push_back(std::move(s));
        } else if (checks_) {
            compare(at->second, s);
        }
        return at->second;
    }

    static server_facts facts_of(server const& s) {
        server_facts f;
        f.leads = s.process.role() == role::leader;
        f.stands = s.process.role() == role::candidate;
        f.term = s.process.term();
        f.durable_term = s.disk.stored().state.term;
        f.writes = s.writes.size();
        log_window const& log = s.process.log();
        for (log_index i = 1; i <= log.last_index(); ++i) {
            f.log.push_back({log.at(i).term, content(log.at(i))});
        }
        s.disk.each_stored([&](entry const& e) { f.disk.push_back(e.term); });
        return f;
    }

    // Rounds of heartbeats confirm reads, and there are none: they are all the same here.
    std::uint32_t number_of(message m) {
        if (auto* const append = std::get_if<append_request>(&m.body)) {
            append->round = 1;
        } else if (auto* const answer = std::get_if<append_response>(&m.body)) {
            answer->round = 1;
        } else if (auto* const beat = std::get_if<heartbeat>(&m.body)) {
            beat->round = std::min<std::uint64_t>(beat->round, 1);
        } else if (auto* const echo = std::get_if<heartbeat_response>(&m.body)) {
            echo->round = 1;
        }
        canonical_bytes key;
        key.add(m.from);
        key.add(m.to);
        key.add(m.term);
        key.add(m.body.index());
        std::visit([&](auto const& body) { add(key, body); }, m.body);
        auto const [at, is_new] =
            message_numbers_.try_emplace(key.bytes(), static_cast<std::uint32_t>(messages_.size()));
        if (is_new) {
            messages_.emplace_back(m);
        }
        return at->second;
    }

    static void add_all(canonical_bytes& key, std::initializer_list<std::uint64_t> words) {
        std::ranges::for_each(words, [&](std::uint64_t w) { key.add(w); });
    }
    static void add(canonical_bytes& key, vote_request const& m) {
        add_all(key, {m.last_index, m.last_term, m.pre_vote, m.transfer});
    }
    static void add(canonical_bytes& key, vote_response const& m) { add_all(key, {m.pre_vote, m.granted}); }
    static void add(canonical_bytes& key, append_request const& m) {
        add_all(key, {m.previous_index, m.previous_term, m.commit});
        std::ranges::for_each(m.entries, [&](entry const& e) { key.add(e); });
    }
    static void add(canonical_bytes& key, append_response const& m) {
        add_all(key, {m.rejected, m.matched, m.hint_term, m.asked, m.commit});
    }
    static void add(canonical_bytes& key, heartbeat const& m) { add_all(key, {m.commit, m.round, m.quiesce}); }
    static void add(canonical_bytes& key, heartbeat_response const& m) { add_all(key, {m.verified}); }
    static void add(canonical_bytes& /*key*/, timeout_now const& /*m*/) {}
    template <class Other>
    static void add(canonical_bytes& /*key*/, Other const& /*m*/) {
        std::abort(); // no snapshots, reads or forwarded commands here
    }

    // --- whether the bytes tell enough ------------------------------------------------------------------------------

    // Every 16th time: what comes of each event is compared by the bytes of the state after it and what was sent.
    void compare(std::uint32_t known, server const& other) {
        if (++met_again_ % 16 != 0 || !difference_.empty()) {
            return;
        }
        checks_ = false;
        auto const both = [&](server_event const& event) {
            ++comparisons_;
            server_step const a = make(server{servers_[known]}, event);
            server_step const b = make(other, event);
            if (a != b && difference_.empty()) {
                difference_ = "kind of event " + std::to_string(static_cast<int>(event.what)) + ", argument " +
                              std::to_string(event.argument);
            }
        };
        both({server_event::kind::tick, 0});
        both({server_event::kind::crash, 0});
        if (facts_[known].writes > 0) {
            both({server_event::kind::written, 0});
        }
        if (facts_[known].leads) {
            both({server_event::kind::propose, 1});
            both({server_event::kind::transfer, 0});
            both({server_event::kind::change, 0});
        }
        for (std::uint32_t m = 0; m < std::min<std::size_t>(messages_.size(), 200); ++m) {
            if (messages_[m].get().to == other.process.id()) {
                both({server_event::kind::message, m});
            }
        }
        checks_ = true;
    }

    replica_config config_;
    std::array<bool, 3> writes_wait_;
    std::deque<server> servers_;
    std::deque<server_facts> facts_;
    std::deque<raft_sim::owned_message> messages_;
    std::unordered_map<std::string, std::uint32_t> server_numbers_;
    std::unordered_map<std::string, std::uint32_t> message_numbers_;
    std::unordered_map<std::uint64_t, server_step> steps_;
    bool checks_ = false;
    std::size_t met_again_ = 0;
    std::size_t comparisons_ = 0;
    std::string difference_;
};

} // namespace hpcsched::raft::test

#endif
