// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_RAFT_SIM_INVARIANTS_HPP
#define HPCSCHED_RAFT_SIM_INVARIANTS_HPP

#include <hpcsched/core/hash.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/raft/replica.hpp>
#include <hpcsched/raft/types.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace hpcsched::raft_sim {

/// The safety properties of figure 3 of the Raft paper, checked from outside while a group runs. The first breach is
/// kept.
///
/// Commands that a witness has omitted are told by index and term alone.
class invariants {
  public:
    /// What is broken; empty while nothing is.
    [[nodiscard]] std::string const& breach() const noexcept { return breach_; }

    /// Election safety, log matching and leader completeness, for one replica after it did something.
    /// \complexity O(entries that are new in its log)
    void look_at(raft::replica const& r) {
        look_at_log(r);
        committed_by_.resize(committed_.size(), r.term());
        if (r.role() != raft::role::leader) {
            return;
        }
        auto const [at, first] = leaders_.try_emplace(r.term(), r.id());
        if (at->second != r.id()) {
            broken("election safety: servers " + name(at->second) + " and " + name(r.id()) + " lead in term " +
                   std::to_string(r.term()));
        }
        if (first) {
            check_completeness(r);
        }
    }

    /// State machine safety: every server applies the same entries and gives the same answers.
    void applied(raft::node_id node, raft::entry const& e, std::span<std::byte const> reply) {
        if (left_out(e)) {
            return;
        }
        committed const seen{e.term, fingerprint(e), hash(reply)};
        if (e.index <= committed_.size()) {
            committed const& known = committed_[e.index - 1];
            if (known.term != seen.term || known.entry != seen.entry) {
                broken("state machine safety: server " + name(node) + " applies another entry at index " +
                       std::to_string(e.index));
            } else if (known.reply != seen.reply) {
                broken("state machine equality: server " + name(node) + " answers otherwise at index " +
                       std::to_string(e.index));
            }
        } else if (e.index == committed_.size() + 1) {
            committed_.push_back(seen);
        } else {
            broken("a gap: server " + name(node) + " applies index " + std::to_string(e.index) + " before " +
                   std::to_string(committed_.size() + 1));
        }
    }

    /// Lease exclusivity: `holder` holds a lease while `other` leads in a later term.
    void lease(raft::replica const& holder, raft::replica const& other) {
        if (other.role() == raft::role::leader && other.term() > holder.term()) {
            broken("lease exclusivity: server " + name(holder.id()) + " holds a lease while " + name(other.id()) +
                   " leads");
        }
    }

    /// A server has crashed: what its log is compared with is what comes back.
    void forget(raft::node_id node) { logs_.erase(node.value); }

    void broken(std::string what) {
        if (breach_.empty()) {
            breach_ = std::move(what);
        }
    }

    /// Entries that some server has applied.
    [[nodiscard]] raft::log_index committed_count() const noexcept { return committed_.size(); }
    /// Terms that had a leader.
    [[nodiscard]] std::size_t leader_count() const noexcept { return leaders_.size(); }

  private:
    struct committed {
        raft::log_term term = 0;
        std::uint64_t entry = 0;
        std::uint64_t reply = 0;
    };
    struct known_entry {
        std::uint64_t content = 0; // 0: only its form is known
        raft::log_term previous_term = 0;
        raft::entry_kind kind{};
    };

    static std::string name(raft::node_id id) { return std::to_string(id.value); }

    static std::uint64_t hash(std::span<std::byte const> bytes) {
        sequence_hash h;
        for (std::byte const b : bytes) {
            h.add(static_cast<std::uint64_t>(b));
        }
        h.add(bytes.size());
        return h.value();
    }

    static bool left_out(raft::entry const& e) { return e.kind == raft::entry_kind::omitted; }
    static std::uint64_t fingerprint(raft::entry const& e) { return left_out(e) ? 0 : hash(e.payload) | 1U; }

    // Two logs with the same term at an index are the same up to there: by induction, if each such entry has one
    // content and one predecessor.
    void look_at_log(raft::replica const& r) {
        auto& terms = logs_[r.id().value]; // of the entries looked at, by index
        raft::log_window const& log = r.log();
        raft::log_index i = log.last_index();
        if (terms.size() > i + 1) {
            terms.resize(static_cast<std::size_t>(i) + 1);
        }
        for (; log.holds(i) && (i >= terms.size() || terms[i] != log.at(i).term); --i) {
            raft::entry const& e = log.at(i);
            raft::entry_kind const kind = left_out(e) ? raft::entry_kind::command : e.kind;
            known_entry const seen{fingerprint(e), log.term_at(i - 1).value_or(0), kind};
            auto const [at, first] = entries_.try_emplace({i, e.term}, seen);
            known_entry& known = at->second;
            bool const same_content = known.content == 0 || seen.content == 0 || known.content == seen.content;
            if (known.kind != seen.kind || !same_content || known.previous_term != seen.previous_term) {
                broken("log matching: server " + name(r.id()) + " has another entry at index " + std::to_string(i) +
                       " of term " + std::to_string(e.term));
            }
            known.content = std::max(known.content, seen.content);
        }
        terms.resize(static_cast<std::size_t>(log.last_index()) + 1, 0);
        for (raft::log_index k = i + 1; k <= log.last_index(); ++k) {
            terms[k] = log.at(k).term;
        }
    }

    // A leader has every entry that was committed before its term. One of an earlier term, elected late, need not.
    void check_completeness(raft::replica const& r) {
        for (raft::log_index i = std::max<raft::log_index>(r.log().first_index(), 1); i <= committed_.size(); ++i) {
            if (committed_by_[i - 1] < r.term() && r.log().term_at(i) != committed_[i - 1].term) {
                broken("leader completeness: server " + name(r.id()) + " leads in term " + std::to_string(r.term()) +
                       " without entry " + std::to_string(i) + " of term " + std::to_string(committed_[i - 1].term));
                return;
            }
        }
    }

    std::string breach_;
    std::map<raft::log_term, raft::node_id> leaders_;
    std::vector<committed> committed_;
    std::vector<raft::log_term> committed_by_; // a term no earlier than that in which the entry was committed
    std::map<std::pair<raft::log_index, raft::log_term>, known_entry> entries_;
    std::map<std::uint32_t, std::vector<raft::log_term>> logs_;
};

} // namespace hpcsched::raft_sim

#endif
