// SPDX-License-Identifier: Apache-2.0

// What a client may send to a node, and a node to a client: the first byte chooses which, then comes the body of a
// frame, or the payload of a request that the library itself defines.
#include <hpcsched/core/assert.hpp>

#include "codec.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace {

using namespace hpcsched;
using namespace hpcsched::raft_asio;
using namespace hpcsched::raft_asio::detail;

std::uint64_t sum_of(std::span<std::byte const> bytes) {
    std::uint64_t sum = 0;
    for (std::byte const b : bytes) {
        sum += static_cast<std::uint64_t>(b);
    }
    return sum;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    if (size == 0) {
        return 0;
    }
    auto const rest_of_input = std::as_bytes(std::span{data, size}).subspan(1);
    std::vector<std::byte> bytes(rest_of_input.begin(), rest_of_input.end()); // aligned, as a buffer of the network is
    if (data[0] % 4 == 3) {
        if (auto const changes = decode_changes(bytes)) {
            HPCSCHED_ASSERT(decode_changes(encode_changes(*changes)) == changes);
        }
        (void)decode_node(bytes);
        return 0;
    }
    bytes.resize((bytes.size() + 7) / 8 * 8);
    std::uint64_t volatile sum = 0;
    std::size_t payloads = 0;
    std::uint64_t count = 0;
    decoded seen;
    switch (data[0] % 4) {
    case 0:
        seen = decode_requests(bytes, [&](request const& r) {
            HPCSCHED_ASSERT(static_cast<unsigned>(r.kind) != 0);
            sum = sum + sum_of(r.payload);
            payloads += r.payload.size();
            ++count;
        });
        break;
    case 1:
        seen = decode_responses(bytes, [&](response const& r) {
            HPCSCHED_ASSERT(r.status <= response_status::refused);
            sum = sum + sum_of(r.payload) + r.leader_address.size();
            payloads += r.payload.size();
            ++count;
        });
        break;
    default:
        if (auto const h = decode_hello(bytes)) {
            for (char const c : h->refusal) {
                HPCSCHED_ASSERT(c >= ' ' && c <= '~');
            }
        }
    }
    HPCSCHED_ASSERT(seen.count == count && (seen.fault == nullptr || count == 0));
    HPCSCHED_ASSERT(payloads <= bytes.size());
    return 0;
}
