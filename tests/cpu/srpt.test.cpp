// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/core/random.hpp>
#include <hpcsched/cpu/fcfs.hpp>
#include <hpcsched/cpu/round_robin.hpp>
#include <hpcsched/cpu/srpt.hpp>

#include <boost/random/uniform_int_distribution.hpp>
#include <doctest/doctest.h>

#include "one_cpu.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace hpcsched::cpu {

using namespace std::chrono_literals;
using order = std::vector<std::size_t>;

TEST_CASE("srpt: the task with the least left runs, and an arrival with less takes its place") {
    one_cpu<srpt> cpu;
    cpu.add(20ms);
    cpu.add(5ms, time_point{3ms});
    cpu.add(30ms, time_point{4ms});
    cpu.run_for(100ms);
    CHECK(cpu.order() == order{0, 1, 0, 2});
    CHECK(cpu.at(1).exit == time_point{8ms});
    CHECK(cpu.at(0).exit == time_point{25ms});
    CHECK(cpu.at(2).exit == time_point{55ms});
}

TEST_CASE("srpt: what counts is what is left now, not what was left at the start of the run") {
    one_cpu<srpt> cpu;
    cpu.add(10ms);
    cpu.add(5ms, time_point{6ms}); // 4 ms left of the first
    cpu.run_for(20ms);
    CHECK(cpu.order() == order{0, 1});
}

TEST_CASE("srpt: equals run in order of arrival and do not preempt each other") {
    one_cpu<srpt> cpu;
    cpu.add(10ms);
    cpu.add(6ms, time_point{4ms});
    cpu.add(6ms, time_point{4ms});
    cpu.run_for(30ms);
    CHECK(cpu.order() == order{0, 1, 2});
}

TEST_CASE("psjf: the least total time runs, however much of another is done") {
    one_cpu<psjf> cpu;
    cpu.add(10ms);
    cpu.add(9ms, time_point{8ms}); // 2 ms left of the first
    cpu.run_for(20ms);
    CHECK(cpu.order() == order{0, 1, 0});
}

TEST_CASE("sjf: nobody is preempted, and one that gave way to a higher class goes on first") {
    one_cpu<sjf> cpu;
    cpu.add(10ms);
    cpu.add(5ms, time_point{1ms});
    cpu.add(3ms, time_point{2ms});
    cpu.run_for(4ms);
    cpu.be_starved(1ms);
    cpu.run_for(20ms);
    CHECK(cpu.order() == order{0, 0, 2, 1});
}

TEST_CASE("srpt: where affinity forbids the shortest, the shortest of the others runs") {
    srpt queue;
    cpu_mask const elsewhere = cpu_mask::range(cpu_id{1}, 1);
    std::vector<task_info> infos(4);
    std::vector<srpt::entity> entities(4);
    for (std::size_t i = 0; i < 4; ++i) {
        infos[i].sequence = i;
        infos[i].remaining = duration{static_cast<std::int64_t>(i + 1)};
        infos[i].affinity = i < 2 ? &elsewhere : nullptr;
        entities[i].task = &infos[i];
        queue.enqueue(entities[i], enqueue_reason::arrived, time_point{});
    }
    CHECK(queue.pick_next(cpu_id{0}, time_point{}).next == &entities[2]);
    CHECK(queue.pick_next(cpu_id{1}, time_point{}).next == &entities[0]);
    CHECK(queue.pick_next(cpu_id{0}, time_point{}).next == &entities[3]);
    CHECK(queue.pick_next(cpu_id{0}, time_point{}).next == nullptr);
    CHECK(queue.pick_next(cpu_id{1}, time_point{}).next == &entities[1]);
}

namespace {

template <class C>
duration turnaround_of_all(std::uint64_t seed) {
    random_stream random{seed, "srpt"};
    boost::random::uniform_int_distribution<std::int64_t> gap{0, 20'000'000};
    boost::random::uniform_int_distribution<std::int64_t> work{1, 18'000'000};
    one_cpu<C> cpu;
    time_point at{};
    for (int i = 0; i < 60; ++i) {
        at += duration{gap(random)};
        cpu.add(duration{work(random)}, at);
    }
    cpu.run_for(10s);
    duration sum{};
    for (std::size_t i = 0; i < 60; ++i) {
        sum += cpu.at(i).exit - cpu.at(i).info.arrival;
    }
    return sum;
}

} // namespace

TEST_CASE("srpt: no other discipline has a lower mean turnaround on one CPU") {
    // Schrage 1968
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        duration const best = turnaround_of_all<srpt>(seed);
        CAPTURE(seed);
        CHECK(best <= turnaround_of_all<psjf>(seed));
        CHECK(best <= turnaround_of_all<sjf>(seed));
        CHECK(best <= turnaround_of_all<fcfs>(seed));
        CHECK(best <= turnaround_of_all<round_robin>(seed));
    }
}

} // namespace hpcsched::cpu
