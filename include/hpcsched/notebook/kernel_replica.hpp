// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_NOTEBOOK_KERNEL_REPLICA_HPP
#define HPCSCHED_NOTEBOOK_KERNEL_REPLICA_HPP

#include <hpcsched/core/sink.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/notebook/kernel_entry.hpp>
#include <hpcsched/notebook/kernel_log.hpp>

#include <chrono>
#include <concepts>
#include <cstdint>
#include <optional>
#include <utility>
#include <variant>

namespace hpcsched::notebook {

// --- events: what a replica is told ------------------------------------------------------------------------------

/// A client's cell has come, with the scheduler's choice of who should execute it. Every replica is told.
struct cell_requested {
    cell_attempt attempt{};
    replica_id chosen{};
    gpu::lease_token lease = 0;
};
/// An entry of the kernel's log was applied here, and the log says what it came to.
struct entry_applied {
    kernel_entry entry;
    entry_outcome outcome{};
};
/// The log was replaced by a snapshot of it: what it came to is to be seen in the log alone.
struct log_replaced {};
/// The interpreter has executed the cell that it was told to run.
struct cell_ran {
    cell_attempt attempt{};
    cell_status status = cell_status::ok;
    state_delta delta{};
};
/// The time asked for by `await_claim` has come.
struct claim_due {
    cell_attempt attempt{};
};
/// The time asked for by `await_proposals` has come.
struct proposals_overdue {
    cell_attempt attempt{};
};

// --- commands: what a replica asks of its host ---------------------------------------------------------------------

/// Propose this to the kernel's Raft group.
struct propose_entry {
    kernel_entry entry;
};
/// Execute the cell's code in the interpreter, with the devices of the lease. What it says (output, requests for input,
/// messages of widgets) is kept back, in its order, until `show_outputs`.
struct execute_cell {
    cell_attempt attempt{};
    gpu::lease_token lease = 0;
};
/// The log has decided that this replica executes the attempt: what it has said goes to the clients, and what it says
/// from now on goes as it comes.
struct show_outputs {
    cell_attempt attempt{};
};
/// The executor's reply may go to the client.
struct release_reply {
    cell_attempt attempt{};
    cell_status status{};
};
/// Another executes this attempt.
struct yield_cell {
    cell_attempt attempt{};
};
/// Nobody executes this attempt: the scheduler must make another.
struct attempt_failed {
    cell_attempt attempt{};
};
/// What another replica's cell changed: bring the interpreter up to it.
struct install_delta {
    cell_attempt attempt{};
    state_delta delta{};
};
/// What this replica executed does not count, since the log has decided otherwise: end it if it runs, forget what it
/// said and was not shown, and bring the interpreter back to what the log holds: it has changes that nobody else has.
struct discard_changes {
    cell_attempt attempt{};
};
/// The log is another: bring the interpreter to what it holds, whatever it had.
struct install_log {};
/// Ask for `claim_due` at `at`.
struct await_claim {
    cell_attempt attempt{};
    time_point at{};
};
/// Ask for `proposals_overdue` at `at`.
struct await_proposals {
    cell_attempt attempt{};
    time_point at{};
};

using replica_command =
    std::variant<propose_entry, execute_cell, show_outputs, release_reply, yield_cell, attempt_failed, install_delta,
                 discard_changes, install_log, await_claim, await_proposals>;
using replica_command_sink = sink<replica_command>;

// --- how an executor is agreed on ----------------------------------------------------------------------------------

/// How the replicas of a kernel agree on who executes a cell.
///
/// For a policy `e`, this replica `self`, a request `r`, an entry that was applied, and the log `l` after it:
///
/// | expression                           | effect                                                                 |
/// |--------------------------------------|------------------------------------------------------------------------|
/// | `e.requested(r, self, now, out)`     | proposes what this replica has to say                                  |
/// | `e.applied(entry, outcome, l, self, now, out)` | the same after an entry                                      |
/// | `e.overdue(l, self, out)`            | the same where proposals are late                                      |
///
/// The log decides (`kernel_log`), whichever policy a replica has: replicas with different ones agree all the same.
template <class E>
concept election_policy = std::movable<E> && requires(E& e, cell_requested const& r, replica_id self, time_point now,
                                                      kernel_entry const& entry, entry_outcome outcome,
                                                      kernel_log const& l, replica_command_sink& out) {
    { e.requested(r, self, now, out) } -> std::same_as<void>;
    { e.applied(entry, outcome, l, self, now, out) } -> std::same_as<void>;
    { e.overdue(l, self, out) } -> std::same_as<void>;
};

/// One commit: the scheduler's choice is the entry, proposed by the chosen replica; the first in the log decides.
struct by_assignment {
    static void requested(cell_requested const& r, replica_id self, time_point /*now*/, replica_command_sink& out) {
        if (r.chosen == self) {
            out.append(propose_entry{cell_assigned{r.attempt, self, r.lease}});
        }
    }
    static void applied(kernel_entry const&, entry_outcome, kernel_log const&, replica_id, time_point,
                        replica_command_sink&) noexcept {}
    static void overdue(kernel_log const&, replica_id, replica_command_sink&) noexcept {}
};

/// NotebookOS's way: every replica proposes to lead or to yield; when all proposals are in, or some time after the
/// first that leads, each votes for who should execute; the first vote decides. Two commits, one after the other, at
/// least.
/// \source NotebookOS's prototype, `sync/election.py`; the time is its constructor's default, its deployments take 3 s
struct by_votes {
    duration patience = std::chrono::seconds{10};

