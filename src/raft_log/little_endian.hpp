// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_RAFT_LOG_LITTLE_ENDIAN_HPP
#define HPCSCHED_RAFT_LOG_LITTLE_ENDIAN_HPP

#include <boost/endian/conversion.hpp>

#include <cstddef>
#include <cstdint>

namespace hpcsched::raft_log::detail {

// Numbers as they stand in the files.

inline std::uint64_t get64(std::byte const* at) noexcept {
    return boost::endian::load_little_u64(reinterpret_cast<unsigned char const*>(at));
}
inline std::uint32_t get32(std::byte const* at) noexcept {
    return boost::endian::load_little_u32(reinterpret_cast<unsigned char const*>(at));
}
inline void put64(std::byte* at, std::uint64_t value) noexcept {
    boost::endian::store_little_u64(reinterpret_cast<unsigned char*>(at), value);
}
inline void put32(std::byte* at, std::uint32_t value) noexcept {
    boost::endian::store_little_u32(reinterpret_cast<unsigned char*>(at), value);
}

} // namespace hpcsched::raft_log::detail

#endif
