// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_RAFT_ASIO_REQUEST_HPP
#define HPCSCHED_RAFT_ASIO_REQUEST_HPP

#include <hpcsched/raft/membership.hpp>
#include <hpcsched/raft/state_machine.hpp>
#include <hpcsched/raft/types.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hpcsched::raft_asio {

/// What a client asks of a group. What the payloads are is between client and host, but for those told here.
enum class request_kind : std::uint8_t {
    command = 1,           ///< replicate this command, and answer what the state machine answers
    query = 2,             ///< answer from the state machine, linearizably
    members = 3,           ///< who belongs to the group; the answer is an encoded `raft::membership`
    status = 4,            ///< the node's own view of the group
    open_session = 5,      ///< open a session of `raft::sessions`; the answer is the client's number, 8 bytes
    change_membership = 6, ///< the payload is made by `encode_changes`
    transfer = 7,          ///< hand leadership to the node whose id is the payload (`encode_node`)
    host = 8,              ///< of this node's host program, whatever leads: see `node::set_on_host_request`
};

/// One request. The payload is borrowed: by a host for the call that hands it over, by a client until `submit` returns.
struct request {
    std::uint64_t id = 0; ///< tells a client's requests apart; `client` gives its own
    request_kind kind = request_kind::command;
    raft::group_id group{};
    std::span<std::byte const> payload{};
};

enum class response_status : std::uint8_t {
    ok = 0,
    not_leader = 1,  ///< nothing was done: ask `leader`
    unavailable = 2, ///< nothing was done, or it is not known whether: no leader for now, ask again
    busy = 3,        ///< nothing was done: too much is under way, ask again after a while
    refused = 4,     ///< nothing was done, and asking again will not help; the payload is a text that says why
    more = 5,        ///< a part of the answer to a `host` request: others follow, until one of another status
};

/// The answer to one request. Borrowed as a request is.
struct response {
    std::uint64_t id = 0;
    response_status status = response_status::ok;
    raft::node_id leader = raft::no_node; ///< the leader as the answering node knows it, or `no_node`
    std::string_view leader_address{};    ///< where clients reach it; left empty, `network` takes it from its peers
    std::span<std::byte const> payload{};
};

/// One change of a membership, with the address at which the others reach a new node.
struct addressed_change {
    raft::membership_change change{};
    std::string address{}; ///< empty where the node is removed

    friend bool operator==(addressed_change const&, addressed_change const&) = default;
};

/// The payload of a `change_membership`: per change its action, the node (4 bytes, little endian), the priority, the
/// length of the address (2 bytes), and the address.
/// \pre no address is longer than 255 bytes
[[nodiscard]] raft::byte_buffer encode_changes(std::span<addressed_change const> changes);

/// The changes that `payload` holds; nothing where it is none, or has more than `raft::members_max`.
[[nodiscard]] std::optional<std::vector<addressed_change>> decode_changes(std::span<std::byte const> payload);

/// The payload of a `transfer`.
[[nodiscard]] raft::byte_buffer encode_node(raft::node_id node);
[[nodiscard]] std::optional<raft::node_id> decode_node(std::span<std::byte const> payload);

} // namespace hpcsched::raft_asio

#endif