    static void requested(cell_requested const& r, replica_id self, time_point /*now*/, replica_command_sink& out) {
        out.append(propose_entry{lead_proposed{r.attempt, self, r.chosen == self}});
    }
    void applied(kernel_entry const& entry, entry_outcome outcome, kernel_log const& l, replica_id self, time_point now,
                 replica_command_sink& out) const {
        auto const* const p = std::get_if<lead_proposed>(&entry);
        if (p == nullptr || outcome != entry_outcome::done || p->attempt != l.newest()) {
            return;
        }
        if (l.proposals_are_in()) {
            vote(l, self, out);
        } else if (p->leads && l.first_to_lead() == p->replica) {
            out.append(await_proposals{p->attempt, saturating_add(now, patience)});
        }
    }
    static void overdue(kernel_log const& l, replica_id self, replica_command_sink& out) { vote(l, self, out); }

  private:
    static void vote(kernel_log const& l, replica_id self, replica_command_sink& out) {
        out.append(propose_entry{vote_cast{l.newest(), self, l.conclusion()}});
    }
};
static_assert(election_policy<by_assignment> && election_policy<by_votes>);

/// When the client hears that its cell is done.
enum class reply_after : std::uint8_t {
    quorum = 0, ///< when a majority of the replicas has what it changed: what is acknowledged is not lost
    execution =
        1 ///< at once, as NotebookOS does: lost with its executor, if that dies before its changes are committed
};

/// When the replica that was chosen starts a cell.
enum class start_after : std::uint8_t {
    /// When the log has decided for it. Only what was given up later has executed in vain.
    decision = 0,
    /// At once, so that the commit of its assignment takes no time of the cell's. Nothing of it counts, and nothing is
    /// shown, before the log has decided for it; where it decides for another, the execution is ended and undone. What
    /// the cell did outside of the kernel (files, the network) stays: where the log decides for another, which takes
    /// two schedulers, or a host that was cut off, it has happened once more than the cell counts. Only a cell's first
    /// attempt starts so: one that follows another may be of a cell that was executed already.
    request = 1,
};

/// How a replica differs from others in what it does, and not in what it agrees to.
struct replica_habits {
    reply_after reply = reply_after::quorum;
    start_after start = start_after::decision;
    /// With `start_after::request`: how long a cell may run before it is proposed. One that ends sooner is proposed
    /// with what it changed: one commit is all that it takes. What it says is not shown earlier.
    duration claim_after{};
};

// --- the replica -----------------------------------------------------------------------------------------------------

/// One replica of a notebook's kernel: says what its host is to do, from the client's cells and the kernel's log.
///
/// Events in, commands out. The log itself, a `kernel_log` behind Raft, is the host's; it is handed in where an event
/// needs it, as it is after the entry that the event tells of.
///
/// A replica executes an attempt once. With `start_after::decision` that is when the log has decided on it; where
/// another attempt takes its place then (its host seemed lost, and was not), its `cell_done` is refused by the log, and
/// its changes are discarded. With `start_after::request` it may begin before, and is discarded in the same way. So a
/// cell's changes count once, and clients see what one attempt after the other says, each decided on. Its outside
/// effects may happen more than once: a cell that was given up may have run.
///
/// \source NotebookOS (ASPLOS 2026), section on executor election and state replication; takeover, the reply after
///         the quorum and the start before the decision are this library's
/// \thread_safety none
template <election_policy Election = by_assignment>
class kernel_replica {
  public:
    explicit kernel_replica(replica_id self, replica_habits habits = {}, Election election = {})
        : self_{self}, habits_{habits}, election_{std::move(election)} {}

