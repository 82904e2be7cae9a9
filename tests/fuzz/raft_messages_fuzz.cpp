// SPDX-License-Identifier: Apache-2.0

// What a node's socket may bring: the first byte chooses, then comes a frame, or the body of one, which is then given
// a header that fits. Whatever comes: no message without sense is handed over, and what is handed over is encoded and
// decoded to the same again.
#include <hpcsched/core/assert.hpp>
#include <hpcsched/raft/membership.hpp>

#include "../raft_asio/random_messages.hpp"
#include "codec.hpp"

#include <cstdint>
#include <span>
#include <variant>
#include <vector>

namespace {

using namespace hpcsched;
using namespace hpcsched::raft_asio::detail;

constexpr std::size_t body_max = 1U << 16U;

void check(raft::message const& m) {
    if (auto const* const append = std::get_if<raft::append_request>(&m.body)) {
        raft::log_index next = append->previous_index;
        raft::log_term last = append->previous_term;
        for (raft::entry const& e : append->entries) {
            HPCSCHED_ASSERT(e.index == ++next);
            HPCSCHED_ASSERT(e.term >= last && e.term <= m.term && e.term > 0);
            HPCSCHED_ASSERT(e.kind <= raft::entry_kind::omitted);
            HPCSCHED_ASSERT(e.kind != raft::entry_kind::membership || raft::membership_codec::decode(e.payload));
            last = e.term;
            unsigned volatile sum = 0;
            for (std::byte const b : e.payload) { // every byte can be read
                sum = sum + static_cast<unsigned>(b);
            }
        }
    } else if (auto const* const chunk = std::get_if<raft::snapshot_chunk>(&m.body)) {
        HPCSCHED_ASSERT(raft::membership_codec::decode(chunk->members));
        HPCSCHED_ASSERT(chunk->last_index > 0);
    }
}

void decode(std::span<std::byte const> body) {
    raft::node_id const from{2};
    raft::node_id const to{1};
    message_decoder decoder;
    message_decoder second;
    message_batch again;
    std::uint64_t handed_over = 0;
    auto const seen = decoder.decode(body, from, to, [&](raft::group_id group, raft::message const& m) {
        ++handed_over;
        check(m);
        again.add(group, m);
        auto const frame = again.seal();
        std::vector<std::byte> const copy{frame.begin(), frame.end()};
        again.clear();
        auto const found = first_frame(copy, std::size_t{1} << 30U);
        HPCSCHED_ASSERT(std::holds_alternative<whole_frame>(found));
        std::uint64_t count = 0;
        auto const once_more = second.decode(std::get<whole_frame>(found).body, from, to,
                                             [&](raft::group_id same_group, raft::message const& same_message) {
                                                 ++count;
                                                 HPCSCHED_ASSERT(group == same_group);
                                                 HPCSCHED_ASSERT(test::same(m, same_message));
                                             });
        HPCSCHED_ASSERT(once_more.fault == nullptr && count == 1);
    });
    HPCSCHED_ASSERT(seen.count == handed_over);
    HPCSCHED_ASSERT(seen.fault == nullptr || handed_over == 0);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    if (size == 0) {
        return 0;
    }
    bool const is_body = data[0] % 2 == 0;
    auto const rest_of_input = std::as_bytes(std::span{data, size}).subspan(1);
    std::vector<std::byte> bytes(rest_of_input.begin(), rest_of_input.end()); // aligned, as a buffer of the network is
    if (is_body) {
        bytes.resize((bytes.size() + 7) / 8 * 8);
        decode(bytes);
        return 0;
    }
    std::span<std::byte const> rest{bytes};
    while (rest.size() >= 8) {
        auto const found = first_frame(rest, body_max);
        auto const* const frame = std::get_if<whole_frame>(&found);
        if (frame == nullptr) {
            break;
        }
        HPCSCHED_ASSERT(frame->size == header_size + frame->body.size() && frame->size <= rest.size());
        if (frame->kind == frame_kind::hello) {
            (void)decode_hello(frame->body);
        } else {
            decode(frame->body);
        }
        rest = rest.subspan(frame->size);
    }
    return 0;
}
