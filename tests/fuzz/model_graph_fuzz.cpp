// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/core/assert.hpp>
#include <hpcsched/fuse/graph_codec.hpp>
#include <hpcsched/fuse/graph_hash.hpp>
#include <hpcsched/fuse/graph_rules.hpp>

#include "networks.hpp"

#include <cstddef>
#include <cstdint>
#include <span>

/// What may stand where a model graph was written. Nothing crashes or overflows; what is read is a valid graph of the
/// teachers, and written again and read it is the same graph.
extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    using namespace hpcsched;
    using namespace hpcsched::fuse;
    static teacher_set const teachers = fuzz::two_networks();
    // The fingerprint is put before the input: no chance finds it.
    byte_buffer bytes;
    put_word(bytes, teachers.fingerprint());
    auto const input = std::as_bytes(std::span{data, size});
    bytes.insert(bytes.end(), input.begin(), input.end());
    byte_reader in{bytes};
    auto const graph = take_graph(in, teachers);
    if (!graph) {
        HPCSCHED_ASSERT(!graph.error().message.empty());
        return 0;
    }
    HPCSCHED_ASSERT(validate(teachers, *graph).has_value());
    byte_buffer again;
    put_graph(again, teachers, *graph);
    byte_reader back{again};
    auto const same = take_graph(back, teachers);
    HPCSCHED_ASSERT(same.has_value() && *same == *graph && back.rest().empty());
    HPCSCHED_ASSERT(identity_hash(*same) == identity_hash(*graph));
    return 0;
}
