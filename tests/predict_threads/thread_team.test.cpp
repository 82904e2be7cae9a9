// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/predict/noisy_simulation.hpp>
#include <hpcsched/predict_threads/thread_team.hpp>
#include <hpcsched/testing/conformance/prediction.hpp>

#include <doctest/doctest.h>

#include <predict/walk.hpp>

#include <atomic>
#include <cstddef>
#include <stdexcept>
#include <utility>

namespace hpcsched::predict_threads {

TEST_CASE("thread team: keeps the rules of an executor, with one worker and with many") {
    for (std::size_t const workers : {1U, 2U, 5U}) {
        thread_team team{workers};
        CHECK(team.worker_count() == workers);
        CHECK(testing::check_executor(team).empty());
    }
    CHECK(thread_team{}.worker_count() >= 1);
}

TEST_CASE("thread team: an answer is the same on any number of threads, to the bit") {
    predict::noisy_simulation s{predict::test::walk{}, predict::test::jitter{}, predict::test::where_it_ends{}};
    predict::precision const how{.half_width = 0.1};
    auto const alone = s.ask({}, 1, how);
    for (std::size_t const workers : {1U, 2U, 4U}) {
        thread_team team{workers};
        for (int again = 0; again < 3; ++again) {
            auto const p = s.ask({}, 1, how, team);
            REQUIRE(p.has_value());
            CHECK(p->answer.mean == alone->answer.mean);
            CHECK(p->answer.sorted == alone->answer.sorted);
            CHECK(p->worlds == alone->worlds);
        }
    }
}

TEST_CASE("thread team: what a call throws reaches the caller, and the team goes on") {
    thread_team team{3};
    std::atomic<std::size_t> calls{0};
    auto const throwing = [&](std::size_t index, std::size_t) {
        ++calls;
        if (index == 5) {
            throw std::runtime_error{"five"};
        }
    };
    CHECK_THROWS_WITH(team.for_each(1'000'000, throwing), "five");
    CHECK(calls < 1'000'000);
    calls = 0;
    team.for_each(100, [&](std::size_t, std::size_t) { ++calls; });
    CHECK(calls == 100);
}

TEST_CASE("thread team: may be moved between calls") {
    thread_team team{2};
    thread_team other = std::move(team);
    std::atomic<std::size_t> calls{0};
    other.for_each(10, [&](std::size_t, std::size_t) { ++calls; });
    CHECK(calls == 10);
}

} // namespace hpcsched::predict_threads
