// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/raft/memory_log.hpp>
#include <hpcsched/raft/server.hpp>
#include <hpcsched/testing/archetypes/log_storage.hpp>
#include <hpcsched/testing/archetypes/state_machine.hpp>
#include <hpcsched/testing/archetypes/transport.hpp>
#include <hpcsched/testing/conformance/log_storage.hpp>

#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

namespace hpcsched::raft {
namespace {

// Near-misses, one for each fragment of the concept.
struct tells_nothing : memory_log {
    stored_state stored() = delete;
};
static_assert(!log_storage<tells_nothing>);
struct writes_and_hopes : memory_log {
    void write(log_write const&) {}
};
static_assert(!log_storage<writes_and_hopes>);
struct reads_nothing : memory_log {
    std::optional<stored_entries> read(log_index, std::size_t, std::size_t) = delete;
};
static_assert(!log_storage<reads_nothing>);
struct keeps_nothing : memory_log {
    snapshot_info snapshot() = delete;
};
static_assert(!log_storage<keeps_nothing>);
struct receives_nothing : memory_log {
    result<snapshot_progress> store_chunk(snapshot_chunk const&) = delete;
};
static_assert(!log_storage<receives_nothing>);
struct sends_nothing {
    void send(message const&) = delete;
};
static_assert(!transport<sends_nothing>);

// Loses the vote of every third write.
struct forgetful : memory_log {
    using memory_log::memory_log;
    result<void> write(log_write w) {
        w.state.voted_for = w.number % 3 == 0 ? no_node : w.state.voted_for;
        return memory_log::write(w);
    }
};

} // namespace

TEST_CASE("memory_log: keeps the rules of a log storage") {
    auto const make = [](membership const& founders) { return memory_log{founders}; };
    auto const reopen = [](memory_log log) { return log; };
    CHECK(testing::check_log_storage(make, reopen, [](memory_log&, std::uint64_t) {}) == std::vector<std::string>{});
}

TEST_CASE("memory_log: the rules find a storage that forgets votes") {
    auto const make = [](membership const& founders) { return forgetful{founders}; };
    auto const reopen = [](forgetful log) { return log; };
    CHECK(testing::check_log_storage(make, reopen, [](forgetful&, std::uint64_t) {}) != std::vector<std::string>{});
}

} // namespace hpcsched::raft
