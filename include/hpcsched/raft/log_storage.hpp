// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_RAFT_LOG_STORAGE_HPP
#define HPCSCHED_RAFT_LOG_STORAGE_HPP

#include <hpcsched/core/result.hpp>
#include <hpcsched/raft/membership.hpp>
#include <hpcsched/raft/message.hpp>
#include <hpcsched/raft/ready.hpp>
#include <hpcsched/raft/replica_config.hpp>
#include <hpcsched/raft/types.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace hpcsched::raft {

/// What a snapshot stands for.
struct snapshot_info {
    log_index index = 0; ///< it replaces all entries up to this one; 0: there is no snapshot
    log_term term = 0;   ///< of that entry
    membership members{};
    std::uint64_t size = 0; ///< bytes
};

/// Entries read back.
struct stored_entries {
    log_term previous_term = 0;       ///< of the entry before the first
    std::span<entry const> entries{}; ///< borrowed until the storage's next call
};

/// How far a snapshot that comes in pieces has got.
struct snapshot_progress {
    std::uint64_t next_offset = 0;
    bool complete = false; ///< it has taken the place of the last one and of the whole log
};

namespace detail {

struct ignore_entry {
    void operator()(entry const& /*stored*/) const {}
};

/// Part of log_storage: says what it holds.
template <class S>
concept tells_what_is_stored = requires(S& s, ignore_entry const& visit) {
    { s.stored() } -> std::convertible_to<stored_state>;
    { s.each_stored(visit) } -> std::same_as<void>;
};
/// Part of log_storage: makes writes durable.
template <class S>
concept writes_entries = requires(S& s, log_write const& write) {
    { s.write(write) } -> std::same_as<result<void>>;
    { s.durable() } -> std::convertible_to<std::uint64_t>;
};
/// Part of log_storage: reads old entries.
template <class S>
concept reads_entries = requires(S& s, log_index first, std::size_t most) {
    { s.read(first, most, most) } -> std::same_as<std::optional<stored_entries>>;
};
/// Part of log_storage: keeps this server's snapshot.
template <class S>
concept keeps_snapshots = requires(S& s, snapshot_info const& info, std::span<std::byte const> bytes,
                                   std::uint64_t offset, std::size_t most, log_index index) {
    { s.snapshot() } -> std::convertible_to<snapshot_info>;
    { s.save_snapshot(info, bytes, index) } -> std::same_as<result<void>>;
    { s.read_snapshot(offset, most) } -> std::same_as<std::span<std::byte const>>;
};
/// Part of log_storage: takes another server's snapshot, piece by piece.
template <class S>
concept receives_snapshots = requires(S& s, snapshot_chunk const& chunk) {
    { s.store_chunk(chunk) } -> std::same_as<result<snapshot_progress>>;
};

} // namespace detail

/// Where a server keeps its log, its term and vote, and its snapshot.
///
/// | expression                            | effect                                                                  |
/// |---------------------------------------|-------------------------------------------------------------------------|
/// | `s.stored()`                          | term, vote, commit, and the snapshot's place, as opened                  |
/// | `s.each_stored(visit)`                | calls `visit(entry const&)` for each entry behind the snapshot, in order |
/// | `s.write(w)`                          | begins or carries out a write                                            |
/// | `s.durable()`                         | the newest write that is durable with all before it; 0 at first          |
/// | `s.read(first, count_max, bytes_max)` | consecutive entries from `first`, at least one; nothing if it is gone    |
/// | `s.snapshot()`                        | the newest snapshot                                                      |
/// | `s.save_snapshot(info, bytes, keep)`  | stores it durably; entries before `keep` may go                          |
/// | `s.read_snapshot(offset, bytes_max)`  | a piece of the newest snapshot                                           |
/// | `s.store_chunk(chunk)`                | stores a piece of another server's snapshot durably                      |
///
/// Semantics (not checked by the compiler):
/// 1. After a crash the storage is as after some prefix of the writes that contains every durable one; of the first
/// that
///    is not, its hard state and any prefix of its entries may be there too.
/// 2. A write with entries replaces all stored ones from its `first_index` on.
/// 3. A failed write leaves the storage unfit for more: the server stops, and goes on from `stored()` when opened anew.
///    Nothing that was not durable was vouched for.
/// 4. A chunk at another offset than the next one changes nothing; one at offset 0, or of another snapshot, begins
/// anew.
///    The last one, when durable, puts the snapshot in the place of the old one and of the whole log in one step.
/// 5. What `read` and `read_snapshot` return is borrowed until the next call.
///
/// \thread_safety none; confine to the server's thread
///
/// Minimal model: hpcsched/testing/archetypes/log_storage.hpp. Conformance:
/// hpcsched/testing/conformance/log_storage.hpp.
template <class S>
concept log_storage = std::movable<S> && detail::tells_what_is_stored<S> && detail::writes_entries<S> &&
                      detail::reads_entries<S> && detail::keeps_snapshots<S> && detail::receives_snapshots<S>;

} // namespace hpcsched::raft

#endif
