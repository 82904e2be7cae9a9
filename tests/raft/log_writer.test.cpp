// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/raft/log_writer.hpp>
#include <hpcsched/raft/replicated_log.hpp>
#include <hpcsched/testing/conformance/replicated_log.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace hpcsched::raft {

namespace {

using namespace std::chrono_literals;

/// A server that writes down what it is asked for.
struct recording_server {
    struct replica_view {
        log_term now_in = 1;
        node_id led_by{2};
        raft::role as = role::follower;

        [[nodiscard]] log_term term() const { return now_in; }
        [[nodiscard]] node_id leader() const { return led_by; }
        [[nodiscard]] raft::role role() const { return as; }
    };

    [[nodiscard]] replica_view const& replica() const { return view; }
    result<log_index, errc> propose(std::span<std::byte const> command, time_point /*now*/) {
        proposed.emplace_back(command.begin(), command.end());
        return log_index{proposed.size()};
    }
    result<void, errc> forward(std::span<std::byte const> command, time_point /*now*/) {
        if (view.led_by == no_node) {
            return errc::no_leader;
        }
        forwarded.emplace_back(command.begin(), command.end());
        return {};
    }
    result<void, errc> read(std::uint64_t id, time_point /*now*/) {
        if (view.led_by == no_node) {
            return errc::no_leader;
        }
        reads.push_back(id);
        return {};
    }

    replica_view view;
    std::vector<byte_buffer> proposed;
    std::vector<byte_buffer> forwarded;
    std::vector<std::uint64_t> reads;
};

struct told : silent_log_observer {
    void appended(std::uint64_t token, log_index index) {
        tokens.push_back(token);
        places.push_back(index);
    }
    void caught_up(std::uint64_t token) { barriers.push_back(token); }

    std::vector<std::uint64_t> tokens;
    std::vector<log_index> places;
    std::vector<std::uint64_t> barriers;
};

/// A writer, a server, and the log that a test makes of what was sent.
struct stage {
    explicit stage(log_writer_config config = {.nonce = 7}) : writer{config} {}

    bool push() { return writer.push(server, now); }
    void append(std::uint64_t token) {
        CHECK(writer.append(token, std::as_bytes(std::span{std::string_view{"payload"}})).has_value());
    }
    /// A command gets into the log.
    void commit(byte_buffer const& command) {
        byte_buffer reply;
        machine.apply(++index, command, reply);
        writer.applied({index, 1, entry_kind::command, command}, reply, heard);
    }
    /// What was forwarded, all but the first `lost`, gets into the log.
    void commit_all(std::size_t lost = 0) {
        auto const sent = std::exchange(server.forwarded, {});
        for (std::size_t i = lost; i < sent.size(); ++i) {
            commit(sent[i]);
        }
    }
    /// With a number, and nothing on its way.
    void open() {
        append(1000);
        push();
        commit_all();
        push();
        commit_all();
        CHECK(heard.tokens == std::vector<std::uint64_t>{1000});
        heard = {};
    }

    time_point now{1s};
    recording_server server;
    log_writer writer;
    sequenced<testing::log_journal> machine{testing::log_journal{}};
    log_index index = 0;
    told heard;
};

} // namespace

TEST_CASE("log writer: a read that the leader could not confirm is asked for again, and its barrier is not told") {
    stage s;
    CHECK(s.writer.barrier(5).has_value());
    CHECK(s.push());
    CHECK(s.server.reads.size() == 1);
    CHECK(s.writer.barrier(6).has_value()); // asked for after the read, so not covered by it
    s.writer.read_ready(s.server.reads.back(), false, s.heard);
    CHECK(s.heard.barriers.empty());
    CHECK(s.push());
    CHECK(s.server.reads.size() == 2);
    s.writer.read_ready(s.server.reads.front(), true, s.heard);
    CHECK(s.heard.barriers.empty());
    s.writer.read_ready(s.server.reads.back(), true, s.heard);
    CHECK(s.heard.barriers == std::vector<std::uint64_t>{5, 6});
    CHECK(s.writer.next_deadline() == s.now + 1s);
    CHECK_FALSE(s.push());
    CHECK(s.writer.next_deadline() == never);
}

TEST_CASE("log writer: a new leader is sent at once what the old one may have lost") {
    stage s;
    s.open();
    s.append(1);
    s.append(2);
    CHECK(s.push());
    CHECK(s.server.forwarded.size() == 2);
    CHECK_FALSE(s.push());
    s.server.view = {.now_in = 2, .led_by = no_node};
    CHECK_FALSE(s.push());
    s.server.view.led_by = node_id{3};
    CHECK(s.push());
    CHECK(s.server.forwarded.size() == 4);
    s.commit_all();
    CHECK(s.heard.tokens == std::vector<std::uint64_t>{1, 2});
    CHECK(s.machine.machine().items().size() == 3);
}

TEST_CASE("log writer: with no sign of what was sent it is sent again when the time has come") {
    stage s;
    s.open();
    s.append(1);
    CHECK(s.push());
    CHECK(s.writer.next_deadline() == s.now + 1s);
    s.now += 1s;
    CHECK(s.push());
    CHECK(s.server.forwarded.size() == 2);
    s.commit_all();
    CHECK(s.heard.tokens == std::vector<std::uint64_t>{1});
}

TEST_CASE("log writer: after a loss all from there on is sent again, once") {
    stage s;
    s.open();
    for (std::uint64_t token = 0; token < 4; ++token) {
        s.append(token);
    }
    s.push();
    s.commit_all(1);
    CHECK(s.heard.tokens.empty());
    CHECK(s.push());
    CHECK(s.server.forwarded.size() == 4);
    s.commit_all();
    CHECK(s.heard.tokens == std::vector<std::uint64_t>{0, 1, 2, 3});
    CHECK_FALSE(s.push());
}

TEST_CASE("log writer: one that was forgotten takes a new number, and no earlier copy counts any more") {
    stage s;
    s.machine = sequenced<testing::log_journal>{testing::log_journal{}, 1};
    s.open();
    s.append(1);
    s.push();
    byte_buffer other;
    s.machine.encode({0, 99, 0}, {}, other);
    auto const late = s.server.forwarded;
    s.commit(other); // another writer is opened before the entry gets there
    s.commit_all();
    CHECK(s.heard.tokens.empty());
    s.push();
    s.commit_all(); // opened again
    s.push();
    s.commit(late.front());
    s.commit_all();
    CHECK(s.heard.tokens == std::vector<std::uint64_t>{1});
    CHECK(s.machine.machine().items().size() == 2);
}

TEST_CASE("log writer: one that a snapshot has forgotten with entries on their way gives up, and does not guess") {
    stage s;
    s.open();
    s.append(1);
    s.push();
    s.writer.restored(sequenced<testing::log_journal>{testing::log_journal{}}, s.heard);
    CHECK(s.writer.failure().find("not known") != std::string::npos);
    CHECK(s.writer.append(2, {}).error() == errc::no_leader);
    CHECK(s.writer.barrier(2).error() == errc::no_leader);
    CHECK(s.heard.tokens.empty());

    stage idle;
    idle.open();
    idle.writer.restored(sequenced<testing::log_journal>{testing::log_journal{}}, idle.heard);
    CHECK(idle.writer.failure().empty()); // nothing was on its way
}

} // namespace hpcsched::raft
