// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_RAFT_REPLICATED_LOG_HPP
#define HPCSCHED_RAFT_REPLICATED_LOG_HPP

#include <hpcsched/core/result.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/raft/state_machine.hpp>
#include <hpcsched/raft/types.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <type_traits>

namespace hpcsched::raft {

/// What a replicated log tells its host. A host that wants to hear of something has a type with the same members; what
/// they borrow is borrowed for the call. They must not call the log back: what follows is asked for after `run`.
struct silent_log_observer {
    /// The machine has carried out the entry at `index`; `reply` is its answer.
    void applied(log_index /*index*/, std::span<std::byte const> /*payload*/, std::span<std::byte const> /*reply*/) {}
    /// What was appended with this token is in the log for good, at `index`, and in this replica's machine.
    void appended(std::uint64_t /*token*/, log_index /*index*/) {}
    /// The machine shows everything that any replica was told `appended` of before this barrier was asked for.
    void caught_up(std::uint64_t /*token*/) {}
    /// The machine was replaced by a snapshot that ends at `index`.
    void restored(log_index /*index*/) {}
};

namespace detail {

/// Part of log_observer: hears what the log contains.
template <class O>
concept hears_of_entries = requires(O& o, log_index index, std::span<std::byte const> bytes) {
    { o.applied(index, bytes, bytes) } -> std::same_as<void>;
    { o.restored(index) } -> std::same_as<void>;
};
/// Part of log_observer: hears of what it asked for.
template <class O>
concept hears_of_answers = requires(O& o, std::uint64_t token, log_index index) {
    { o.appended(token, index) } -> std::same_as<void>;
    { o.caught_up(token) } -> std::same_as<void>;
};

/// Part of replicated_log: takes entries.
template <class L>
concept takes_appends = requires(L& l, std::uint64_t token, std::span<std::byte const> payload, time_point now) {
    { l.append(token, payload, now) } -> std::same_as<result<void, errc>>;
};
/// Part of replicated_log: says when reads are up to date.
template <class L>
concept takes_barriers = requires(L& l, std::uint64_t token, time_point now) {
    { l.barrier(token, now) } -> std::same_as<result<void, errc>>;
};
/// Part of replicated_log: carries out what has come.
template <class L>
concept runs_in_turns = requires(L& l, L const& seen, time_point now, silent_log_observer& observer) {
    { l.run(now, observer) } -> std::same_as<void>;
    { seen.next_deadline() } -> std::same_as<time_point>;
};
/// Part of replicated_log: shows its copy of the state.
template <class L>
concept shows_its_machine = requires(L const& seen) {
    requires state_machine<typename L::machine_type>;
    { seen.machine() } -> std::same_as<typename L::machine_type const&>;
    { seen.applied() } -> std::same_as<log_index>;
};
/// Part of replicated_log: says why it has stopped.
template <class L>
concept tells_its_failure = requires(L const& seen) {
    { seen.failure() } -> std::convertible_to<std::string>;
};

} // namespace detail

/// Hears what a replicated log tells; see `silent_log_observer`.
template <class O>
concept log_observer = detail::hears_of_entries<O> && detail::hears_of_answers<O>;

/// One replica's end of a log that several keep in common, with its copy of the state machine that the log drives. What
/// keeps the replicas together is the model's affair: Raft among themselves (`raft::server_log`), or a store that the
/// site runs already (`raft_etcd::etcd_log`).
///
/// | expression                      | effect                                                                       |
/// |---------------------------------|------------------------------------------------------------------------------|
/// | `l.append(token, payload, now)` | takes an entry; `appended(token, index)` follows when it is in the log        |
/// | `l.barrier(token, now)`         | asks for the present; `caught_up(token)` follows when the machine shows it     |
/// | `l.run(now, observer)`          | carries out all that has come, and tells `observer`, a `log_observer`         |
/// | `l.next_deadline()`             | when `run` is due if nothing comes before; `never`: only when something comes |
/// | `l.machine()`                   | the state after all entries up to `l.applied()`                              |
/// | `l.applied()`                   | the newest place in the log that the machine has seen; 0: none               |
/// | `l.failure()`                   | why the log has stopped for good; empty while it works                       |
///
/// Semantics (not checked by the compiler):
/// 1. There is one order: every replica applies the same payloads at the same indices, growing from entry to entry.
/// They
///    need not be consecutive.
/// 2. Each accepted append is in the log exactly once, whatever connections break and leaders fall meanwhile; the model
///    asks again by itself. One replica's appends are in the log in the order in which they were made.
/// 3. Where the replica ends before `appended`, the entry is in the log once, or not at all, or gets there a little
///    later: never twice. What matters then is what the machine shows, so an entry names what it is about.
/// 4. `appended` is told when this replica's machine has applied the entry, just after its `applied`; where a snapshot
///    took the place of that, just after `restored`. So the outcome of an append is read from the machine.
/// 5. What was told `appended` is not lost, as long as what the log stands on (a majority of its servers) keeps its
/// disks.
/// 6. A barrier is linearizable: it covers every `appended` told to anyone, anywhere, before it was asked for.
/// 7. The model bounds the log by snapshots of the machine, by itself. A replica that joins, or was away for long, gets
///    the newest snapshot and the entries behind it.
/// 8. `append` refuses with `entry_too_large`, or with `quota_exceeded` while too much waits: ask again after an
///    `appended`. `barrier` refuses with `too_many_reads`. A failed log refuses both with `no_leader`, and tells
///    nothing more: of what was not told `appended`, the outcome is not known here.
/// 9. A payload is any bytes, also none. It is borrowed for the call. Tokens are the caller's and told back as they
/// are.
///
/// \thread_safety none; confine to the host's thread
///
/// Minimal model: hpcsched/testing/archetypes/replicated_log.hpp. Conformance:
/// hpcsched/testing/conformance/replicated_log.hpp.
template <class L>
concept replicated_log = std::movable<L> && detail::takes_appends<L> && detail::takes_barriers<L> &&
                         detail::runs_in_turns<L> && detail::shows_its_machine<L> && detail::tells_its_failure<L>;

} // namespace hpcsched::raft

#endif
