// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_TESTS_RAFT_EXPLORER_HPP
#define HPCSCHED_TESTS_RAFT_EXPLORER_HPP

#include <hpcsched/raft/message.hpp>
#include <hpcsched/raft/types.hpp>

#include "explored_server.hpp"
#include "trace.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

namespace hpcsched::raft::test {

/// Where an exploration begins.
enum class beginning : std::uint8_t {
    empty,    ///< three new servers
    elected,  ///< 1 leads in term 1, and 1/1 is committed everywhere
    pair,     ///< then 1 has removed 3, and everybody knows whom it concerns
    figure_8, ///< 1 led in term 1, 2 leads in term 2; each has its first entry, which nobody else has, and 3 none
};

/// What may happen in an exploration, and how often. Messages may be delivered in any order, or never: a lost message
/// is one that is not delivered, and does not need an action of its own.
struct exploration {
    std::array<unsigned, 3> timeouts{1, 1, 1}; ///< elections that each server stands for; below 8
    unsigned proposals = 1;                    ///< below 8, as all that follow
    unsigned crashes = 0;                      ///< a server starts again with what is durable
    std::array<bool, 3> crash_prone{true, true, true};
    unsigned duplicates = 0;           ///< a message is delivered and stays in flight
    unsigned drops = 0;                ///< a message goes; adds no behaviour, see above
    unsigned beats = 0;                ///< a leader's heartbeat timer goes off
    unsigned transfers = 0;            ///< a leader is told to hand over to the next server
    unsigned changes = 0;              ///< a leader removes server 3, or adds it where it is gone
    bool joint = false;                ///< by way of a joint configuration
    std::array<bool, 3> writes_wait{}; ///< of a server: its writes are durable some time later, else at once
    bool pre_vote = false;
    beginning begins = beginning::empty;
    bool dead_letters = false; ///< keep messages that cannot do anything any more
    bool amnesia = false;      ///< a crash takes the disk with it, which no group survives: to see that it shows
    std::size_t append_entries_max = 256;
    std::size_t states_max = 50'000'000;
};

/// What an exploration found.
struct explored {
    std::string breach; ///< of a safety property, with the shortest way to it; empty: none
    bool complete = false;
    std::size_t states = 0;
    std::size_t transitions = 0;
    std::size_t depth = 0;
    std::size_t servers = 0;  ///< different states of one server
    std::size_t messages = 0; ///< different messages
    std::size_t leaders = 0;  ///< the most terms that had a leader in one state
    log_index committed = 0;  ///< the most entries committed in one state
};

/// Visits every state that a group of three servers can be in, breadth first, and checks the safety properties of
/// figure 3 of the Raft paper in each, by what it has seen itself: who led in which term, and which entries were
/// applied. Beside them that a committed entry is durable on a majority.
///
/// A state is three servers (the replica, its disk, its writes under way), the messages in flight, what was seen, and
/// how much of the bounds is used. Servers, messages and histories are numbered by their canonical bytes, so a state is
/// a few words; two states are the same where all of these are. Nothing is hashed away.
///
/// Time is left out: a timer goes off when the explorer says so. So there are no leases, check-quorum and rest here;
/// the simulated groups of raft_sim have those.
class explorer {
  public:
    explicit explorer(exploration const& plan)
        : what_{plan}, transitions_{plan.append_entries_max, plan.writes_wait, plan.pre_vote} {}

    explored run() {
        begin();
        for (std::size_t at = 0; at < begins_.size() && result_.breach.empty(); ++at) {
            if (at == level_end_) {
                level_end_ = begins_.size();
                ++result_.depth;
            }
            if (begins_.size() > what_.states_max) {
                return finish(false);
            }
            expand(at);
        }
        return finish(result_.breach.empty());
    }

    /// Checks on the way that states held to be the same are; as difference() tells afterwards.
    void check_canonical_bytes() noexcept { transitions_.check_canonical_bytes(); }
    [[nodiscard]] server_transitions const& transitions() const noexcept { return transitions_; }

    /// How the state that is being looked at came about.
    [[nodiscard]] std::string way() const { return way_to(current_, "now"); }

