// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_NOTEBOOK_HOST_CHUNKS_API_HPP
#define HPCSCHED_NOTEBOOK_HOST_CHUNKS_API_HPP

#include <cstddef>
#include <cstdint>

// A chunk_store for programs in other languages: libhpcsched_chunks.so, plain C, loaded by hpcsched_kernel.
//
// The functions return 0, or what is less than 0 where they failed; hpcsched_chunks_last_error has the reason. They may
// be called by any number of threads at the same time. A digest is 32 bytes.

extern "C" {

struct hpcsched_chunks;

enum : int {
    hpcsched_chunks_failed = -1,      ///< of what a chunk_store can fail of
    hpcsched_chunks_misused = -2,     ///< a null pointer where none may be
    hpcsched_chunks_durable = 1 << 0, ///< a flag: `chunk_store_config::durable`
};

/// \param where  as chunk_store::open has it, in UTF-8 and ended by a zero
/// \param flags  0, or hpcsched_chunks_durable
/// \param store  gets the store, to be closed
int hpcsched_chunks_open(char const* where, int flags, hpcsched_chunks** store) noexcept;
/// \param store  may be null
void hpcsched_chunks_close(hpcsched_chunks* store) noexcept;

/// \param parts   `count` addresses, of which those of empty parts may be null
/// \param sizes   of the parts, in bytes
/// \param digest  gets the object's name
/// \param size    gets the object's size, in bytes
int hpcsched_chunks_put(hpcsched_chunks* store, void const* const* parts, std::size_t const* sizes, std::size_t count,
                        unsigned char* digest, std::uint64_t* size) noexcept;
/// \param size  gets the object's size, in bytes
int hpcsched_chunks_size(hpcsched_chunks* store, unsigned char const* digest, std::uint64_t* size) noexcept;
/// \param into  room for the object
/// \param size  of the room, which is that of the object, in bytes
int hpcsched_chunks_get(hpcsched_chunks* store, unsigned char const* digest, void* into, std::uint64_t size) noexcept;

/// Why the last call of this thread that failed did.
/// \param text  gets the reason, cut short if need be and ended by a zero
/// \param size  of the room at `text`, in bytes, at least 1
int hpcsched_chunks_last_error(char* text, std::size_t size) noexcept;

} // extern "C"

#endif
