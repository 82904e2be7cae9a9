// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_RAFT_LOG_JOURNAL_HPP
#define HPCSCHED_RAFT_LOG_JOURNAL_HPP

#include <hpcsched/core/result.hpp>
#include <hpcsched/raft/membership.hpp>
#include <hpcsched/raft/types.hpp>
#include <hpcsched/raft_log/group_log.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace hpcsched::raft_log {

/// Who waits for the disk.
enum class flush_mode : std::uint8_t {
    inline_,  ///< the caller of `flush`
    thread,   ///< a thread of the journal's
    io_uring, ///< the kernel; a thread where it refuses
};

struct journal_config {
    std::filesystem::path directory{};                  ///< made where it is missing
    std::uint64_t cluster_id = 0;                       ///< in every file; those of another cluster are refused
    raft::node_id node{};                               ///< likewise
    std::size_t segment_bytes = std::size_t{64} << 20U; ///< of a file, allocated ahead; a multiple of 4096
    bool sync = true; ///< false: a crash of the machine may lose what is called durable, and leave a log that cannot be
                      ///< opened; one of the process loses nothing. `flush` then writes at once in every mode
    bool direct = false; ///< past the page cache (O_DIRECT)
    flush_mode flush = flush_mode::thread;
};

/// \error what is wrong with a configuration, and what would be right
[[nodiscard]] result<void> validate(journal_config const& config);

/// The logs of all groups of a process, in one directory and one sequence of files, so that what they write between
/// two flushes costs one write and one fdatasync.
///
/// Errors of the disk end a journal: after a write, an allocation or an fdatasync that failed, every call fails with
/// the same error, and nothing more is called durable. (A second fdatasync would say nothing of what the first lost.)
/// Once there is room again, or another disk, opening it anew goes on from what is there: all that was durable.
///
/// A process has a directory for itself; another one is refused.
///
/// Files: `00000001.log`, `00000002.log`, ... (see src/raft_log/format.hpp), `snapshot-<group>-<index>.snap` and
/// `incoming-<group>.part` (see src/raft_log/snapshot_format.hpp), `lock`; `*.tmp` is what was being made when a
/// process ended. Those of the log go when nothing in them is needed; a few entries that still are, are copied to the
/// newest.
///
/// \thread_safety none; confine to one thread, that of the event loop
class journal {
  public:
    /// Opens the journal of a directory, or makes a new one.
    ///
    /// A batch at the end that was not wholly written is cut away (`remarks` says so): it was never called durable.
    /// \error another process has it open; the files are another cluster's, another node's or a newer format's; a file
    /// is
    ///        damaged (which, and where) or missing; the system refuses something
    /// \complexity O(bytes of the log)
    [[nodiscard]] static result<journal> open(journal_config config);

    journal(journal&&) noexcept;
    journal& operator=(journal&&) noexcept;
    ~journal(); ///< waits for what was written to be durable

    /// The log of a group, which is new where the journal has none; whole snapshots are checked.
    /// \param founders  who founds it, where it is new
    /// \error it is open already; its snapshot is damaged; the journal has failed
    [[nodiscard]] result<group_log> open_group(raft::group_id group, raft::membership const& founders);

    /// Forgets a group, durably so with the next flush: its log, its snapshot, its vote. Its number must not be given
    /// to another group, whose messages might be taken for its own. Nothing happens where there is none.
    /// \pre its log is not open
    [[nodiscard]] result<void> remove_group(raft::group_id group);

    /// The groups in it, ascending.
    [[nodiscard]] std::vector<raft::group_id> groups() const;

    /// Hands everything written so far to the disk. Where that has not yet finished the last time, what was written
    /// meanwhile follows, as one, from the `complete` that notes the end.
    [[nodiscard]] result<void> flush();

    /// An eventfd, readable when `complete` has something to do; -1 where `flush` does all.
    [[nodiscard]] int descriptor() const noexcept;

    /// Notes what has become durable.
    [[nodiscard]] result<void> complete();

    /// Called from `flush` and `complete` for each group whose `durable` advanced. It may call all of the journal and
    /// its groups.
    void set_on_durable(std::function<void(raft::group_id)> call);

    /// Whether everything written is durable.
    [[nodiscard]] bool idle() const noexcept;

    /// Waits until it is idle.
    [[nodiscard]] result<void> drain();

    /// How it flushes in fact.
    [[nodiscard]] flush_mode mode() const noexcept;

    /// What a person should know: what was cut away at the end of the log, a mode that the kernel refuses.
    [[nodiscard]] std::vector<std::string> const& remarks() const noexcept;

    /// Files of the log at present.
    [[nodiscard]] std::size_t segment_count() const noexcept;

  private:
    friend class detail::journal_core;
    explicit journal(std::unique_ptr<detail::journal_core> core);

    std::unique_ptr<detail::journal_core> core_;
};

} // namespace hpcsched::raft_log

#endif
