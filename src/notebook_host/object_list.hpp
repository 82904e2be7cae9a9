// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_NOTEBOOK_HOST_OBJECT_LIST_HPP
#define HPCSCHED_NOTEBOOK_HOST_OBJECT_LIST_HPP

#include <hpcsched/core/bytes.hpp>
#include <hpcsched/core/result.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace hpcsched::notebook_host {

/// No chunk is longer, in bytes.
inline constexpr std::uint64_t chunk_max = std::uint64_t{4} << 20U;
/// No list is longer, in bytes: it names 25 TiB.
inline constexpr std::uint64_t object_list_max = std::uint64_t{256} << 20U;

/// One chunk of an object.
struct listed_chunk {
    std::array<std::byte, 32> digest{}; ///< SHA-256 of its bytes
    std::uint64_t size = 0;             ///< 1 .. chunk_max, bytes

    friend bool operator==(listed_chunk const&, listed_chunk const&) = default;
};

/// What an object is: its chunks, in order.
struct object_list {
    std::vector<listed_chunk> chunks;
    std::uint64_t size = 0; ///< of the object: the sum of theirs

    friend bool operator==(object_list const&, object_list const&) = default;
};

// As bytes, and so in a store: words are little-endian and of 64 bits.
//
//     "hpcsobj" and the version, 1, a byte     8
//     the size of the object                   8
//     the count of its chunks                  8
//     of each chunk: its digest, its size     40
//
// One object has one list, so one name: what would be written otherwise is not read.
inline constexpr std::size_t object_list_head = 24;
inline constexpr std::size_t object_list_row = 40;

[[nodiscard]] byte_buffer encode(object_list const& object);

/// \error what is wrong with the bytes
[[nodiscard]] result<object_list> decode_object_list(std::span<std::byte const> bytes);

} // namespace hpcsched::notebook_host

#endif
