// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/core/assert.hpp>
#include <hpcsched/raft_asio/request.hpp>

#include <utility>

namespace hpcsched::raft_asio {

namespace {

constexpr std::size_t address_max = 255;

void put(raft::byte_buffer& out, std::uint64_t word, std::size_t size) {
    for (std::size_t i = 0; i < size; ++i) {
        out.push_back(static_cast<std::byte>(word >> (8 * i)));
    }
}

std::uint32_t get(std::span<std::byte const> in) {
    std::uint32_t word = 0;
    for (std::size_t i = 0; i < in.size(); ++i) {
        word |= static_cast<std::uint32_t>(in[i]) << (8 * i);
    }
    return word;
}

} // namespace

raft::byte_buffer encode_changes(std::span<addressed_change const> changes) {
    raft::byte_buffer out;
    for (auto const& [change, address] : changes) {
        HPCSCHED_ASSERT(address.size() <= address_max);
        put(out, static_cast<std::uint8_t>(change.what), 1);
        put(out, change.node.value, 4);
        put(out, change.priority, 1);
        put(out, address.size(), 2);
        for (char const c : address) {
            out.push_back(static_cast<std::byte>(c));
        }
    }
    return out;
}

std::optional<std::vector<addressed_change>> decode_changes(std::span<std::byte const> payload) {
    using action = raft::membership_change::action;
    constexpr std::size_t fixed_size = 8;
    std::vector<addressed_change> out;
    while (!payload.empty()) {
        if (payload.size() < fixed_size || out.size() == raft::members_max) {
            return std::nullopt;
        }
        auto const what = static_cast<std::uint8_t>(payload[0]);
        std::size_t const length = get(payload.subspan(6, 2));
        if (what > static_cast<std::uint8_t>(action::remove) || length > address_max ||
            payload.size() < fixed_size + length) {
            return std::nullopt;
        }
        addressed_change next{{static_cast<action>(what), raft::node_id{get(payload.subspan(1, 4))},
                               static_cast<std::uint8_t>(payload[5])},
                              {}};
        for (std::byte const b : payload.subspan(fixed_size, length)) {
            next.address += static_cast<char>(b);
        }
        out.push_back(std::move(next));
        payload = payload.subspan(fixed_size + length);
    }
    return out;
}

raft::byte_buffer encode_node(raft::node_id node) {
    raft::byte_buffer out;
    put(out, node.value, 4);
    return out;
}

std::optional<raft::node_id> decode_node(std::span<std::byte const> payload) {
    return payload.size() == 4 ? std::optional{raft::node_id{get(payload)}} : std::nullopt;
}

} // namespace hpcsched::raft_asio