  private:
    static constexpr std::size_t servers = 3;
    enum class what : std::uint8_t { deliver, repeat, drop, tick, propose, crash, write, transfer, change };
    enum budget : std::uint8_t {
        timeouts_1,
        timeouts_2,
        timeouts_3,
        proposals,
        crashes,
        duplicates,
        drops,
        beats,
        transfers,
        changes
    };

    // Who led in which term, and what was committed: history variables.
    struct history {
        std::vector<std::uint8_t> leaders; // by term
        struct committed {
            log_term term = 0;
            log_term by = 0; // a term no earlier than that in which it was committed
            std::string content;
        };
        std::vector<committed> entries; // from index 1 on
    };

    // A state, unpacked.
    struct state {
        std::array<std::uint32_t, servers> nodes{};
        std::uint32_t seen = 0; // a history
        std::uint32_t used = 0; // of the bounds, three bits each
        std::vector<std::uint32_t> flying;
    };

    struct step_made {
        std::uint32_t parent = 0;
        what action{};
        std::uint8_t node = 0;
        std::uint32_t argument = 0;
    };

    // --- states -----------------------------------------------------------------------------------------------------

    void begin() {
        state first;
        for (std::uint32_t i = 0; i < servers; ++i) {
            first.nodes[i] = transitions_.first(i + 1);
        }
        first.seen = number_of({});
        keep(first, {});
        if (what_.begins != beginning::empty) {
            first = what_.begins == beginning::figure_8 ? led(led(first, 0, 2), 1) : settled(led(first, 0));
            if (what_.begins == beginning::pair) {
                first = settled(after(first, {0, what::change, 0, 0}));
            }
            first.used = 0;
            keep_only(first);
        }
        level_end_ = 1;
    }

    void keep_only(state const& s) {
        begins_.clear();
        words_.clear();
        steps_.clear();
        table_.assign(1U << 10U, 0);
        keep(s, {});
    }

    // `node` is elected by all but `unasked`, whose vote is not asked for; its entry is lost.
    state led(state s, std::uint8_t node, std::size_t unasked = servers) {
        s = after(s, {0, what::tick, node, 0});
        while (!transitions_.facts(s.nodes[node]).leads) {
            s = written(s);
            std::uint32_t const m = s.flying.front();
            auto const to = static_cast<std::uint8_t>(transitions_.message_at(m).to.value - 1);
            s = after(s, {0, to == unasked ? what::drop : what::deliver, to, m});
        }
        s = written(s);
        if (what_.begins == beginning::figure_8) {
            s.flying.clear();
        }
        return s;
    }

    state written(state s) {
        for (std::uint8_t i = 0; i < servers; ++i) {
            while (transitions_.facts(s.nodes[i]).writes > 0) {
                s = after(s, {0, what::write, i, 0});
            }
        }
        return s;
    }

    // Everything is delivered until nothing is left.
    state settled(state s) {
        while (!s.flying.empty()) {
            auto const to = static_cast<std::uint8_t>(transitions_.message_at(s.flying.front()).to.value - 1);
            s = written(after(s, {0, what::deliver, to, s.flying.front()}));
        }
        return s;
    }

    [[nodiscard]] state unpacked(std::size_t at) const {
        std::size_t const end = at + 1 < begins_.size() ? begins_[at + 1] : words_.size();
        std::uint32_t const* const w = words_.data() + begins_[at];
        return {{w[0], w[1], w[2]}, w[3], w[4], {w + 5, words_.data() + end}};
    }

    // Adds the state unless it is there.
    void keep(state const& s, step_made const& step) {
        std::size_t const begin = words_.size();
        words_.insert(words_.end(), {s.nodes[0], s.nodes[1], s.nodes[2], s.seen, s.used});
        words_.insert(words_.end(), s.flying.begin(), s.flying.end());
        if ((begins_.size() + 1) * 2 > table_.size()) {
            grow();
        }
        std::span<std::uint32_t const> const mine{words_.data() + begin, words_.size() - begin};
        std::size_t slot = hash(mine) & (table_.size() - 1);
        for (; table_[slot] != 0; slot = (slot + 1) & (table_.size() - 1)) {
            if (std::ranges::equal(stored(table_[slot] - 1, begin), mine)) {
                words_.resize(begin);
                return;
            }
        }
        begins_.push_back(begin);
        steps_.push_back(step);
        table_[slot] = static_cast<std::uint32_t>(begins_.size());
    }