    void handle(cell_requested const& e, kernel_log const& log, time_point now, replica_command_sink& out) {
        if (e.attempt.cell <= log.last_done().cell) {
            return; // it is over
        }
        if (may_start(e, log)) {
            execution_ = execution{.attempt = e.attempt, .lease = e.lease, .claim = e};
            if (habits_.claim_after == duration{}) {
                claim(now, out);
            } else {
                out.append(await_claim{e.attempt, saturating_add(now, habits_.claim_after)});
            }
            out.append(execute_cell{e.attempt, e.lease});
        } else if (!execution_ || execution_->attempt != e.attempt || !execution_->claim) {
            election_.requested(e, self_, now, out);
        }
    }

    void handle(claim_due const& e, kernel_log const& /*log*/, time_point now, replica_command_sink& out) {
        if (execution_ && execution_->attempt == e.attempt) {
            claim(now, out);
        }
    }

    void handle(entry_applied const& e, kernel_log const& log, time_point now, replica_command_sink& out) {
        if (auto const* const d = std::get_if<cell_done>(&e.entry)) {
            finished(*d, e.outcome, out);
        } else if (e.outcome == entry_outcome::decided) {
            decided(log, out);
        }
        election_.applied(e.entry, e.outcome, log, self_, now, out);
    }

    void handle(log_replaced const& /*e*/, kernel_log const& log, time_point /*now*/, replica_command_sink& out) {
        if (!execution_) {
            out.append(install_log{});
        } else if (is_ours(log)) {
            if (!execution_->decided) {
                execution_->is_due = true; // as far as anybody can tell
                confirm(out);
            }
        } else if (execution_->done && log.last_done() == execution_->attempt && log.last_executor() == self_) {
            counted(log.last_status(), out);
        } else if (execution_->decided || execution_->attempt <= log.newest() || !is_next(execution_->attempt, log)) {
            discard(out);
        }
    }

    void handle(cell_ran const& e, kernel_log const& /*log*/, time_point now, replica_command_sink& out) {
        if (!execution_ || execution_->attempt != e.attempt) {
            return; // given up
        }
        bool const is_claimed = !execution_->claim;
        claim(now, out);
        execution_->done = cell_done{e.attempt, self_, e.status, e.delta};
        if (execution_->decided) {
            reply_at_once(e.status, out);
        } else if (is_claimed) { // what it said is shown before it counts
            execution_->is_due = true;
            return;
        }
        out.append(propose_entry{*execution_->done});
    }

    void handle(proposals_overdue const& e, kernel_log const& log, time_point /*now*/, replica_command_sink& out) {
        if (log.newest() == e.attempt && log.phase() == kernel_phase::deciding) {
            election_.overdue(log, self_, out);
        }
    }

