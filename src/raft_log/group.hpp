// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_RAFT_LOG_GROUP_HPP
#define HPCSCHED_RAFT_LOG_GROUP_HPP

#include <hpcsched/core/assert.hpp>
#include <hpcsched/raft/membership.hpp>
#include <hpcsched/raft/types.hpp>

#include "format.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace hpcsched::raft_log::detail {

/// Where a record is.
struct place {
    std::uint32_t segment = 0; ///< 0: nowhere
    std::uint32_t offset = 0;
};

/// Where an entry is, and what of it is needed without reading it.
struct entry_place {
    raft::log_term term = 0;
    place at{};
    std::uint32_t payload = 0; ///< bytes

    [[nodiscard]] std::size_t bytes() const noexcept { return record_bytes(payload); }
};
static_assert(sizeof(entry_place) <= 32);

/// What a snapshot's file says of it.
struct snapshot_state {
    raft::log_index index = 0; ///< 0: there is none
    raft::log_term term = 0;
    std::uint64_t size = 0;
    raft::log_index keep_from = 0;  ///< entries before this one are gone
    raft::log_term before_term = 0; ///< of the entry before that
    std::uint64_t from_batch = 0;   ///< entries of earlier batches are gone: a snapshot took the place of the log
};

/// A snapshot that is coming in pieces.
struct incoming_snapshot {
    raft::log_index index = 0;
    raft::log_term term = 0;
    std::uint64_t size = 0;      ///< bytes that are durable
    std::uint64_t file_size = 0; ///< up to which the file is valid
};

/// What is kept in memory of one group. Entries are consecutive from `first`.
struct group {
    raft::group_id id{};
    bool open = false;
    bool checked = false; ///< its snapshot has been read once
    raft::node_id voted_for{};
    raft::log_term term = 0;
    raft::log_index commit = 0;
    raft::log_index first = 1;      ///< index of the first entry in `entries`
    raft::log_term before_term = 0; ///< of the entry before that
    std::vector<entry_place> entries;
    place state_at{};
    place founders_at{};
    std::vector<std::byte> founders; ///< encoded
    std::vector<std::byte> members;  ///< encoded, as of the snapshot
    snapshot_state snapshot;
    std::unique_ptr<incoming_snapshot> incoming;
    std::uint64_t durable = 0;       ///< the newest write that is
    std::uint64_t touched_batch = 0; ///< the newest batch that it writes to
    std::uint32_t touched_at = 0;    ///< its place among those of that batch

    [[nodiscard]] raft::log_index last() const noexcept { return first + entries.size() - 1; }
    [[nodiscard]] bool holds(raft::log_index index) const noexcept { return index >= first && index <= last(); }
    [[nodiscard]] entry_place& at(raft::log_index index) noexcept {
        return entries[static_cast<std::size_t>(index - first)];
    }

    /// The term of the entry at `index`, or of the place just before the first.
    [[nodiscard]] raft::log_term term_at(raft::log_index index) noexcept {
        if (holds(index)) {
            return at(index).term;
        }
        return index == snapshot.index ? snapshot.term : before_term;
    }

    /// Forgets the entries before `keep`; calls `gone` with each.
    template <class Gone>
    void drop_before(raft::log_index keep, Gone&& gone) {
        std::size_t const count = keep <= first ? 0 : std::min(entries.size(), static_cast<std::size_t>(keep - first));
        if (count == 0) {
            return;
        }
        before_term = entries[count - 1].term;
        for (std::size_t i = 0; i < count; ++i) {
            gone(entries[i]);
        }
        entries.erase(entries.begin(), entries.begin() + static_cast<std::ptrdiff_t>(count));
        first += count;
        if (entries.capacity() > 64 && entries.size() < entries.capacity() / 4) {
            entries.shrink_to_fit();
        }
    }

    /// Forgets the entries from `from` on; calls `gone` with each.
    template <class Gone>
    void drop_from(raft::log_index from, Gone&& gone) {
        while (!entries.empty() && last() >= from) {
            gone(entries.back());
            entries.pop_back();
        }
    }
};

/// Whether the members in `bytes` can be read; founders and members of a snapshot have passed through here.
[[nodiscard]] inline raft::membership membership_of(std::vector<std::byte> const& bytes) {
    auto const decoded = raft::membership_codec::decode(bytes);
    return decoded ? *decoded : raft::membership{};
}

} // namespace hpcsched::raft_log::detail

#endif
