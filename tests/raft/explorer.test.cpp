// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include "exploration_plans.hpp"

#include <algorithm>
#include <string>

namespace hpcsched::raft::test {
namespace {

explored check_plan(std::string const& name) {
    auto const& plans = quick_plans();
    auto const plan = std::ranges::find(plans, name, [](auto const& p) { return p.first; });
    REQUIRE(plan != plans.end());
    explored const found = explorer{plan->second}.run();
    CHECK(found.breach == "");
    CHECK(found.complete);
    return found;
}

} // namespace

// The counts say that an exploration went where it was meant to: what the replica sends, and when, changes them.

TEST_CASE("explorer: no order of two elections breaks anything") {
    explored const found = check_plan("elections");
    CHECK(found.states > 30'000);
    CHECK(found.leaders == 2);
    CHECK(found.committed == 2);
}

TEST_CASE("explorer: no order of a proposal and an election breaks anything") {
    explored const found = check_plan("proposal");
    CHECK(found.states > 10'000);
    CHECK(found.committed == 3);
}

TEST_CASE("explorer: no order of what follows figure 8 (b) breaks anything") {
    explored const found = check_plan("figure8");
    CHECK(found.states > 150'000);
    CHECK(found.leaders == 4);
}

TEST_CASE("explorer: no crash in two elections breaks anything") {
    explored const found = check_plan("crash");
    CHECK(found.states > 90'000);
    CHECK(found.leaders == 2);
}

TEST_CASE("explorer: no crash of a voter whose votes are durable late breaks anything") {
    explored const found = check_plan("late_voter");
    CHECK(found.states > 100'000);
    CHECK(found.leaders == 2);
}

TEST_CASE("explorer: no order of two proposals and their writes breaks anything") {
    CHECK(check_plan("two_writes").committed == 3);
}

TEST_CASE("explorer: no late write of entries that are replaced meanwhile breaks anything") {
    CHECK(check_plan("late_leader").leaders == 2);
    explored const found = check_plan("replaced"); // here the old ones are durable
    CHECK(found.leaders == 2);
    CHECK(found.committed == 1);
}

TEST_CASE("explorer: no order of late writes, an election and a crash breaks anything") {
    explored const found = check_plan("waits_crash");
    CHECK(found.states > 4'000);
    CHECK(found.leaders == 2);
}

TEST_CASE("explorer: no message that comes twice around a crash breaks anything") {
    CHECK(check_plan("waits_duplicate").states > 1'000);
}

TEST_CASE("explorer: no heartbeat breaks anything, whenever it comes") {
    CHECK(check_plan("beats").states > 70'000);
}

TEST_CASE("explorer: no order of pre-votes breaks anything") {
    explored const found = check_plan("prevote");
    CHECK(found.states > 1'000);
    CHECK(found.leaders == 2);
}

TEST_CASE("explorer: no order of a transfer and a proposal breaks anything") {
    explored const found = check_plan("transfer");
    CHECK(found.states > 12'000);
    CHECK(found.leaders == 2);
}

TEST_CASE("explorer: no order of a membership change and an election breaks anything") {
    explored const single = check_plan("membership");
    CHECK(single.states > 1'200);
    CHECK(single.committed >= 3);
    CHECK(check_plan("joint").committed >= 4); // the joint configuration, and that after it
    CHECK(check_plan("pair").leaders >= 2);
}

// --- the explorer itself -----------------------------------------------------------------------------------------

TEST_CASE("explorer: a group that forgets its disk is caught, and the shortest way there is told") {
    explored const found = explorer{{.timeouts = {1, 1, 0}, .proposals = 0, .crashes = 1, .amnesia = true}}.run();
    CHECK_FALSE(found.complete);
    CHECK(found.breach == "durability: the committed entry 1/1 is not on the disks of a majority\n"
                          "  1 timer\n"
                          "  1->2 vote_request term 1 last 0/0\n"
                          "  2->1 vote_response term 1 granted\n"
                          "  1->2 append_request term 1 prev 0/0 commit 0 round 1 [1/1 no_op]\n"
                          "  2->1 append_response term 1 matched 1 round 1\n"
                          "  1 restart\n");
}

TEST_CASE("explorer: states that are held to be the same go on the same way") {
    for (bool const waits : {false, true}) {
        explorer e{{.timeouts = {0, 1, 0},
                    .crashes = 1,
                    .beats = 1,
                    .writes_wait = {waits, waits, waits},
                    .begins = beginning::elected,
                    .states_max = 30'000}};
        e.check_canonical_bytes();
        CHECK(e.run().breach == "");
        CHECK(e.transitions().difference() == "");
        CHECK(e.transitions().comparisons() > 1'000);
    }
}

TEST_CASE("explorer: answers that are taken for dead do nothing") {
    exploration with{.timeouts = {0, 1, 0}, .proposals = 0, .crashes = 1, .begins = beginning::elected};
    explored const without = explorer{with}.run();
    with.dead_letters = true;
    explored const all = explorer{with}.run();
    CHECK(all.complete);
    CHECK(all.states > without.states);
    CHECK(all.servers == without.servers);
    CHECK(all.messages == without.messages);
    CHECK(all.leaders == without.leaders);
    CHECK(all.committed == without.committed);
}

TEST_CASE("explorer: a message that is lost is one that is never delivered") {
    exploration with{.timeouts = {0, 1, 0}, .proposals = 0, .begins = beginning::elected};
    explored const without = explorer{with}.run();
    with.drops = 2;
    explored const all = explorer{with}.run();
    CHECK(all.complete);
    CHECK(all.states > without.states);
    CHECK(all.servers == without.servers);
    CHECK(all.messages == without.messages);
}

} // namespace hpcsched::raft::test
