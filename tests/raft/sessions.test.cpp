// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/core/bytes.hpp>
#include <hpcsched/raft/sessions.hpp>
#include <hpcsched/testing/archetypes/state_machine.hpp>
#include <hpcsched/testing/conformance/state_machine.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace hpcsched::raft {
namespace {

// Counts, and answers with the count.
struct counter {
    std::uint64_t count = 0;

    void apply(log_index /*index*/, std::span<std::byte const> /*command*/, byte_buffer& reply) {
        put_word(reply, ++count);
    }
    void save(byte_buffer& out) const { put_word(out, count); }
    bool restore(std::span<std::byte const> saved) {
        byte_reader in{saved};
        count = in.word();
        return in.good();
    }
};
using machine = sessions<counter>;
using session_reply = machine::session_reply;
static_assert(state_machine<machine>);

// Near-misses, one for each fragment of the concept.
struct applies_nothing : counter {
    void apply(log_index, std::span<std::byte const>, byte_buffer&) = delete;
};
static_assert(!state_machine<applies_nothing>);
struct saves_in_passing : counter {
    void save(byte_buffer&) {}
};
static_assert(!state_machine<saves_in_passing>);
struct restores_silently : counter {
    void restore(std::span<std::byte const>) {}
};
static_assert(!state_machine<restores_silently>);

byte_buffer command(std::uint64_t client, std::uint64_t sequence) {
    byte_buffer out;
    machine::encode({client, sequence}, {}, out);
    return out;
}

struct answer {
    session_reply how{};
    std::uint64_t word = 0;

    friend bool operator==(answer const&, answer const&) = default;
};

answer apply(machine& m, log_index index, byte_buffer const& what) {
    byte_buffer reply;
    m.apply(index, what, reply);
    byte_reader in{std::span{reply}.subspan(1)};
    std::uint64_t const word = in.word();
    return {static_cast<session_reply>(reply.front()), in.good() ? word : 0};
}

} // namespace

TEST_CASE("sessions: a command that is sent again is carried out once and answered alike") {
    // Raft thesis, section 6.3
    machine m{counter{}};
    CHECK(apply(m, 5, command(0, 0)) == answer{session_reply::done, 5});
    CHECK(apply(m, 6, command(5, 1)) == answer{session_reply::done, 1});
    CHECK(apply(m, 7, command(5, 1)) == answer{session_reply::done, 1});
    CHECK(m.machine().count == 1);
    CHECK(apply(m, 8, command(5, 2)) == answer{session_reply::done, 2});
    CHECK(apply(m, 9, command(5, 1)) == answer{session_reply::stale, 0});
    CHECK(m.machine().count == 2);
}

TEST_CASE("sessions: a session that was never opened, or is forgotten, has nothing done twice") {
    machine m{counter{}, 2};
    CHECK(apply(m, 1, command(77, 1)) == answer{session_reply::expired, 0});
    (void)apply(m, 2, command(0, 0));
    (void)apply(m, 3, command(0, 0));
    (void)apply(m, 4, command(2, 1)); // now 3 is the oldest
    (void)apply(m, 5, command(0, 0));
    CHECK(m.client_count() == 2);
    CHECK(apply(m, 6, command(3, 1)) == answer{session_reply::expired, 0});
    CHECK(apply(m, 7, command(2, 2)) == answer{session_reply::done, 2});
    CHECK(m.machine().count == 2);
}

TEST_CASE("sessions: bytes that are no command are answered so") {
    machine m{counter{}};
    CHECK(apply(m, 1, {}).how == session_reply::malformed);
    CHECK(apply(m, 2, byte_buffer(15)).how == session_reply::malformed);
    CHECK(apply(m, 3, command(1, 0)).how == session_reply::malformed);
    CHECK(apply(m, 4, command(0, 1)).how == session_reply::malformed);
    CHECK(m.machine().count == 0);
}

TEST_CASE("sessions: keep the rules of a state machine, snapshots at any point included") {
    std::vector<byte_buffer> commands{command(0, 0), command(0, 0)};
    for (std::uint64_t i = 1; i < 6; ++i) {
        commands.push_back(command(1, i));
        commands.push_back(command(2, i));
        commands.push_back(command(1, i));
        commands.push_back(command(0, 0));
        commands.emplace_back(3);
    }
    CHECK(testing::check_state_machine([] { return machine{counter{}, 3}; }, commands) == std::vector<std::string>{});
}

} // namespace hpcsched::raft
