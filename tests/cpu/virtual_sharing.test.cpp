// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/core/random.hpp>
#include <hpcsched/cpu/processor_sharing.hpp>
#include <hpcsched/cpu/virtual_sharing.hpp>

#include <boost/random/uniform_int_distribution.hpp>
#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace hpcsched::cpu {

using namespace std::chrono_literals;

TEST_CASE("virtual_sharing: where nobody is, no time passes") {
    virtual_sharing sharing{1};
    CHECK(sharing.at(time_point{1h}) == 0ns);
    sharing.add({1ms, 0});
    CHECK(sharing.at(time_point{1h + 1ms}) == 1ms);
    CHECK(sharing.size() == 0);
    CHECK(sharing.at(time_point{2h}) == 1ms);
}

TEST_CASE("virtual_sharing: all have the same, none more than a CPU, and what one leaves the others have") {
    virtual_sharing sharing{2};
    sharing.add({4ms, 0});
    CHECK(sharing.at(time_point{1ms}) == 1ms);
    sharing.add({3ms, 1});
    sharing.add({5ms, 2}); // three on two CPUs
    CHECK(sharing.at(time_point{4ms}) == 3ms);
    CHECK(sharing.size() == 2); // who was there until 3 ms has left
    CHECK(sharing.at(time_point{5ms}) == 4ms);
    CHECK(sharing.at(time_point{6ms}) == 5ms);
    CHECK(sharing.size() == 0);
}

TEST_CASE("virtual_sharing: who is removed takes no share, and who would be done by now is not added") {
    virtual_sharing sharing{1};
    sharing.add({10ms, 0});
    sharing.add({10ms, 1});
    CHECK(sharing.at(time_point{2ms}) == 1ms);
    sharing.remove({10ms, 1});
    CHECK(sharing.at(time_point{4ms}) == 3ms);
    sharing.add({3ms, 2});
    CHECK(sharing.size() == 1);
}

TEST_CASE("virtual_sharing: who is believed to take longer keeps its share, or has it again, and less long loses it") {
    virtual_sharing sharing{1};
    sharing.add({1ms, 0});
    sharing.add({2ms, 1});
    CHECK(sharing.at(time_point{2ms}) == 1ms);
    CHECK(sharing.size() == 1);
    sharing.move({1ms, 0}, {5ms, 0}); // it had left
    CHECK(sharing.size() == 2);
    sharing.move({2ms, 1}, {4ms, 1});
    CHECK(sharing.at(time_point{8ms}) == 4ms);
    CHECK(sharing.size() == 1);
    sharing.move({5ms, 0}, {3ms, 0});
    CHECK(sharing.size() == 0);
}

TEST_CASE("virtual_sharing: however often it is asked, nothing is lost") {
    virtual_sharing sharing{1};
    for (std::uint64_t i = 0; i < 1000; ++i) {
        sharing.add({1s, i});
    }
    for (duration now{0}; now < 1ms; now += 7ns) { // less than a nanosecond of share between two
        (void)sharing.at(time_point{now});
    }
    CHECK(sharing.at(time_point{1ms}) == 1us);
}

TEST_CASE("virtual_sharing: tasks are done when they are under processor_sharing") {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        random_stream draw{seed, "virtual_sharing"};
        boost::random::uniform_int_distribution<std::int64_t> service{1'000, 5'000'000};
        boost::random::uniform_int_distribution<std::int64_t> gap{0, 2'000'000};
        std::size_t const cpus = 1 + seed % 4;
        constexpr std::size_t count = 300;
        std::vector<task_info> infos(count);
        std::vector<processor_sharing::entity> entities(count);
        std::vector<duration> until(count);
        processor_sharing real;
        real.set_capacity(cpus, time_point{});
        virtual_sharing sharing{cpus};

        auto const complete_until = [&](time_point end) {
            while (real.next_completion() <= end) {
                time_point const done = real.next_completion();
                processor_sharing::entity* const e = real.next_completed();
                (void)real.dequeue(*e, done);
                // Each arrival and each end rounds by a nanosecond at most.
                auto const virtually = until[static_cast<std::size_t>(e - entities.data())];
                CHECK(std::chrono::abs(sharing.at(done) - virtually) <= duration{2 * count});
            }
        };
        time_point now{};
        for (std::size_t i = 0; i < count; ++i) {
            now += duration{gap(draw)};
            complete_until(now);
            duration const work{service(draw)};
            infos[i].sequence = i;
            entities[i].task = &infos[i];
            real.enqueue(entities[i], work, now);
            until[i] = sharing.at(now) + work;
            sharing.add({until[i], i});
        }
        complete_until(never - 1ns);
        CHECK(sharing.size() <= 1); // the last may lack what was rounded
    }
}

} // namespace hpcsched::cpu
