// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/core/assert.hpp>

#include "object_list.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

/// What may stand in a store as the list of an object's chunks. Nothing crashes or overflows; a list that is read is
/// written the same, its chunks have sizes that a chunk may have, and the object has the sum of them.
extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    using namespace hpcsched;
    using namespace hpcsched::notebook_host;
    auto const bytes = std::as_bytes(std::span{data, size});
    auto const object = decode_object_list(bytes);
    if (!object) {
        HPCSCHED_ASSERT(!object.error().message.empty());
        return 0;
    }
    byte_buffer const again = encode(*object);
    HPCSCHED_ASSERT(std::equal(again.begin(), again.end(), bytes.begin(), bytes.end()));
    std::uint64_t left = object->size;
    for (listed_chunk const& c : object->chunks) {
        HPCSCHED_ASSERT(c.size >= 1 && c.size <= chunk_max && c.size <= left);
        left -= c.size;
    }
    HPCSCHED_ASSERT(left == 0);
    return 0;
}
