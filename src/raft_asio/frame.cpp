// SPDX-License-Identifier: Apache-2.0
#include "frame.hpp"

#include <hpcsched/core/assert.hpp>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <cstring>
#include <limits>

namespace hpcsched::raft_asio::detail {

namespace {

constexpr std::array magic{std::byte{'H'}, std::byte{'P'}, std::byte{'C'}, std::byte{'R'}};

template <class Word>
void put(header_bytes& out, std::size_t at, Word word) {
    for (std::size_t i = 0; i < sizeof(Word); ++i) {
        out[at + i] = static_cast<std::byte>(word >> (8 * i));
    }
}

std::uint64_t get(std::span<std::byte const> in, std::size_t at, std::size_t size) {
    std::uint64_t word = 0;
    for (std::size_t i = 0; i < size; ++i) {
        word |= static_cast<std::uint64_t>(in[at + i]) << (8 * i);
    }
    return word;
}

std::uint64_t checksum(std::span<std::byte const> body, std::uint64_t seed) {
    return XXH3_64bits_withSeed(body.data(), body.size(), seed);
}

// Of whatever was sent, what a person can recognise it by.
std::string quoted(std::span<std::byte const> bytes) {
    std::string out{"\""};
    for (std::byte const b : bytes.first(std::min<std::size_t>(bytes.size(), 16))) {
        char const c = static_cast<char>(b);
        out += c >= ' ' && c <= '~' && c != '"' && c != '\\' ? c : '.';
    }
    return out + '"';
}

} // namespace

header_bytes make_header(frame_kind kind, std::span<std::byte const> body, std::uint8_t major) {
    HPCSCHED_ASSERT(body.size() % 8 == 0 && body.size() <= std::numeric_limits<std::uint32_t>::max());
    header_bytes out{};
    std::ranges::copy(magic, out.begin());
    put(out, 4, major);
    put(out, 5, static_cast<std::uint8_t>(kind));
    put(out, 8, static_cast<std::uint32_t>(body.size()));
    put(out, 16, checksum(body, get(out, 4, 8)));
    return out;
}

std::variant<incomplete, malformed, whole_frame> first_frame(std::span<std::byte const> in, std::size_t body_max) {
    std::size_t const seen = std::min(in.size(), magic.size());
    if (std::memcmp(in.data(), magic.data(), seen) != 0) {
        return malformed{"what came is no frame of this protocol; it begins with " + quoted(in)};
    }
    if (in.size() > 4 && static_cast<std::uint8_t>(in[4]) != protocol_major) {
        auto const major = static_cast<std::uint8_t>(in[4]);
        return malformed{"it speaks version " + std::to_string(major) + " of the protocol, this end version " +
                             std::to_string(protocol_major),
                         major > protocol_major ? major : std::uint8_t{0}};
    }
    if (in.size() < header_size) {
        return incomplete{header_size};
    }
    std::uint64_t const length = get(in, 8, 4);
    if (length > body_max) {
        return malformed{"a frame of " + std::to_string(length) + " bytes, more than the " + std::to_string(body_max) +
                         " that are taken"};
    }
    if (length % 8 != 0 || get(in, 6, 2) != 0 || get(in, 12, 4) != 0) {
        return malformed{"the header of a frame makes no sense"};
    }
    std::size_t const size = header_size + static_cast<std::size_t>(length);
    if (in.size() < size) {
        return incomplete{size};
    }
    auto const body = in.subspan(header_size, static_cast<std::size_t>(length));
    if (checksum(body, get(in, 4, 8)) != get(in, 16, 8)) {
        return malformed{"the checksum of a frame is wrong"};
    }
    return whole_frame{static_cast<frame_kind>(in[5]), body, size};
}

} // namespace hpcsched::raft_asio::detail