    [[nodiscard]] std::span<std::uint32_t const> stored(std::size_t at, std::size_t end) const {
        std::size_t const stop = at + 1 < begins_.size() ? begins_[at + 1] : end;
        return {words_.data() + begins_[at], stop - begins_[at]};
    }

    static std::size_t hash(std::span<std::uint32_t const> words) {
        std::uint64_t h = 0x9e3779b97f4a7c15U;
        for (std::uint32_t const w : words) {
            h = (h ^ w) * 0xff51afd7ed558ccdU;
            h ^= h >> 29U;
        }
        return static_cast<std::size_t>(h ^ (h >> 32U));
    }

    void grow() {
        table_.assign(std::max<std::size_t>(table_.size() * 2, 1U << 10U), 0);
        for (std::size_t at = 0; at < begins_.size(); ++at) {
            std::size_t const end = at + 1 < begins_.size() ? begins_[at + 1] : begins_[at];
            std::size_t slot = hash(stored(at, end)) & (table_.size() - 1);
            while (table_[slot] != 0) {
                slot = (slot + 1) & (table_.size() - 1);
            }
            table_[slot] = static_cast<std::uint32_t>(at + 1);
        }
    }

    // --- what can happen --------------------------------------------------------------------------------------------

    [[nodiscard]] static unsigned used(state const& s, unsigned which) { return (s.used >> (which * 3)) & 7U; }
    static void use(state& s, unsigned which) { s.used += 1U << (which * 3); }

    void expand(std::size_t at) {
        state const s = unpacked(at);
        auto const parent = static_cast<std::uint32_t>(at);
        current_ = at;
        auto const go = [&](what action, std::size_t node, std::uint32_t argument) {
            if (result_.breach.empty()) {
                ++result_.transitions;
                step_made const step{parent, action, static_cast<std::uint8_t>(node), argument};
                keep(after(s, step), step);
            }
        };
        for (std::size_t k = 0; k < s.flying.size(); ++k) {
            if (k > 0 && s.flying[k] == s.flying[k - 1]) {
                continue;
            }
            std::size_t const to = transitions_.message_at(s.flying[k]).to.value - 1;
            go(what::deliver, to, s.flying[k]);
            if (used(s, duplicates) < what_.duplicates) {
                go(what::repeat, to, s.flying[k]);
            }
            if (used(s, drops) < what_.drops) {
                go(what::drop, to, s.flying[k]);
            }
        }
        for (std::size_t i = 0; i < servers; ++i) {
            server_facts const& f = transitions_.facts(s.nodes[i]);
            if (f.leads ? used(s, beats) < what_.beats
                        : used(s, static_cast<unsigned>(timeouts_1 + i)) < what_.timeouts[i]) {
                go(what::tick, i, 0);
            }
            if (f.leads && used(s, proposals) < what_.proposals) {
                go(what::propose, i, used(s, proposals) + 1);
            }
            if (f.leads && used(s, transfers) < what_.transfers) {
                go(what::transfer, i, 0);
            }
            if (f.leads && used(s, changes) < what_.changes) {
                go(what::change, i, 0);
            }
            if (what_.crash_prone[i] && used(s, crashes) < what_.crashes) {
                go(what::crash, i, 0);
            }
            if (f.writes > 0) {
                go(what::write, i, 0);
            }
        }
    }

    // The state after a step.
    state after(state s, step_made const& step) {
        server_facts const& before = transitions_.facts(s.nodes[step.node]);
        server_event event{};
        switch (step.action) {
        case what::deliver:
        case what::repeat:
            event = {server_event::kind::message, step.argument};
            break;
        case what::drop:
            break;
        case what::tick:
            use(s, before.leads ? unsigned{beats} : unsigned{timeouts_1} + step.node);
            event = {server_event::kind::tick, 0};
            break;
        case what::propose:
            use(s, proposals);
            event = {server_event::kind::propose, step.argument};
            break;
        case what::crash:
            use(s, crashes);
            event = {what_.amnesia ? server_event::kind::crash_without_disk : server_event::kind::crash, 0};
            break;
        case what::write:
            event = {server_event::kind::written, 0};
            break;
        case what::transfer:
            use(s, transfers);
            event = {server_event::kind::transfer, 0};
            break;
        case what::change:
            use(s, changes);
            event = {server_event::kind::change, what_.joint ? 1U : 0U};
            break;
        }
        if (step.action == what::deliver || step.action == what::drop) {
            s.flying.erase(std::ranges::find(s.flying, step.argument));
        }
        if (step.action == what::repeat) {
            use(s, duplicates);
        }
        if (step.action == what::drop) {
            use(s, drops);
            return s;
        }
        server_step const& made = transitions_.step(s.nodes[step.node], event);
        s.nodes[step.node] = made.after;
        s.flying.insert(s.flying.end(), made.sent.begin(), made.sent.end());
        std::erase_if(s.flying, [&](std::uint32_t m) { return !what_.dead_letters && is_dead(s, m); });
        std::ranges::sort(s.flying);
        look_at(s, step, made);
        return s;
    }

