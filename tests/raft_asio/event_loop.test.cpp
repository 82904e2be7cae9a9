// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/raft_asio/event_loop.hpp>

#include <doctest/doctest.h>

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <ctime>
#include <thread>
#include <vector>

namespace {

using namespace hpcsched;
using namespace std::chrono_literals;
using raft_asio::event_loop;

TEST_SUITE("event_loop") {
    TEST_CASE("event_loop: all that is ready is handled before the host has its one turn") {
        event_loop loop;
        int handled = 0;
        std::vector<int> at_turns;
        loop.set_on_turn([&](time_point) {
            at_turns.push_back(handled);
            if (at_turns.size() == 1) {
                for (int i = 0; i < 10; ++i) {
                    loop.post([&] { ++handled; });
                }
            } else {
                loop.stop();
            }
            return never;
        });
        loop.run();
        CHECK(at_turns == std::vector{0, 10});
    }

    TEST_CASE("event_loop: a turn comes at its deadline, not before") {
        event_loop loop;
        time_point asked{};
        time_point came{};
        loop.set_on_turn([&](time_point now) {
            if (asked == time_point{}) {
                asked = now + 5ms;
                return asked;
            }
            came = now;
            if (now >= asked) {
                loop.stop();
            }
            return asked;
        });
        loop.run();
        CHECK(came >= asked);
        CHECK(came < asked + 20s);
    }

    TEST_CASE("event_loop: a descriptor is watched until it is not, and stays open") {
        event_loop loop;
        int const counter = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
        std::uint64_t seen = 0;
        loop.watch(counter, [&] {
            std::uint64_t more = 0;
            if (::read(counter, &more, sizeof more) == sizeof more) {
                seen += more;
            }
        });
        auto const add = [&](std::uint64_t what) { CHECK(::write(counter, &what, sizeof what) == sizeof what); };
        for (std::uint64_t i = 1; i <= 3; ++i) {
            add(1);
            CHECK(loop.run_until([&] { return seen == i; }, event_loop::now() + 20s));
        }
        loop.unwatch(counter);
        add(1);
        CHECK_FALSE(loop.run_until([&] { return seen == 4; }, event_loop::now() + 5ms));
        loop.watch(counter, [&] { seen = 9; });
        CHECK(loop.run_until([&] { return seen == 9; }, event_loop::now() + 20s));
        loop.unwatch(counter);
        CHECK(::close(counter) == 0);
    }

    TEST_CASE("event_loop: takes work and its end from other threads") {
        for (duration const spin : {duration{}, duration{1ms}}) {
            event_loop loop;
            loop.set_spin(spin);
            int done = 0; // the loop's own
            std::atomic<int> started{0};
            std::vector<std::jthread> others;
            for (int t = 0; t < 3; ++t) {
                others.emplace_back([&] {
                    ++started;
                    for (int i = 0; i < 1000; ++i) {
                        loop.post([&] { ++done; });
                    }
                });
            }
            loop.set_on_turn([&](time_point) { return never; });
            CHECK(loop.run_until([&] { return done == 3000; }, event_loop::now() + 20s));
            others.emplace_back([&] { loop.stop(); });
            loop.run(); // whichever comes first
            others.clear();
            CHECK(started == 3);
        }
    }

    TEST_CASE("event_loop: where work comes seldom it sleeps, however long it may look for it") {
        event_loop loop;
        loop.set_spin(2ms);
        int seen = 0; // the loop's own
        std::atomic<int> asked{1};
        std::jthread const other{[&] {
            for (int i = 0; i < 100; ++i) {
                asked.wait(i);
                (void)::poll(nullptr, 0, 6); // the pause is what is tested
                loop.post([&, i] {
                    seen = i + 1;
                    asked.store(i + 2);
                    asked.notify_one();
                });
            }
        }};
        loop.set_on_turn([](time_point) { return never; });
        timespec from{};
        timespec to{};
        ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &from);
        CHECK(loop.run_until([&] { return seen == 100; }, event_loop::now() + 20s));
        ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &to);
        // A look before each sleep would take 200 ms.
        CHECK(std::chrono::seconds{to.tv_sec - from.tv_sec} + duration{to.tv_nsec - from.tv_nsec} < 100ms);
    }

    TEST_CASE("event_loop: runs again after it was stopped") {
        event_loop loop;
        int turns = 0;
        loop.set_on_turn([&](time_point) {
            ++turns;
            loop.stop();
            return never;
        });
        loop.run();
        loop.run();
        CHECK(turns == 2);
    }
}

} // namespace
