// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_RAFT_LOG_FLUSHER_HPP
#define HPCSCHED_RAFT_LOG_FLUSHER_HPP

#include <hpcsched/core/result.hpp>
#include <hpcsched/raft_log/journal.hpp>

#include "files.hpp"
#include "format.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace hpcsched::raft_log::detail {

/// What a new segment's file is made of.
struct segment_maker {
    file_system* files = nullptr;
    std::uint64_t cluster = 0;
    raft::node_id node{};
    std::uint32_t block = 512;
    bool sync = true;
    bool direct = false;
};

/// One segment. While a flusher is at work, `store` is its own; where it has come to rest, the journal reads by it.
struct segment {
    segment_key key{};
    std::uint64_t bytes = 0;          ///< of its file
    std::uint64_t end = header_bytes; ///< where the next batch begins
    std::uint64_t live = 0;           ///< bytes of records that are needed
    std::unique_ptr<file> store;      ///< none yet: the file is to be made
    bool being_made = false;          ///< the journal's note that this was asked for, `later`
};

/// Makes the file of a segment, where there is none yet: allocated, and durable with its header.
[[nodiscard]] result<void> make_file(segment& s, segment_maker const& maker);

/// A batch on its way to the disk.
struct block_write {
    segment* to = nullptr;
    std::uint64_t offset = 0;
    std::span<std::byte const> bytes{};
};

/// Makes the writes durable, one after the other.
[[nodiscard]] result<void> carry_out(std::vector<block_write> const& writes, segment_maker const& maker);

/// Carries out one flush at a time, and other work behind it.
class flusher {
  public:
    flusher() = default;
    flusher(flusher const&) = delete;
    flusher& operator=(flusher const&) = delete;
    virtual ~flusher() = default;

    /// \pre the last flush was taken
    virtual void start(std::vector<block_write> writes) = 0;
    /// What became of the flush; nothing while it is under way.
    [[nodiscard]] virtual std::optional<result<void>> take() = 0;
    /// The same, waiting for it.
    [[nodiscard]] virtual result<void> wait() = 0;
    /// Does something that nobody waits for, in the order of the calls of this and `start`.
    virtual void later(std::function<void()> work) = 0;
    /// Waits for all of it.
    virtual void settle() = 0;
    /// Makes the descriptor readable.
    virtual void wake() = 0;
    /// An eventfd; -1: `start` does all.
    [[nodiscard]] virtual int descriptor() const noexcept = 0;
    [[nodiscard]] virtual flush_mode mode() const noexcept = 0;
};

/// \param remark  gets what a person should know of the choice
[[nodiscard]] std::unique_ptr<flusher> make_flusher(flush_mode mode, segment_maker const& maker, std::string& remark);

/// Through io_uring; null where the kernel refuses, and `remark` says why.
/// \param helper  does what is `later`
[[nodiscard]] std::unique_ptr<flusher> make_ring_flusher(segment_maker const& maker, std::unique_ptr<flusher> helper,
                                                         std::string& remark);

} // namespace hpcsched::raft_log::detail

#endif
