// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/notebook/kernel_log.hpp>
#include <hpcsched/raft/state_machine.hpp>
#include <hpcsched/testing/conformance/state_machine.hpp>

#include <doctest/doctest.h>

#include "kernel_examples.hpp"

#include <cstddef>
#include <string>
#include <vector>

namespace hpcsched::notebook {
namespace {

static_assert(raft::answers_queries<kernel_log>);

using outcome = entry_outcome;

outcome take(kernel_log& log, kernel_entry const& entry) {
    byte_buffer reply;
    log.apply(1, encoded(entry), reply);
    return kernel_log::decode(reply);
}

constexpr replica_id a{0};
constexpr replica_id b{1};
constexpr replica_id c{2};

TEST_CASE("kernel log: the first assignment of an attempt decides, by its place in the log") {
    kernel_log log;
    CHECK(take(log, cell_assigned{{1, 1}, b, 5}) == outcome::decided);
    CHECK(log.phase() == kernel_phase::running);
    CHECK(log.executor() == b);
    CHECK(log.lease() == 5);
    CHECK(take(log, cell_assigned{{1, 1}, b, 5}) == outcome::repeated);
    CHECK(take(log, cell_assigned{{1, 1}, a, 6}) == outcome::refused);
    CHECK(log.executor() == b);
}

TEST_CASE("kernel log: what a cell changed counts from its executor, once, and from nobody else") {
    kernel_log log;
    CHECK(take(log, cell_assigned{{1, 1}, b, 0}) == outcome::decided);
    CHECK(take(log, cell_done{{1, 1}, a, cell_status::ok, {{{"x", bytes_of("a")}}, {}}}) == outcome::refused);
    CHECK(log.names().empty());
    cell_done const done{{1, 1}, b, cell_status::ok, {{{"x", bytes_of("b")}}, {}}};
    CHECK(take(log, done) == outcome::done);
    CHECK(take(log, done) == outcome::repeated);
    CHECK(std::get<byte_buffer>(log.names().at("x")) == bytes_of("b"));
    CHECK(log.phase() == kernel_phase::idle);
    CHECK(take(log, cell_assigned{{1, 2}, a, 0}) == outcome::stale); // it is over
    CHECK(take(log, cell_assigned{{2, 1}, a, 0}) == outcome::decided);
    CHECK(take(log, cell_done{{2, 1}, a, cell_status::ok, {{}, {"x", "never there"}}}) == outcome::done);
    CHECK(log.names().empty());
}

TEST_CASE("kernel log: an executor that was given up, and finishes all the same, changes nothing") {
    kernel_log log;
    CHECK(take(log, cell_assigned{{1, 1}, a, 0}) == outcome::decided);
    CHECK(take(log, cell_assigned{{1, 2}, b, 0}) == outcome::decided); // takeover
    CHECK(take(log, cell_done{{1, 1}, a, cell_status::ok, {{{"x", bytes_of("a")}}, {}}}) == outcome::stale);
    CHECK(log.names().empty());
    CHECK(take(log, cell_done{{1, 2}, b, cell_status::ok, {{{"x", bytes_of("b")}}, {}}}) == outcome::done);
    CHECK(take(log, cell_done{{1, 1}, a, cell_status::ok, {}}) == outcome::stale);
    CHECK(std::get<byte_buffer>(log.names().at("x")) == bytes_of("b"));
}

TEST_CASE("kernel log 2.5: the last cell's executor wins if it leads, else who was first to lead") {
    kernel_log log;
    CHECK(take(log, lead_proposed{{1, 1}, a, false}) == outcome::done);
    CHECK(take(log, lead_proposed{{1, 1}, c, true}) == outcome::done);
    CHECK(log.conclusion() == c);
    CHECK(!log.proposals_are_in());
    CHECK(take(log, lead_proposed{{1, 1}, c, false}) == outcome::repeated); // the first word of a replica counts
    CHECK(take(log, lead_proposed{{1, 1}, b, true}) == outcome::done);
    CHECK(log.proposals_are_in());
    CHECK(log.conclusion() == c);
    CHECK(take(log, vote_cast{{1, 1}, a, c}) == outcome::decided);
    CHECK(log.executor() == c);
    CHECK(take(log, vote_cast{{1, 1}, b, c}) == outcome::repeated);
    CHECK(take(log, vote_cast{{1, 1}, b, b}) == outcome::refused); // later votes have no say
    CHECK(take(log, cell_done{{1, 1}, c, cell_status::ok, {}}) == outcome::done);
    // Now c is the last executor.
    CHECK(take(log, lead_proposed{{2, 1}, a, true}) == outcome::done);
    CHECK(log.conclusion() == a);
    CHECK(take(log, lead_proposed{{2, 1}, c, true}) == outcome::done);
    CHECK(log.conclusion() == c);
}

TEST_CASE("kernel log 2.5: where all yield nobody executes, and a higher attempt begins anew") {
    kernel_log log;
    CHECK(take(log, lead_proposed{{1, 1}, a, false}) == outcome::done);
    CHECK(take(log, lead_proposed{{1, 1}, b, false}) == outcome::done);
    CHECK(take(log, lead_proposed{{1, 1}, c, false}) == outcome::decided);
    CHECK(log.phase() == kernel_phase::failed);
    CHECK(take(log, vote_cast{{1, 1}, c, std::nullopt}) == outcome::repeated);
    CHECK(take(log, lead_proposed{{1, 2}, b, true}) == outcome::done);
    CHECK(log.phase() == kernel_phase::deciding);
    CHECK(take(log, lead_proposed{{1, 1}, a, true}) == outcome::stale);
}

TEST_CASE("kernel log: an attempt or a cell of number 0 is none") {
    kernel_log log;
    CHECK(take(log, cell_assigned{{0, 1}, a, 0}) == outcome::stale);
    CHECK(take(log, cell_assigned{{1, 0}, a, 0}) == outcome::stale);
    byte_buffer reply;
    log.apply(1, bytes_of("no entry"), reply);
    CHECK(kernel_log::decode(reply) == outcome::malformed);
    CHECK(log == kernel_log{});
}

TEST_CASE("kernel log: a name is asked for, and answered with its value") {
    kernel_log log;
    CHECK(take(log, cell_assigned{{1, 1}, b, 0}) == outcome::decided);
    CHECK(take(log, cell_done{{1, 1}, b, cell_status::ok, {{{"x", bytes_of("42")}}, {}}}) == outcome::done);
    byte_buffer reply;
    log.query(bytes_of("x"), reply);
    byte_reader in{reply};
    CHECK(in.word() == 1);
    CHECK(std::get<byte_buffer>(kernel_codec::take_value(in)) == bytes_of("42"));
    reply.clear();
    log.query(bytes_of("y"), reply);
    CHECK(reply == byte_buffer(8));
}

TEST_CASE("kernel log: it is a state machine, bytes that are no entry included") {
    std::vector<byte_buffer> commands;
    for (kernel_entry const& entry : example_entries()) {
        commands.push_back(encoded(entry));
        byte_buffer cut = commands.back();
        cut.pop_back();
        commands.push_back(cut);
    }
    commands.emplace_back();
    for (std::string const& broken : testing::check_state_machine([] { return kernel_log{}; }, commands)) {
        FAIL_CHECK(broken);
    }
}

} // namespace
} // namespace hpcsched::notebook
