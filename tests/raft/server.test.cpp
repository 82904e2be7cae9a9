// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/raft/memory_log.hpp>
#include <hpcsched/raft/server.hpp>
#include <hpcsched/testing/conformance/replicated_log.hpp>

#include <doctest/doctest.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace hpcsched::raft {
namespace {

/// A log in which one old entry has rotted.
struct rotten_log : memory_log {
    using memory_log::memory_log;

    log_index rotten = 0;

    std::optional<stored_entries> read(log_index first, std::size_t count_max, std::size_t bytes_max) {
        return first == rotten ? std::nullopt : memory_log::read(first, count_max, bytes_max);
    }
};
static_assert(log_storage<rotten_log>);

struct no_wire {
    void send(message const& /*lost*/) {}
};

using lone_server = server<testing::log_journal, rotten_log, no_wire>;

TEST_CASE(
    "server: an entry that cannot be read back ends the server with its place, and nothing behind it is applied") {
    std::array const founders{node_id{1}};
    replica_config c{.id = node_id{1}, .window_entries = 4, .window_bytes = 256};
    c.entry_bytes_max = 64;
    c.uncommitted_bytes_max = 128;
    rotten_log log{membership{founders}};
    std::vector<entry> entries;
    std::vector<std::byte> const payload(8, std::byte{1});
    for (log_index i = 1; i <= 40; ++i) {
        entries.push_back({i, 1, entry_kind::command, payload});
    }
    REQUIRE(log.write({.number = 1, .state = {1, node_id{1}}, .commit = 40, .first_index = 1, .entries = {entries}})
                .has_value());
    log.rotten = 20;
    lone_server s{c, {}, {}, log, {}, {}, time_point{}};
    s.run(time_point{});
    CHECK(s.failed());
    CHECK(s.failure() == "entry 20 is committed and cannot be read back from the log");
    CHECK(s.applied() == 19);
    CHECK(s.machine().items().size() == 19);
}

} // namespace
} // namespace hpcsched::raft
