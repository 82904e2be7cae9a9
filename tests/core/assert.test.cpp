// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/core/assert.hpp>

#include <doctest/doctest.h>

#include "death.hpp"

#include <cstdio>

namespace hpcsched {

TEST_CASE("assert: a broken contract says which and where, and ends the process in every build type") {
    test::death const seen = test::run_apart([] {
        int const length = -1;
        HPCSCHED_ASSERT(length >= 0);
    });
    CHECK(seen.aborted);
    CHECK(seen.said.find("contract broken: length >= 0") != std::string::npos);
    CHECK(seen.said.find("assert.test.cpp:") != std::string::npos);
}

TEST_CASE("assert: a contract that holds costs nothing to see") {
    test::death const seen = test::run_apart([] { HPCSCHED_ASSERT(1 + 1 == 2); });
    CHECK_FALSE(seen.aborted);
    CHECK(seen.said.empty());
}

TEST_CASE("assert: a handler of one's own is told first, and the process still ends") {
    test::death const seen = test::run_apart([] {
        set_assertion_handler(
            [](char const* expression, char const*, int) { std::fprintf(stderr, "mine: %s", expression); });
        HPCSCHED_ASSERT(false);
    });
    CHECK(seen.aborted);
    CHECK(seen.said == "mine: false");
}

TEST_CASE("assert: the old handler comes back from the exchange") {
    assertion_handler const mine = [](char const*, char const*, int) {};
    assertion_handler const standard = set_assertion_handler(mine);
    bool const mine_was_in_place = set_assertion_handler(standard) == mine;
    CHECK(mine_was_in_place);
}

TEST_CASE("assert: the condition is evaluated once") {
    int evaluations = 0;
    HPCSCHED_ASSERT(++evaluations == 1);
    CHECK(evaluations == 1);
}

} // namespace hpcsched
