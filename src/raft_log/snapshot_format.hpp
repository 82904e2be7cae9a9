// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_RAFT_LOG_SNAPSHOT_FORMAT_HPP
#define HPCSCHED_RAFT_LOG_SNAPSHOT_FORMAT_HPP

#include <hpcsched/core/result.hpp>
#include <hpcsched/raft/types.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

/// Snapshot files, format version 1. All numbers are little-endian, all checksums XXH3 with 64 bits.
///
///     header   checksum 8 (of the rest, seed 0) · magic 8 · version 4 · members 4 (their size) · cluster 8 · node 4 ·
///              group 4 · index 8 · term 8 · salt 8 · encoded membership, zeros up to 104
///     frame    checksum 8 (of the rest, and of the payload) · magic 4 · length 4 (of the payload) · offset 8 (in the
///              snapshot) · payload
///     trailer  checksum 8 (of the rest) · magic 4 · 0 4 · size 8 (of the snapshot) · keep from 8 · term before 8 ·
///              from batch 8
///
/// The seed of a frame's and of the trailer's checksum mixes the salt (random, of this file) and the place in the file.
///
/// A snapshot that comes in pieces grows as `incoming-<group>.part`, a frame for each piece; what a crash left behind
/// the last good frame was never vouched for and is cut away. With its trailer written and durable it is renamed, in
/// one step, to `snapshot-<group>-<index>.snap`. The trailer says what the snapshot means to the log: entries before
/// `keep from` are gone, and so are all in batches before `from batch`, where a snapshot took the place of the log.
namespace hpcsched::raft_log::detail {

inline constexpr std::uint32_t snapshot_version = 1;
inline constexpr std::size_t snapshot_header_bytes = 64 + 104;
inline constexpr std::size_t frame_header_bytes = 24;
inline constexpr std::size_t trailer_bytes = 48;
inline constexpr std::size_t frame_payload_max = std::size_t{256} << 10U; ///< of a snapshot made here

struct snapshot_header {
    std::uint32_t version = snapshot_version;
    std::uint64_t cluster = 0;
    raft::node_id node{};
    raft::group_id group{};
    raft::log_index index = 0;
    raft::log_term term = 0;
    std::uint64_t salt = 0;
    std::vector<std::byte> members{}; ///< encoded
};

struct frame_header {
    std::uint32_t length = 0;
    std::uint64_t offset = 0;
};

struct snapshot_trailer {
    std::uint64_t size = 0;
    raft::log_index keep_from = 0;
    raft::log_term before_term = 0;
    std::uint64_t from_batch = 0;
};

/// \pre header.members.size() <= 104
[[nodiscard]] std::vector<std::byte> encode(snapshot_header const& header);
/// \error what is wrong, without the file's name
[[nodiscard]] result<snapshot_header> decode_snapshot_header(std::span<std::byte const> file);

/// A frame's header for `payload`, which stands at `place` of the file.
void encode(std::uint64_t salt, std::uint64_t place, std::uint64_t offset, std::span<std::byte const> payload,
            std::span<std::byte, frame_header_bytes> out) noexcept;
/// What the header of a frame says, before its checksum is looked at. Nothing: it is none.
[[nodiscard]] std::optional<frame_header> peek_frame(std::span<std::byte const> in) noexcept;
/// Whether the frame whose header and payload are `in`, and which stands at `place`, is valid.
[[nodiscard]] bool is_frame(std::uint64_t salt, std::uint64_t place, std::span<std::byte const> in) noexcept;

void encode(std::uint64_t salt, std::uint64_t place, snapshot_trailer const& trailer,
            std::span<std::byte, trailer_bytes> out) noexcept;
[[nodiscard]] std::optional<snapshot_trailer> decode_trailer(std::uint64_t salt, std::uint64_t place,
                                                             std::span<std::byte const> in) noexcept;

[[nodiscard]] std::string snapshot_name(raft::group_id group, raft::log_index index);
[[nodiscard]] std::string incoming_name(raft::group_id group);

struct snapshot_file_name {
    raft::group_id group{};
    raft::log_index index = 0; ///< 0: an incoming one
};
[[nodiscard]] std::optional<snapshot_file_name> parse_snapshot_name(std::string const& name);

} // namespace hpcsched::raft_log::detail

#endif