    // An answer that does nothing whenever it arrives, whatever happens before. Its receiver has a term for good when
    // that is on its disk; it can be elected in a term, or lead it, only once, and stands for later ones from then on.
    [[nodiscard]] bool is_dead(state const& s, std::uint32_t number) const {
        message const& m = transitions_.message_at(number);
        server_facts const& f = transitions_.facts(s.nodes[m.to.value - 1]);
        if (m.term > f.durable_term) {
            return false;
        }
        if (auto const* const vote = std::get_if<vote_response>(&m.body)) {
            bool const awaited = f.stands && f.term == m.term;
            return vote->pre_vote ? m.term < f.durable_term || vote->granted : !awaited;
        }
        bool const answer =
            std::holds_alternative<append_response>(m.body) || std::holds_alternative<heartbeat_response>(m.body);
        return answer && !(f.leads && f.term == m.term);
    }

    // --- the safety properties --------------------------------------------------------------------------------------

    void look_at(state& s, step_made const& step, server_step const& made) {
        server_facts const& f = transitions_.facts(s.nodes[step.node]);
        bool const leads_anew = f.leads && (histories_[s.seen].leaders.size() <= f.term ||
                                            histories_[s.seen].leaders[f.term] != step.node + 1);
        bool const commits = !made.applied.empty();
        if (leads_anew || commits) {
            history h = histories_[s.seen];
            see_leader(h, f, step);
            see_applied(h, made, f, step);
            s.seen = number_of(h);
        }
        history const& h = histories_[s.seen];
        for (std::size_t i = 0; i < servers; ++i) {
            server_facts const& other = transitions_.facts(s.nodes[i]);
            check_matching(f, other, step);
            if (other.leads) {
                check_completeness(h, other, i, step);
            }
        }
        check_durability(h, s, step);
    }

    void see_leader(history& h, server_facts const& f, step_made const& step) {
        if (!f.leads) {
            return;
        }
        h.leaders.resize(std::max<std::size_t>(h.leaders.size(), f.term + 1));
        std::uint8_t& leader = h.leaders[f.term];
        if (leader != 0 && leader != step.node + 1) {
            broken("election safety: " + std::to_string(leader) + " and " + std::to_string(step.node + 1) +
                       " lead in term " + std::to_string(f.term),
                   step);
        }
        leader = static_cast<std::uint8_t>(step.node + 1);
    }

    void see_applied(history& h, server_step const& made, server_facts const& f, step_made const& step) {
        for (auto const& [index, e] : made.applied) {
            if (index > h.entries.size() + 1) {
                broken("a gap: " + std::to_string(index) + " is applied", step);
                return;
            }
            if (index == h.entries.size() + 1) {
                h.entries.push_back({e.term, f.term, e.content});
            }
            auto& known = h.entries[index - 1];
            known.by = std::min(known.by, f.term);
            if (known.term != e.term || known.content != e.content) {
                broken("state machine safety: " + std::to_string(step.node + 1) + " applies another entry at " +
                           std::to_string(index),
                       step);
            }
        }
    }

    void check_matching(server_facts const& a, server_facts const& b, step_made const& step) {
        std::size_t common = std::min(a.log.size(), b.log.size());
        while (common > 0 && a.log[common - 1].term != b.log[common - 1].term) {
            --common;
        }
        if (!std::equal(a.log.begin(), a.log.begin() + static_cast<std::ptrdiff_t>(common), b.log.begin())) {
            broken("log matching: two logs have an entry of one term at " + std::to_string(common) +
                       " and differ before",
                   step);
        }
    }

