// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_RAFT_LOG_FORMAT_HPP
#define HPCSCHED_RAFT_LOG_FORMAT_HPP

#include <hpcsched/core/result.hpp>
#include <hpcsched/raft/types.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>

/// The files of the log, format version 1. All numbers are little-endian, all checksums XXH3 with 64 bits.
///
/// A segment `NNNNNNNN.log` is a header of 4096 bytes, then batches, then whatever the file's allocation holds. Numbers
/// of segments have no gap, and neither have those of batches, over all segments.
///
///     header   checksum 8 (of the rest, seed 0) · magic 8 · version 4 · block 4 · cluster 8 · node 4 · 0 4 ·
///              number 8 · salt 8 · zeros
///     batch    checksum 8 (of the rest, padding too) · magic 4 · length 4 (with padding) · used 4 · records 4 ·
///              sequence 8 · oldest 8 (the lowest segment that is needed) · records · zeros up to the next block
///     record   checksum 8 (of the rest, without padding) · length 4 (of the payload) · group 4 · kind 1 ·
///              entry kind 1 · 0 2 · node 4 · index 8 · term 8 · payload · zeros up to a multiple of 8
///
///     kind     1 entry: of `index` and `term`; stored ones from `index` on are gone
///              2 state: node = vote, index = commit
///              3 founders: payload = encoded membership
///              4 moved entry: as it still is in the log, copied from a segment that is to go
///              5 removed: nothing of the group counts that stands before, its snapshot included. Nobody needs this
///                record when all that stands before is gone: it goes with its segment
///
/// The seed of a checksum in a segment mixes its salt (random, from when the file was made), its number and the offset,
/// so that no block passes that belongs elsewhere, into another file, or to an earlier use of the disk.
///
/// A batch is what one flush wrote. The next is written only when it is durable. So at open:
/// * a valid batch, or a part of the log behind it, proves that all batches before it were durable: what is wrong with
///   one of them is damage, and the log is refused;
/// * a batch that is wrong at the end of the log, with no valid one behind it, is cut away. That it was never finished
///   and that it was and has been damaged since look the same, and only for the last batch. A journal that is closed
///   writes an empty batch behind it, which ends the doubt. A reader cannot tell either when the newest segments are
///   gone whole.
/// Damage to what a batch does not cover (the rest of a segment's allocation) changes nothing.
///
/// Blocks are 512 bytes, 4096 for direct I/O: what was called durable is never written to again, not even in part.
namespace hpcsched::raft_log::detail {

inline constexpr std::uint32_t format_version = 1;
inline constexpr std::size_t header_bytes = 4096;
inline constexpr std::size_t batch_header_bytes = 40;
inline constexpr std::size_t record_header_bytes = 40;

enum class record_kind : std::uint8_t { entry = 1, state = 2, founders = 3, moved = 4, removed = 5 };

struct segment_header {
    std::uint32_t version = format_version;
    std::uint32_t block = 512;
    std::uint64_t cluster = 0;
    raft::node_id node{};
    std::uint64_t number = 0;
    std::uint64_t salt = 0;
};

struct batch_header {
    std::uint32_t length = 0; ///< with header and padding
    std::uint32_t used = 0;   ///< without padding
    std::uint32_t record_count = 0;
    std::uint64_t sequence = 0;
    std::uint64_t oldest = 0;
};

struct record {
    record_kind kind{};
    raft::entry_kind entry{};
    raft::group_id group{};
    raft::node_id node{};
    std::uint64_t index = 0;
    std::uint64_t term = 0;
    std::span<std::byte const> payload{};
};

[[nodiscard]] constexpr std::size_t round_up(std::size_t size, std::size_t unit) noexcept {
    return (size + unit - 1) / unit * unit;
}
[[nodiscard]] constexpr std::size_t record_bytes(std::size_t payload) noexcept {
    return round_up(record_header_bytes + payload, 8);
}

[[nodiscard]] std::uint64_t checksum(std::span<std::byte const> bytes, std::uint64_t seed) noexcept;

/// What the checksums in a segment are seeded with.
struct segment_key {
    std::uint64_t number = 0;
    std::uint64_t salt = 0;

    [[nodiscard]] std::uint64_t at(std::uint64_t offset) const noexcept {
        return salt ^ (number * 0x9e37'79b9'7f4a'7c15U + offset * 0xd1b5'4a32'd192'ed03U);
    }
};

/// The first 4096 bytes of a segment.
void encode(segment_header const& header, std::span<std::byte, header_bytes> out) noexcept;

enum class header_state : std::uint8_t { valid, newer, invalid };

/// \return newer: `out.version` alone is filled in
[[nodiscard]] header_state decode(std::span<std::byte const> file, segment_header& out) noexcept;

/// Writes a record to the start of `out`, which will stand at `offset` of a segment.
/// \pre out.size() == record_bytes(r.payload.size())
void encode(record const& r, segment_key key, std::uint64_t offset, std::span<std::byte> out) noexcept;

/// The record at the start of `in`, which stands at `offset`.
/// \return its size; 0: it is not valid, or its end is not within `in`
[[nodiscard]] std::size_t decode(std::span<std::byte const> in, segment_key key, std::uint64_t offset,
                                 record& out) noexcept;

/// Completes a batch: `bytes` begins with room for the header and ends with the padding.
void seal(batch_header const& header, segment_key key, std::uint64_t offset, std::span<std::byte> bytes) noexcept;

/// Whether a valid batch stands at `offset` of the segment `file`.
[[nodiscard]] bool decode(std::span<std::byte const> file, segment_key key, std::uint64_t offset,
                          batch_header& out) noexcept;

/// Calls `visit` for each record of a valid batch, with its offset in the file.
/// \error a record is not valid or of an unknown kind, or their number or size is not what the batch says
[[nodiscard]] result<void> each_record(std::span<std::byte const> file, segment_key key, std::uint64_t offset,
                                       batch_header const& batch,
                                       std::function<result<void>(record const&, std::uint64_t)> const& visit);

/// Where the next valid batch is, from `offset` on; the size of the file where there is none.
[[nodiscard]] std::uint64_t find_batch(std::span<std::byte const> file, segment_key key, std::uint64_t offset,
                                       std::size_t block) noexcept;

/// `00000012.log`
[[nodiscard]] std::string segment_name(std::uint64_t number);
/// The number in such a name; 0: it is none.
[[nodiscard]] std::uint64_t segment_number(std::string const& name) noexcept;

} // namespace hpcsched::raft_log::detail

#endif
