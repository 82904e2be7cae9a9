// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_SRC_RAFT_ASIO_FRAME_HPP
#define HPCSCHED_SRC_RAFT_ASIO_FRAME_HPP

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <variant>

namespace hpcsched::raft_asio::detail {

// A frame is a header of 24 bytes and a body, all little endian:
//
//   0  4  "HPCR"
//   4  1  major version of the protocol
//   5  1  kind
//   6  2  0
//   8  4  length of the body, a multiple of 8: every frame of a buffer is aligned as FlatBuffers wants it
//  12  4  0
//  16  8  XXH3-64 of the body, seeded with bytes 4 to 11: a damaged header does not pass either
//
// The first six bytes mean the same in every version, so that a newer one can be named.
inline constexpr std::size_t header_size = 24;
inline constexpr std::uint8_t protocol_major = 1;
inline constexpr std::uint16_t protocol_minor = 0;

enum class frame_kind : std::uint8_t { hello = 1, messages = 2, requests = 3, responses = 4 };

using header_bytes = std::array<std::byte, header_size>;

/// The header of a frame with this body.
/// \pre body.size() is a multiple of 8 and fits in 32 bits
[[nodiscard]] header_bytes make_header(frame_kind kind, std::span<std::byte const> body,
                                       std::uint8_t major = protocol_major);

struct incomplete {
    std::size_t frame_size = 0; ///< of which less is there; header_size where even the header is not
};
struct malformed {
    std::string why;
    std::uint8_t newer_major = 0; ///< not 0: the only thing wrong is that the frame is of a newer version
};
struct whole_frame {
    frame_kind kind{}; ///< may be one that a newer minor version has
    std::span<std::byte const> body;
    std::size_t size = 0;
};

/// The frame at the start of `in`, which is aligned to 8. What is wrong with the header shows before the body is there.
[[nodiscard]] std::variant<incomplete, malformed, whole_frame> first_frame(std::span<std::byte const> in,
                                                                           std::size_t body_max);

} // namespace hpcsched::raft_asio::detail

#endif