    void check_completeness(history const& h, server_facts const& f, std::size_t node, step_made const& step) {
        for (std::size_t i = 0; i < h.entries.size(); ++i) {
            if (h.entries[i].by < f.term && (i >= f.log.size() || f.log[i].term != h.entries[i].term)) {
                broken("leader completeness: " + std::to_string(node + 1) + " leads in term " + std::to_string(f.term) +
                           " without the committed entry " + std::to_string(i + 1) + "/" +
                           std::to_string(h.entries[i].term),
                       step);
            }
        }
    }

    void check_durability(history const& h, state const& s, step_made const& step) {
        for (std::size_t i = 0; i < h.entries.size(); ++i) {
            auto const has = [&](std::uint32_t n) {
                auto const& disk = transitions_.facts(n).disk;
                return i < disk.size() && disk[i] == h.entries[i].term;
            };
            if (std::ranges::count_if(s.nodes, has) < 2) {
                broken("durability: the committed entry " + std::to_string(i + 1) + "/" +
                           std::to_string(h.entries[i].term) + " is not on the disks of a majority",
                       step);
            }
        }
    }

    void broken(std::string const& why, step_made const& last) {
        if (result_.breach.empty()) {
            result_.breach = why + "\n" + way_to(last.parent, told(last));
        }
    }

    std::uint32_t number_of(history const& h) {
        canonical_bytes key;
        key.add(h.leaders.size());
        std::ranges::for_each(h.leaders, [&](std::uint8_t leader) { key.add(leader); });
        for (auto const& e : h.entries) {
            key.add(e.term);
            key.add(e.by);
            key.add(std::as_bytes(std::span{e.content}));
        }
        auto const [at, is_new] =
            history_numbers_.try_emplace(key.bytes(), static_cast<std::uint32_t>(histories_.size()));
        if (is_new) {
            histories_.push_back(h);
            auto const led = static_cast<std::size_t>(std::ranges::count_if(h.leaders, [](auto l) { return l != 0; }));
            result_.leaders = std::max(result_.leaders, led);
            result_.committed = std::max<log_index>(result_.committed, h.entries.size());
        }
        return at->second;
    }

    // --- telling ----------------------------------------------------------------------------------------------------

    [[nodiscard]] std::string told(step_made const& step) const {
        std::string const who = std::to_string(step.node + 1);
        switch (step.action) {
        case what::deliver:
            return trace{}.text(transitions_.message_at(step.argument));
        case what::repeat:
            return trace{}.text(transitions_.message_at(step.argument)) + " (and again later)";
        case what::drop:
            return trace{}.text(transitions_.message_at(step.argument), true);
        case what::tick:
            return who + " timer";
        case what::propose:
            return who + " propose no. " + std::to_string(step.argument);
        case what::crash:
            return who + " restart";
        case what::write:
            return who + " oldest write is durable";
        case what::transfer:
            return who + " transfer to the next";
        default:
            return who + " changes the membership";
        }
    }

    [[nodiscard]] std::string way_to(std::size_t at, std::string const& last) const {
        std::vector<std::string> lines{last};
        for (; at != 0; at = steps_[at].parent) {
            lines.push_back(told(steps_[at]));
        }
        std::string out;
        for (auto line = lines.rbegin(); line != lines.rend(); ++line) {
            out += "  " + *line + "\n";
        }
        return out;
    }

    explored finish(bool complete) {
        result_.complete = complete;
        result_.states = begins_.size();
        result_.servers = transitions_.server_count();
        result_.messages = transitions_.message_count();
        return result_;
    }

    exploration what_;
    server_transitions transitions_;
    explored result_;
    std::vector<std::uint32_t> words_;  // of all states, one behind the other
    std::vector<std::uint64_t> begins_; // of each in words_
    std::vector<step_made> steps_;      // that led to each first
    std::vector<std::uint32_t> table_ =
        std::vector<std::uint32_t>(1U << 10U); // open addressing; the state's number + 1
    std::deque<history> histories_;
    std::unordered_map<std::string, std::uint32_t> history_numbers_;
    std::size_t level_end_ = 1;
    std::size_t current_ = 0;
};

} // namespace hpcsched::raft::test

#endif
