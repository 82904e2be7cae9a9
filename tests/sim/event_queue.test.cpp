// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/core/random.hpp>
#include <hpcsched/sim/event_queue.hpp>

#include <boost/random/uniform_int_distribution.hpp>
#include <doctest/doctest.h>

#include "death.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace hpcsched::sim {
namespace {

using namespace std::chrono_literals;

// Finds the next event by looking at all of them.
class dumb_queue {
  public:
    void push(time_point at, std::uint32_t phase, int payload) { events_.push_back({{at, phase, pushes_++}, payload}); }
    int pop() {
        auto const next = std::ranges::min_element(events_, {}, [](event_queue<int>::event const& e) { return e.key; });
        int const payload = next->payload;
        events_.erase(next);
        return payload;
    }
    [[nodiscard]] time_point next_time() const {
        time_point earliest = never;
        for (auto const& each : events_) {
            earliest = std::min(earliest, each.key.at);
        }
        return earliest;
    }
    [[nodiscard]] std::size_t size() const { return events_.size(); }

  private:
    std::vector<event_queue<int>::event> events_;
    std::uint64_t pushes_ = 0;
};

} // namespace

TEST_CASE("event_queue: time comes first, then phase, then the order of pushing") {
    event_queue<char> queue;
    queue.push(time_point{2ms}, 0, 'e');
    queue.push(time_point{1ms}, 1, 'c');
    queue.push(time_point{1ms}, 0, 'a');
    queue.push(time_point{1ms}, 1, 'd');
    queue.push(time_point{1ms}, 0, 'b');
    for (char const expected : {'a', 'b', 'c', 'd', 'e'}) {
        CHECK(queue.pop().payload == expected);
    }
    CHECK(queue.empty());
}

TEST_CASE("event_queue: an empty queue waits for nothing") {
    event_queue<int> queue;
    CHECK(queue.next_time() == never);
    queue.push(time_point{5ns}, 0, 1);
    CHECK(queue.next_time() == time_point{5ns});
    CHECK(queue.next().payload == 1);
    CHECK(queue.size() == 1);
}

TEST_CASE("event_queue: agrees with a linear scan over random pushes and pops full of ties") {
    random_stream bits{1, "event_queue"};
    boost::random::uniform_int_distribution<int> draw_time{0, 15};
    boost::random::uniform_int_distribution<std::uint32_t> draw_phase{0, 2};
    boost::random::uniform_int_distribution<int> draw_operation{0, 9};
    for (int round = 0; round < 20; ++round) {
        event_queue<int> queue;
        dumb_queue oracle;
        for (int step = 0; step < 500; ++step) {
            if (draw_operation(bits) < 6 || queue.empty()) {
                time_point const at{duration{draw_time(bits)}};
                std::uint32_t const phase = draw_phase(bits);
                queue.push(at, phase, step);
                oracle.push(at, phase, step);
            } else {
                REQUIRE(queue.pop().payload == oracle.pop());
            }
            REQUIRE(queue.size() == oracle.size());
            REQUIRE(queue.next_time() == oracle.next_time());
        }
        while (!queue.empty()) {
            REQUIRE(queue.pop().payload == oracle.pop());
        }
    }
}

TEST_CASE("event_queue: events without a tie come out the same however they were pushed") {
    std::vector<int> times{5, 3, 9, 1, 7, 2};
    std::ranges::sort(times);
    do {
        event_queue<int> queue;
        queue.reserve(times.size());
        for (int const at : times) {
            queue.push(time_point{duration{at}}, 0, at);
        }
        std::vector<int> out;
        while (!queue.empty()) {
            out.push_back(queue.pop().payload);
        }
        REQUIRE(out == std::vector<int>{1, 2, 3, 5, 7, 9});
    } while (std::ranges::next_permutation(times).found);
}

TEST_CASE("event_queue: carries what can only be moved") {
    event_queue<std::unique_ptr<int>> queue;
    queue.push(time_point{2ns}, 0, std::make_unique<int>(2));
    queue.push(time_point{1ns}, 0, std::make_unique<int>(1));
    CHECK(*queue.pop().payload == 1);
    CHECK(*queue.pop().payload == 2);
}

TEST_CASE("event_queue: popping from an empty queue breaks a contract") {
    CHECK(test::run_apart([] { (void)event_queue<int>{}.pop(); }).aborted);
    CHECK(test::run_apart([] { (void)event_queue<int>{}.next(); }).aborted);
}

} // namespace hpcsched::sim
