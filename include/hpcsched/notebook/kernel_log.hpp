// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_NOTEBOOK_KERNEL_LOG_HPP
#define HPCSCHED_NOTEBOOK_KERNEL_LOG_HPP

#include <hpcsched/core/assert.hpp>
#include <hpcsched/core/bytes.hpp>
#include <hpcsched/gpu/lease.hpp>
#include <hpcsched/notebook/kernel_entry.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

namespace hpcsched::notebook {

/// What an entry came to. Nothing has changed unless it is `done` or `decided`.
enum class entry_outcome : std::uint8_t {
    done = 0,      ///< it counts
    decided = 1,   ///< it counts, and decided who executes, or that nobody does
    repeated = 2,  ///< the same was there already
    stale = 3,     ///< of an attempt that is over, or of one before the newest
    refused = 4,   ///< the attempt is another's: it was decided otherwise, or is not decided
    malformed = 5, ///< no entry
};

/// Where a kernel stands.
enum class kernel_phase : std::uint8_t {
    idle = 0,
    deciding = 1, ///< replicas propose and vote
    running = 2,  ///< an executor is decided on
    failed = 3,   ///< nobody led: another attempt is needed
};

/// What the replicas of a notebook's kernel agree on: who executes which cell, and what every name holds after it. It
/// models `raft::answers_queries`; the order of the log is the only judge, and no clock has a say.
///
/// The executor of an attempt is decided either by the scheduler's assignment, the first of which counts: one commit;
/// or in NotebookOS's way, by proposals and then the first vote: at least two, one after the other. A `cell_done`
/// counts only from the executor of the newest attempt, so one that was given up, and finishes all the same, changes
/// nothing; and a cell that is over is not executed again.
///
/// \source NotebookOS (ASPLOS 2026) and its prototype, `sync/election.py`; deviations: proposals are judged by their
///         place in the log, not by when a replica heard of them, and the changes of a cell are one entry
/// \complexity O(names of the delta x log names)
class kernel_log {
  public:
    /// \param replicas  how many proposals decide, 1 at least
    explicit kernel_log(std::uint32_t replicas = 3) : replica_count_{replicas} { HPCSCHED_ASSERT(replicas >= 1); }

    void apply(std::uint64_t /*index*/, std::span<std::byte const> command, byte_buffer& reply) {
        auto const entry = kernel_codec::decode(command);
        entry_outcome const outcome =
            entry ? std::visit([this](auto const& e) { return take(e); }, *entry) : entry_outcome::malformed;
        reply.push_back(static_cast<std::byte>(outcome));
    }

    /// What came of an entry; `malformed` where the bytes are no reply.
    [[nodiscard]] static entry_outcome decode(std::span<std::byte const> reply) noexcept {
        bool const known = reply.size() == 1 && reply.front() <= static_cast<std::byte>(entry_outcome::malformed);
        return known ? static_cast<entry_outcome>(reply.front()) : entry_outcome::malformed;
    }

    /// Answers the question for a name, its bytes, with a word 1 and the value, or a word 0.
    void query(std::span<std::byte const> question, byte_buffer& reply) const {
        std::string name;
        for (std::byte const b : question) {
            name += static_cast<char>(b);
        }
        auto const at = names_.find(name);
        put_word(reply, at == names_.end() ? 0 : 1);
        if (at != names_.end()) {
            kernel_codec::put(at->second, reply);
        }
    }

    void save(byte_buffer& out) const {
        put_word(out, replica_count_);
        kernel_codec::put(newest_, out);
        put_word(out, static_cast<std::uint64_t>(phase_));
        put_word(out, executor_.value);
        put_word(out, lease_);
        put_word(out, last_executor_ ? 1 : 0);
        put_word(out, last_executor_.value_or(replica_id{}).value);
        kernel_codec::put(last_done_, out);
        put_word(out, static_cast<std::uint64_t>(last_status_));
        put_word(out, proposals_.size());
        for (proposal const& p : proposals_) {
            put_word(out, p.replica.value);
            put_word(out, p.leads ? 1 : 0);
        }
        put_word(out, names_.size());
        for (auto const& [name, value] : names_) {
            kernel_codec::put(name, out);
            kernel_codec::put(value, out);
        }
    }

