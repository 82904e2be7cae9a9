// SPDX-License-Identifier: Apache-2.0
#include "format.hpp"

#include "little_endian.hpp"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace hpcsched::raft_log::detail {
namespace {

constexpr std::uint64_t segment_magic = 0x474f'4c52'5343'5048U; // "HPCSRLOG"
constexpr std::uint32_t batch_magic = 0x4854'4142U;             // "BATH"

} // namespace

std::uint64_t checksum(std::span<std::byte const> bytes, std::uint64_t seed) noexcept {
    return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

void encode(segment_header const& header, std::span<std::byte, header_bytes> out) noexcept {
    std::ranges::fill(out, std::byte{});
    put64(out.data() + 8, segment_magic);
    put32(out.data() + 16, header.version);
    put32(out.data() + 20, header.block);
    put64(out.data() + 24, header.cluster);
    put32(out.data() + 32, header.node.value);
    put64(out.data() + 40, header.number);
    put64(out.data() + 48, header.salt);
    put64(out.data(), checksum(out.subspan(8), 0));
}

header_state decode(std::span<std::byte const> file, segment_header& out) noexcept {
    if (file.size() < header_bytes || get64(file.data() + 8) != segment_magic ||
        get64(file.data()) != checksum(file.subspan(8, header_bytes - 8), 0)) {
        return header_state::invalid;
    }
    std::byte const* const at = file.data();
    out.version = get32(at + 16);
    if (out.version > format_version) {
        return header_state::newer; // every version keeps the checksum, the magic and the version where they are
    }
    out.block = get32(at + 20);
    out.cluster = get64(at + 24);
    out.node = raft::node_id{get32(at + 32)};
    out.number = get64(at + 40);
    out.salt = get64(at + 48);
    bool const usable = out.version != 0 && (out.block == 512 || out.block == 4096);
    return usable ? header_state::valid : header_state::invalid;
}

void encode(record const& r, segment_key key, std::uint64_t offset, std::span<std::byte> out) noexcept {
    std::byte* const at = out.data();
    put32(at + 8, static_cast<std::uint32_t>(r.payload.size()));
    put32(at + 12, r.group.value);
    put32(at + 16, static_cast<std::uint32_t>(r.kind) | static_cast<std::uint32_t>(r.entry) << 8U);
    put32(at + 20, r.node.value);
    put64(at + 24, r.index);
    put64(at + 32, r.term);
    std::size_t const size = record_header_bytes + r.payload.size();
    if (!r.payload.empty()) {
        std::memcpy(at + record_header_bytes, r.payload.data(), r.payload.size());
    }
    std::ranges::fill(out.subspan(size), std::byte{});
    put64(at, checksum(out.subspan(8, size - 8), key.at(offset)));
}

std::size_t decode(std::span<std::byte const> in, segment_key key, std::uint64_t offset, record& out) noexcept {
    if (in.size() < record_header_bytes) {
        return 0;
    }
    std::byte const* const at = in.data();
    std::size_t const length = get32(at + 8);
    if (length > in.size() - record_header_bytes || record_bytes(length) > in.size() ||
        get64(at) != checksum(in.subspan(8, record_header_bytes - 8 + length), key.at(offset))) {
        return 0;
    }
    std::uint32_t const kinds = get32(at + 16);
    out.kind = static_cast<record_kind>(kinds & 0xffU);
    out.entry = static_cast<raft::entry_kind>(kinds >> 8U & 0xffU);
    out.group = raft::group_id{get32(at + 12)};
    out.node = raft::node_id{get32(at + 20)};
    out.index = get64(at + 24);
    out.term = get64(at + 32);
    out.payload = in.subspan(record_header_bytes, length);
    return record_bytes(length);
}

void seal(batch_header const& header, segment_key key, std::uint64_t offset, std::span<std::byte> bytes) noexcept {
    std::byte* const at = bytes.data();
    put32(at + 8, batch_magic);
    put32(at + 12, header.length);
    put32(at + 16, header.used);
    put32(at + 20, header.record_count);
    put64(at + 24, header.sequence);
    put64(at + 32, header.oldest);
    put64(at, checksum(bytes.subspan(8), key.at(offset)));
}

bool decode(std::span<std::byte const> file, segment_key key, std::uint64_t offset, batch_header& out) noexcept {
    if (offset + batch_header_bytes > file.size()) {
        return false;
    }
    std::byte const* const at = file.data() + offset;
    out.length = get32(at + 12);
    out.used = get32(at + 16);
    if (get32(at + 8) != batch_magic || out.length > file.size() - offset || out.used > out.length ||
        out.used < batch_header_bytes ||
        get64(at) != checksum(file.subspan(static_cast<std::size_t>(offset) + 8, out.length - 8), key.at(offset))) {
        return false;
    }
    out.record_count = get32(at + 20);
    out.sequence = get64(at + 24);
    out.oldest = get64(at + 32);
    return true;
}

result<void> each_record(std::span<std::byte const> file, segment_key key, std::uint64_t offset,
                         batch_header const& batch,
                         std::function<result<void>(record const&, std::uint64_t)> const& visit) {
    std::uint64_t at = offset + batch_header_bytes;
    std::uint64_t const end = offset + batch.used;
    for (std::uint32_t i = 0; i < batch.record_count; ++i) {
        record r;
        std::size_t const size =
            decode(file.subspan(static_cast<std::size_t>(at), static_cast<std::size_t>(end - at)), key, at, r);
        if (size == 0) {
            return error{"offset " + std::to_string(at) + ": a record is damaged"};
        }
        if (r.kind < record_kind::entry || r.kind > record_kind::removed || r.entry > raft::entry_kind::omitted) {
            return error{"offset " + std::to_string(at) + ": a record of an unknown kind; use a newer hpcsched"};
        }
        if (auto visited = visit(r, at); !visited) {
            return visited;
        }
        at += size;
    }
    if (at != end) {
        return error{"offset " + std::to_string(at) + ": a batch holds more than its records"};
    }
    return {};
}

std::uint64_t find_batch(std::span<std::byte const> file, segment_key key, std::uint64_t offset,
                         std::size_t block) noexcept {
    batch_header found;
    for (std::uint64_t at = round_up(static_cast<std::size_t>(offset), block); at < file.size(); at += block) {
        if (decode(file, key, at, found)) {
            return at;
        }
    }
    return file.size();
}

std::string segment_name(std::uint64_t number) {
    std::string const digits = std::to_string(number);
    return std::string(8 - std::min<std::size_t>(digits.size(), 8), '0') + digits + ".log";
}

std::uint64_t segment_number(std::string const& name) noexcept {
    std::size_t const dot = name.size() < 12 ? 0 : name.size() - 4;
    std::uint64_t number = 0;
    auto const [end, wrong] = std::from_chars(name.data(), name.data() + dot, number);
    bool const good = dot != 0 && wrong == std::errc{} && end == name.data() + dot && segment_name(number) == name;
    return good ? number : 0;
}

} // namespace hpcsched::raft_log::detail
