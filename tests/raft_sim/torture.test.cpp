// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/raft_sim/torture.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <string>

namespace hpcsched::raft_sim {

TEST_CASE("torture: 300 seeds break nothing, and much happens in them") {
    torture_outcome all;
    for (std::uint64_t seed = 1; seed <= 300; ++seed) {
        torture_outcome const one = torture{draw_plan(seed)}.run();
        INFO("seed " << seed);
        REQUIRE(one.failure == std::string{});
        all.events += one.events;
        all.faults += one.faults;
        all.leaders += one.leaders;
        all.entries += one.entries;
        all.answered += one.answered;
    }
    CHECK(all.faults > 3'000);
    CHECK(all.leaders > 1'000);
    CHECK(all.entries > 10'000);
    CHECK(all.answered > 15'000);
    MESSAGE(all.events << " events, " << all.faults << " faults, " << all.leaders << " leaders, " << all.entries
                       << " entries, " << all.answered << " operations answered");
}

TEST_CASE("torture: the same seed gives the same run, to the bit") {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        torture_outcome const a = torture{draw_plan(seed)}.run();
        torture_outcome const b = torture{draw_plan(seed)}.run();
        CHECK(a.hash == b.hash);
        CHECK(a.events == b.events);
    }
}

} // namespace hpcsched::raft_sim
