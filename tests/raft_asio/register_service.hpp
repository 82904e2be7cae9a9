// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_TESTS_RAFT_ASIO_REGISTER_SERVICE_HPP
#define HPCSCHED_TESTS_RAFT_ASIO_REGISTER_SERVICE_HPP

#include <hpcsched/core/bytes.hpp>
#include <hpcsched/raft/sessions.hpp>
#include <hpcsched/raft/state_machine.hpp>
#include <hpcsched/raft_asio/node.hpp>
#include <hpcsched/raft_sim/register_machine.hpp>

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace hpcsched::raft_asio::test {

/// The registers of the simulator, which can also be read: a question is a key, its answer what the register holds.
struct asked_registers : raft_sim::register_machine {
    void query(std::span<std::byte const> question, raft::byte_buffer& reply) const {
        put_word(reply, value(byte_reader{question}.word()));
    }
};
using register_service = raft::sessions<asked_registers>;
static_assert(raft::answers_queries<register_service>);

inline constexpr raft::group_id tested_group{1};

/// A node of a cluster in which a test kills and cuts off, with times to match.
inline node_config quick_config(std::uint32_t self, std::vector<peer> const& nodes,
                                std::filesystem::path const& folder) {
    node_config c;
    c.network.self.value = self;
    c.network.cluster_id = 77;
    c.network.peers = nodes;
    c.network.listen = nodes.at(self - 1).address;
    c.log.directory = folder / std::to_string(self);
    c.log.segment_bytes = std::size_t{1} << 20U;
    c.replica.election_timeout = std::chrono::milliseconds{150};
    c.replica.heartbeat_interval = std::chrono::milliseconds{30};
    c.snapshots.every = 500;
    c.snapshots.trailing = 50;
    return c;
}

} // namespace hpcsched::raft_asio::test

#endif
