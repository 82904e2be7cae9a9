// SPDX-License-Identifier: Apache-2.0

// Whole simulated groups (raft_sim) on the real log: what is lost, torn, flipped or misplaced are bytes of its files.
#include <hpcsched/raft_sim/torture.hpp>

#include <doctest/doctest.h>

#include "journal_disk.hpp"
#include "skip.hpp"

#include <cstdint>
#include <string>

namespace hpcsched::raft_log {
namespace {

using namespace test;
using journal_torture = raft_sim::basic_torture<journal_disk>;

TEST_CASE("torture: whole groups on the real log, whose sectors are lost and whose bits flip, break nothing") {
    constexpr std::uint64_t seeds = HPCSCHED_IS_SANITIZED ? 150 : 1000;
    journal_disk::counts = {};
    raft_sim::torture_outcome all;
    for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
        raft_sim::torture_plan plan = raft_sim::draw_plan(seed);
        if (seed % 3 == 0) { // what most plans have little of
            plan.changes = 0;
            plan.lost_disks = 3;
            plan.crashes = 2;
        }
        raft_sim::torture_outcome const one = journal_torture{plan}.run();
        INFO("seed " << seed);
        REQUIRE(one.failure == std::string{});
        all.events += one.events;
        all.faults += one.faults;
        all.entries += one.entries;
        all.answered += one.answered;
    }
    damage_count const& c = journal_disk::counts;
    MESSAGE(all.events << " events, " << all.faults << " faults, " << all.entries << " entries, " << all.answered
                       << " operations answered; " << c.flipped << " bits flipped, " << c.misdirected
                       << " blocks misdirected, " << c.refused << " logs refused, " << c.torn << " torn ends cut away");
    CHECK(all.entries > seeds * 30);
    CHECK(c.flipped > seeds / 20);
    CHECK(c.misdirected > seeds / 20);
    CHECK(c.refused > seeds / 20);
    CHECK(c.torn > seeds / 20);
}

TEST_CASE("torture: a group on the real log runs the same again, to the bit") {
    for (std::uint64_t seed = 1; seed <= 5; ++seed) {
        CHECK(journal_torture{raft_sim::draw_plan(seed)}.run().hash ==
              journal_torture{raft_sim::draw_plan(seed)}.run().hash);
    }
}

} // namespace
} // namespace hpcsched::raft_log
