// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/core/random.hpp>
#include <hpcsched/sim/deadline_table.hpp>

#include <boost/random/uniform_int_distribution.hpp>
#include <doctest/doctest.h>

#include "death.hpp"

#include <algorithm>
#include <cstddef>
#include <vector>

namespace hpcsched::sim {

using namespace std::chrono_literals;

TEST_CASE("deadline_table: a new table has no deadline") {
    deadline_table const table{3};
    CHECK(table.next_time() == never);
    CHECK(table.earliest() == 0);
    CHECK(table.at(2) == never);
}

TEST_CASE("deadline_table: one slot is its own winner") {
    deadline_table table{1};
    table.set(0, time_point{4ns});
    CHECK(table.earliest() == 0);
    CHECK(table.next_time() == time_point{4ns});
    table.set(0, never);
    CHECK(table.next_time() == never);
}

TEST_CASE("deadline_table: ties go to the lower slot") {
    deadline_table table{6};
    table.set(5, time_point{1ns});
    table.set(2, time_point{1ns});
    table.set(3, time_point{1ns});
    CHECK(table.earliest() == 2);
    table.set(2, time_point{2ns});
    CHECK(table.earliest() == 3);
}

TEST_CASE("deadline_table: agrees with a linear scan for every number of slots up to 40") {
    random_stream bits{1, "deadline_table"};
    boost::random::uniform_int_distribution<int> draw_deadline{0, 20};
    for (std::size_t slots = 1; slots <= 40; ++slots) {
        boost::random::uniform_int_distribution<std::size_t> draw_slot{0, slots - 1};
        deadline_table table{slots};
        std::vector<time_point> oracle(slots, never);
        for (int step = 0; step < 500; ++step) {
            std::size_t const slot = draw_slot(bits);
            int const drawn = draw_deadline(bits);
            time_point const deadline = drawn == 0 ? never : time_point{duration{drawn}};
            table.set(slot, deadline);
            oracle[slot] = deadline;
            auto const first = std::ranges::min_element(oracle);
            REQUIRE(table.next_time() == *first);
            REQUIRE(table.earliest() == static_cast<std::size_t>(first - oracle.begin()));
            REQUIRE(table.at(slot) == deadline);
        }
    }
}

TEST_CASE("deadline_table: a table without slots breaks a contract") {
    CHECK(test::run_apart([] { deadline_table const table{0}; }).aborted);
}

} // namespace hpcsched::sim