    [[nodiscard]] replica_id self() const noexcept { return self_; }
    /// The attempt that it executes, or has executed and not heard of yet; decided on or not.
    [[nodiscard]] std::optional<cell_attempt> executing() const noexcept {
        return execution_ ? std::optional{execution_->attempt} : std::nullopt;
    }

  private:
    struct execution {
        cell_attempt attempt{};
        gpu::lease_token lease = 0;
        std::optional<cell_requested> claim{}; // not proposed yet
        bool decided = false;
        std::optional<cell_done> done{}; // what it came to
        bool is_due = false;             // is to be proposed, once more or at last, when it is decided on
    };

    // The interpreter must hold what all cells before left, and nobody may have begun with this one.
    [[nodiscard]] bool may_start(cell_requested const& e, kernel_log const& log) const {
        return habits_.start == start_after::request && e.chosen == self_ && e.attempt.number == 1 && !execution_ &&
               is_next(e.attempt, log) && log.newest().cell < e.attempt.cell;
    }
    [[nodiscard]] static bool is_next(cell_attempt const& a, kernel_log const& log) noexcept {
        return a.cell == log.last_done().cell + 1;
    }

    // Whether the log has decided for what it executes, with the devices that it executes it with.
    [[nodiscard]] bool is_ours(kernel_log const& log) const {
        return log.phase() == kernel_phase::running && log.executor() == self_ && execution_->attempt == log.newest() &&
               execution_->lease == log.lease();
    }

    void decided(kernel_log const& log, replica_command_sink& out) {
        if (execution_ && execution_->attempt <= log.newest()) {
            if (is_ours(log)) {
                confirm(out);
                return;
            }
            discard(out);
        }
        if (log.phase() == kernel_phase::failed) {
            out.append(attempt_failed{log.newest()});
        } else if (log.phase() == kernel_phase::running && log.executor() == self_) {
            execution_ = execution{.attempt = log.newest(), .lease = log.lease(), .decided = true};
            out.append(execute_cell{log.newest(), log.lease()});
            out.append(show_outputs{log.newest()});
        } else {
            out.append(yield_cell{log.newest()});
        }
    }

    // What is proposed right behind the assignment mostly comes behind it in the log.
    void confirm(replica_command_sink& out) {
        execution_->claim.reset();
        execution_->decided = true;
        out.append(show_outputs{execution_->attempt});
        if (execution_->done) {
            reply_at_once(execution_->done->status, out);
            if (execution_->is_due) {
                out.append(propose_entry{*execution_->done});
            }
        }
    }

    void claim(time_point now, replica_command_sink& out) {
        if (auto const request = std::exchange(execution_->claim, std::nullopt)) {
            election_.requested(*request, self_, now, out);
        }
    }

    void discard(replica_command_sink& out) {
        out.append(discard_changes{execution_->attempt});
        execution_.reset();
    }

    void reply_at_once(cell_status status, replica_command_sink& out) const {
        if (habits_.reply == reply_after::execution) {
            out.append(release_reply{execution_->attempt, status});
        }
    }

    // What it executed is what the log holds.
    void counted(cell_status status, replica_command_sink& out) {
        if (habits_.reply == reply_after::quorum) {
            out.append(release_reply{execution_->attempt, status});
        }
        execution_.reset();
    }

    void finished(cell_done const& d, entry_outcome outcome, replica_command_sink& out) {
        bool const own = execution_ && execution_->done == d;
        if (outcome != entry_outcome::done) {
            if (own) {
                execution_->is_due = true; // it came before the decision
            }
            return; // or another attempt took its place: the decision on that one has discarded it, or will
        }
        if (own) {
            counted(d.status, out);
            return;
        }
        if (execution_ && execution_->attempt == d.attempt) {
            discard(out); // it is what this replica did before it lost its memory
        }
        out.append(install_delta{d.attempt, d.delta});
    }

    replica_id self_;
    replica_habits habits_;
    Election election_;
    std::optional<execution> execution_;
};

} // namespace hpcsched::notebook

#endif
