// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_RAFT_LOG_GROUP_LOG_HPP
#define HPCSCHED_RAFT_LOG_GROUP_LOG_HPP

#include <hpcsched/core/result.hpp>
#include <hpcsched/raft/log_storage.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>

namespace hpcsched::raft_log {

namespace detail {
class journal_core;
struct group;
struct read_area;
} // namespace detail

/// The log of one group in a `journal`: a log storage of `raft`.
///
/// A write is buffered by `write`, handed to the disk by `journal::flush`, and durable when `durable` says so. A write
/// is there after a crash as a whole or not at all. Snapshots are durable when the call that stores them returns; the
/// last piece of one that comes from another server is stored after all that was written before it, which it waits for.
///
/// A read that meets damage returns nothing and ends the journal: every later write fails and names the file and the
/// offset.
///
/// \pre        the journal outlives it
/// \thread_safety none; confine to the journal's thread
/// \complexity `write` O(bytes written); `read` O(bytes read); memory of 24 bytes for each entry in the log, besides
///             what is not yet on the disk
class group_log {
  public:
    group_log(group_log&& other) noexcept;
    group_log& operator=(group_log&& other) noexcept;
    ~group_log(); ///< the group can be opened again; nothing is lost

    [[nodiscard]] raft::group_id group() const noexcept;

    [[nodiscard]] raft::stored_state stored() const;
    template <class Visitor>
    void each_stored(Visitor&& visit) {
        visit_stored([&visit](raft::entry const& e) { visit(e); });
    }

    [[nodiscard]] result<void> write(raft::log_write const& w);
    [[nodiscard]] std::uint64_t durable() const noexcept;

    [[nodiscard]] std::optional<raft::stored_entries> read(raft::log_index first, std::size_t count_max,
                                                           std::size_t bytes_max);

    [[nodiscard]] raft::snapshot_info snapshot() const;
    [[nodiscard]] result<void> save_snapshot(raft::snapshot_info const& info, std::span<std::byte const> bytes,
                                             raft::log_index keep_from);
    [[nodiscard]] std::span<std::byte const> read_snapshot(std::uint64_t offset, std::size_t bytes_max);
    /// Takes it up again after a restart, where the pieces of the last one that came are still there.
    [[nodiscard]] result<raft::snapshot_progress> store_chunk(raft::snapshot_chunk const& chunk);

  private:
    friend class detail::journal_core;
    group_log(detail::journal_core& core, detail::group& group);

    void visit_stored(std::function<void(raft::entry const&)> const& visit);

    detail::journal_core* core_ = nullptr;
    detail::group* group_ = nullptr;
    std::unique_ptr<detail::read_area> read_; // what the last read lent; made when needed
};
static_assert(raft::log_storage<group_log>);

} // namespace hpcsched::raft_log

#endif
