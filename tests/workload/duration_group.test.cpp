// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/workload/duration_group.hpp>

#include <doctest/doctest.h>

namespace hpcsched::workload {

using namespace std::chrono_literals;

// ALPS, Table 1: 0-50, 50-200, 200-400, >= 400 ms.
TEST_CASE("duration_group: each group holds its lower edge and not its upper one") {
    CHECK(group_of(0ns) == duration_group::g1);
    CHECK(group_of(50ms - 1ns) == duration_group::g1);
    CHECK(group_of(50ms) == duration_group::g2);
    CHECK(group_of(200ms - 1ns) == duration_group::g2);
    CHECK(group_of(200ms) == duration_group::g3);
    CHECK(group_of(400ms - 1ns) == duration_group::g3);
    CHECK(group_of(400ms) == duration_group::g4);
    CHECK(group_of(unlimited) == duration_group::g4);
}

TEST_CASE("duration_group: names are those of the paper") {
    CHECK(name_of(duration_group::g1) == "G1");
    CHECK(name_of(duration_group::g4) == "G4");
}

} // namespace hpcsched::workload
