// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/faas_host/hybrid_histogram.hpp>

#include <doctest/doctest.h>

namespace {

using namespace hpcsched;
using namespace hpcsched::faas_host;
using namespace std::chrono_literals;

// Serverless in the Wild section 4.2
TEST_CASE("hybrid histogram: before it has seen anything, a worker stays warm for the whole range") {
    CHECK(hybrid_histogram{}.windows() == warm_windows{.keep_alive = 4h});
}

// Serverless in the Wild section 4.2: head and tail, with a margin of 10 %
TEST_CASE("hybrid histogram: a function called each half hour is ready from 27 to 34.1 minutes on") {
    hybrid_histogram policy;
    for (int i = 0; i < 20; ++i) {
        policy.observe(30min + 20s);
    }
    REQUIRE(policy.is_representative());
    CHECK(policy.windows() == warm_windows{.prewarm = 27min, .keep_alive = 34min + 6s - 27min});
}

// Serverless in the Wild section 4.2: the head is rounded down, so a function called all the time is never unloaded
TEST_CASE("hybrid histogram: a function whose pauses are below a minute is never unloaded ahead") {
    hybrid_histogram policy;
    for (int i = 0; i < 100; ++i) {
        policy.observe(1s);
    }
    CHECK(policy.windows() == warm_windows{.prewarm = 0s, .keep_alive = 66s});
}

// Serverless in the Wild section 4.2: a flat histogram says nothing
TEST_CASE("hybrid histogram: pauses of every length leave a worker warm for the whole range") {
    hybrid_histogram policy;
    for (int minute = 0; minute < 240; ++minute) {
        policy.observe(std::chrono::minutes{minute});
    }
    CHECK_FALSE(policy.is_representative());
    CHECK(policy.windows() == warm_windows{.keep_alive = 4h});
}

// Serverless in the Wild section 4.2: too many idle times out of bounds, with a margin of 15 %
TEST_CASE("hybrid histogram: a function called each ten hours is ready around a forecast") {
    hybrid_histogram policy;
    for (int i = 0; i < 5; ++i) {
        policy.observe(10h);
    }
    CHECK(policy.windows() == warm_windows{.prewarm = 8h + 30min, .keep_alive = 3h});
}

TEST_CASE("hybrid histogram: rare long pauses do not count against a clear histogram") {
    hybrid_histogram policy;
    for (int i = 0; i < 50; ++i) {
        policy.observe(10min);
        if (i % 5 == 0) {
            policy.observe(9h);
        }
    }
    CHECK(policy.windows().prewarm == 9min);
}

} // namespace