    [[nodiscard]] bool restore(std::span<std::byte const> saved) {
        *this = kernel_log{};
        byte_reader in{saved};
        replica_count_ = static_cast<std::uint32_t>(kernel_codec::take_small(in, 0xffff'ffff));
        newest_ = kernel_codec::take_attempt(in);
        phase_ = static_cast<kernel_phase>(kernel_codec::take_small(in, 3));
        executor_ = kernel_codec::take_replica(in);
        lease_ = in.word();
        bool const ran = kernel_codec::take_small(in, 1) == 1;
        replica_id const last = kernel_codec::take_replica(in);
        if (ran) {
            last_executor_ = last;
        }
        last_done_ = kernel_codec::take_attempt(in);
        last_status_ = static_cast<cell_status>(kernel_codec::take_small(in, 2));
        std::uint64_t const proposals = in.word();
        for (std::uint64_t i = 0; i < proposals && in.good(); ++i) {
            replica_id const replica = kernel_codec::take_replica(in);
            proposals_.push_back({replica, kernel_codec::take_small(in, 1) == 1});
        }
        std::uint64_t const names = in.word();
        for (std::uint64_t i = 0; i < names && in.good(); ++i) {
            std::string name = kernel_codec::take_text(in);
            names_.insert_or_assign(std::move(name), kernel_codec::take_value(in));
        }
        return in.good() && in.rest().empty() && replica_count_ >= 1 && names_.size() == names;
    }

    [[nodiscard]] kernel_phase phase() const noexcept { return phase_; }
    /// The newest attempt that was begun.
    [[nodiscard]] cell_attempt newest() const noexcept { return newest_; }
    /// The executor of the newest attempt.
    /// \pre phase() == kernel_phase::running
    [[nodiscard]] replica_id executor() const noexcept { return executor_; }
    [[nodiscard]] gpu::lease_token lease() const noexcept { return lease_; }
    /// The last attempt that ended.
    [[nodiscard]] cell_attempt last_done() const noexcept { return last_done_; }
    /// Who executed it; nobody where no cell has ended.
    [[nodiscard]] std::optional<replica_id> last_executor() const noexcept { return last_executor_; }
    [[nodiscard]] cell_status last_status() const noexcept { return last_status_; }
    /// What every name holds, in the order of names.
    [[nodiscard]] std::map<std::string, stored_value, std::less<>> const& names() const noexcept { return names_; }

    /// Whether all replicas have proposed in the newest attempt, so that a vote is due.
    [[nodiscard]] bool proposals_are_in() const noexcept {
        return phase_ == kernel_phase::deciding && proposals_.size() >= replica_count_;
    }
    /// Who should be voted for by the proposals so far: the executor of the last cell if it leads, else who was first
    /// to lead; nobody where no one leads.
    /// \source NotebookOS's prototype, the decision of an election; first is first in the log
    [[nodiscard]] std::optional<replica_id> conclusion() const noexcept {
        auto const last = std::find_if(proposals_.begin(), proposals_.end(), [&](proposal const& p) {
            return p.leads && last_executor_ && p.replica == *last_executor_;
        });
        return last != proposals_.end() ? std::optional{last->replica} : first_to_lead();
    }

    /// Of the newest attempt, who was first to propose to lead; nothing where no one has.
    [[nodiscard]] std::optional<replica_id> first_to_lead() const noexcept {
        auto const first =
            std::find_if(proposals_.begin(), proposals_.end(), [](proposal const& p) { return p.leads; });
        return first == proposals_.end() ? std::nullopt : std::optional{first->replica};
    }

    friend bool operator==(kernel_log const&, kernel_log const&) = default;

  private:
    struct proposal {
        replica_id replica{};
        bool leads = false;

        friend bool operator==(proposal const&, proposal const&) = default;
    };

    // An attempt that is newer than all before begins with its first entry. \return whether it is the newest now
    bool enter(cell_attempt const& a) {
        if (a.cell == 0 || a.number == 0 || a.cell <= last_done_.cell || a < newest_) {
            return false;
        }
        if (a > newest_) {
            newest_ = a;
            phase_ = kernel_phase::deciding;
            lease_ = 0;
            proposals_.clear();
        }
        return true;
    }

    entry_outcome take(cell_assigned const& e) {
        if (!enter(e.attempt)) {
            return entry_outcome::stale;
        }
        if (phase_ == kernel_phase::deciding) {
            decide(e.executor, e.lease);
            return entry_outcome::decided;
        }
        bool const same = phase_ == kernel_phase::running && executor_ == e.executor && lease_ == e.lease;
        return same ? entry_outcome::repeated : entry_outcome::refused;
    }

    entry_outcome take(lead_proposed const& e) {
        if (!enter(e.attempt)) {
            return entry_outcome::stale;
        }
        auto const same = [&](proposal const& p) { return p.replica == e.replica; };
        if (std::any_of(proposals_.begin(), proposals_.end(), same)) {
            return entry_outcome::repeated;
        }
        if (phase_ != kernel_phase::deciding) {
            return entry_outcome::refused;
        }
        proposals_.push_back({e.replica, e.leads});
        // That all yield is a failure that needs no vote.
        if (proposals_.size() >= replica_count_ && !conclusion()) {
            phase_ = kernel_phase::failed;
            return entry_outcome::decided;
        }
        return entry_outcome::done;
    }

    entry_outcome take(vote_cast const& e) {
        if (!enter(e.attempt)) {
            return entry_outcome::stale;
        }
        if (phase_ != kernel_phase::deciding) {
            bool const same = e.executor ? phase_ == kernel_phase::running && executor_ == *e.executor
                                         : phase_ == kernel_phase::failed;
            return same ? entry_outcome::repeated : entry_outcome::refused;
        }
        if (e.executor) {
            decide(*e.executor, 0);
        } else {
            phase_ = kernel_phase::failed;
        }
        return entry_outcome::decided;
    }

    entry_outcome take(cell_done const& e) {
        if (e.attempt == last_done_ && last_executor_ == e.executor) {
            return entry_outcome::repeated;
        }
        if (e.attempt.cell <= last_done_.cell || e.attempt < newest_) {
            return entry_outcome::stale;
        }
        if (e.attempt != newest_ || phase_ != kernel_phase::running || executor_ != e.executor) {
            return entry_outcome::refused;
        }
        for (auto const& [name, value] : e.delta.changed) {
            names_.insert_or_assign(name, value);
        }
        for (std::string const& name : e.delta.removed) {
            names_.erase(name);
        }
        last_done_ = e.attempt;
        last_status_ = e.status;
        last_executor_ = e.executor;
        phase_ = kernel_phase::idle;
        lease_ = 0;
        proposals_.clear();
        return entry_outcome::done;
    }

    void decide(replica_id executor, gpu::lease_token lease) {
        phase_ = kernel_phase::running;
        executor_ = executor;
        lease_ = lease;
    }

    std::uint32_t replica_count_;
    cell_attempt newest_{};
    kernel_phase phase_ = kernel_phase::idle;
    replica_id executor_{}; // of the newest attempt, where it runs
    gpu::lease_token lease_ = 0;
    std::optional<replica_id> last_executor_{}; // of the last cell that ended
    cell_attempt last_done_{};
    cell_status last_status_ = cell_status::ok;
    std::vector<proposal> proposals_;                        // of the newest attempt, in the order of the log
    std::map<std::string, stored_value, std::less<>> names_; // ordered: a snapshot is the same on every server
};

} // namespace hpcsched::notebook

#endif
