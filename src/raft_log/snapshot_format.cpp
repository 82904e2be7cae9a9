// SPDX-License-Identifier: Apache-2.0
#include "snapshot_format.hpp"

#include <hpcsched/core/assert.hpp>
#include <hpcsched/raft/membership.hpp>

#include "format.hpp"
#include "little_endian.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>

namespace hpcsched::raft_log::detail {
namespace {

constexpr std::uint64_t snapshot_magic = 0x504e'5352'5343'5048U; // "HPCSRSNP"
constexpr std::uint32_t frame_magic = 0x4d41'5246U;              // "FRAM"
constexpr std::uint32_t trailer_magic = 0x4c49'4154U;            // "TAIL"
constexpr std::size_t members_at = 64;

std::uint64_t seed(std::uint64_t salt, std::uint64_t place) noexcept {
    return segment_key{0, salt}.at(place);
}

// The payload's checksum is the seed of the header's, so that they need not lie side by side.
std::uint64_t frame_checksum(std::uint64_t salt, std::uint64_t place, std::span<std::byte const> header,
                             std::span<std::byte const> payload) noexcept {
    return checksum(header.subspan(8, frame_header_bytes - 8), checksum(payload, seed(salt, place)));
}

} // namespace

std::vector<std::byte> encode(snapshot_header const& header) {
    HPCSCHED_ASSERT(header.members.size() <= snapshot_header_bytes - members_at);
    std::vector<std::byte> out(snapshot_header_bytes);
    std::byte* const at = out.data();
    put64(at + 8, snapshot_magic);
    put32(at + 16, header.version);
    put32(at + 20, static_cast<std::uint32_t>(header.members.size()));
    put64(at + 24, header.cluster);
    put32(at + 32, header.node.value);
    put32(at + 36, header.group.value);
    put64(at + 40, header.index);
    put64(at + 48, header.term);
    put64(at + 56, header.salt);
    std::ranges::copy(header.members, out.begin() + members_at);
    put64(at, checksum(std::span{out}.subspan(8), 0));
    return out;
}

result<snapshot_header> decode_snapshot_header(std::span<std::byte const> file) {
    if (file.size() < snapshot_header_bytes || get64(file.data() + 8) != snapshot_magic ||
        get64(file.data()) != checksum(file.subspan(8, snapshot_header_bytes - 8), 0)) {
        return error{"offset 0: the header is damaged"};
    }
    std::byte const* const at = file.data();
    snapshot_header out;
    out.version = get32(at + 16);
    if (out.version > snapshot_version) {
        return error{"it is of format version " + std::to_string(out.version) + ", this program reads up to " +
                     std::to_string(snapshot_version) + ": use a newer hpcsched"};
    }
    out.cluster = get64(at + 24);
    out.node = raft::node_id{get32(at + 32)};
    out.group = raft::group_id{get32(at + 36)};
    out.index = get64(at + 40);
    out.term = get64(at + 48);
    out.salt = get64(at + 56);
    std::size_t const size = get32(at + 20);
    if (size <= snapshot_header_bytes - members_at) {
        auto const members = file.subspan(members_at, size);
        out.members.assign(members.begin(), members.end());
    }
    if (out.index == 0 || !raft::membership_codec::decode(out.members)) {
        return error{"offset 0: the header makes no sense"};
    }
    return out;
}

void encode(std::uint64_t salt, std::uint64_t place, std::uint64_t offset, std::span<std::byte const> payload,
            std::span<std::byte, frame_header_bytes> out) noexcept {
    put32(out.data() + 8, frame_magic);
    put32(out.data() + 12, static_cast<std::uint32_t>(payload.size()));
    put64(out.data() + 16, offset);
    put64(out.data(), frame_checksum(salt, place, out, payload));
}

std::optional<frame_header> peek_frame(std::span<std::byte const> in) noexcept {
    if (in.size() < frame_header_bytes || get32(in.data() + 8) != frame_magic) {
        return std::nullopt;
    }
    return frame_header{get32(in.data() + 12), get64(in.data() + 16)};
}

bool is_frame(std::uint64_t salt, std::uint64_t place, std::span<std::byte const> in) noexcept {
    auto const header = peek_frame(in);
    return header && in.size() == frame_header_bytes + header->length &&
           get64(in.data()) == frame_checksum(salt, place, in, in.subspan(frame_header_bytes));
}

void encode(std::uint64_t salt, std::uint64_t place, snapshot_trailer const& trailer,
            std::span<std::byte, trailer_bytes> out) noexcept {
    put32(out.data() + 8, trailer_magic);
    put32(out.data() + 12, 0);
    put64(out.data() + 16, trailer.size);
    put64(out.data() + 24, trailer.keep_from);
    put64(out.data() + 32, trailer.before_term);
    put64(out.data() + 40, trailer.from_batch);
    put64(out.data(), checksum(out.subspan(8), seed(salt, place)));
}

std::optional<snapshot_trailer> decode_trailer(std::uint64_t salt, std::uint64_t place,
                                               std::span<std::byte const> in) noexcept {
    if (in.size() != trailer_bytes || get32(in.data() + 8) != trailer_magic ||
        get64(in.data()) != checksum(in.subspan(8), seed(salt, place))) {
        return std::nullopt;
    }
    return snapshot_trailer{get64(in.data() + 16), get64(in.data() + 24), get64(in.data() + 32), get64(in.data() + 40)};
}

std::string snapshot_name(raft::group_id group, raft::log_index index) {
    return "snapshot-" + std::to_string(group.value) + "-" + std::to_string(index) + ".snap";
}

std::string incoming_name(raft::group_id group) {
    return "incoming-" + std::to_string(group.value) + ".part";
}

std::optional<snapshot_file_name> parse_snapshot_name(std::string const& name) {
    bool const whole = name.starts_with("snapshot-");
    if (!whole && !name.starts_with("incoming-")) {
        return std::nullopt;
    }
    char const* const end = name.data() + name.size();
    snapshot_file_name out;
    auto at = std::from_chars(name.data() + 9, end, out.group.value);
    if (whole && at.ec == std::errc{} && at.ptr != end) {
        at = std::from_chars(at.ptr + 1, end, out.index);
    }
    bool const same =
        at.ec == std::errc{} && name == (whole ? snapshot_name(out.group, out.index) : incoming_name(out.group));
    return same && whole == (out.index != 0) ? std::optional{out} : std::nullopt;
}

} // namespace hpcsched::raft_log::detail
