// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/core/random.hpp>
#include <hpcsched/cpu/srpt_replay.hpp>

#include <boost/random/uniform_int_distribution.hpp>
#include <doctest/doctest.h>

#include <cstdint>
#include <set>
#include <utility>
#include <vector>

namespace hpcsched::cpu {

using namespace std::chrono_literals;

namespace {

srpt_schedule replay(std::vector<srpt_job> const& jobs, duration min_quantum) {
    srpt_schedule schedule;
    srpt_replay{}.replay(jobs, min_quantum, schedule);
    return schedule;
}

std::vector<srpt_job> const golden{{time_point{0ms}, 20ms}, {time_point{3ms}, 5ms}, {time_point{4ms}, 30ms}};

/// The plain way, in steps of 1 ms: at each, see arrivals, perhaps preempt, perhaps choose, run. Slow and obvious.
srpt_schedule replay_by_ticks(std::vector<srpt_job> const& jobs, std::int64_t min_quantum_ms) {
    struct state {
        std::int64_t remaining;
        bool ran = false;
    };
    std::vector<state> states;
    std::set<std::pair<std::int64_t, std::uint32_t>> waiting; // by remaining ms
    srpt_schedule schedule;
    schedule.first_run_wait.resize(jobs.size());
    schedule.completion.resize(jobs.size());
    constexpr std::uint32_t nobody = UINT32_MAX;
    std::uint32_t running = nobody;
    std::int64_t run_length = 0;
    std::size_t done = 0;
    auto const stop = [&] {
        schedule.runs.push_back({running, std::chrono::milliseconds{run_length}});
        running = nobody;
        run_length = 0;
    };
    for (std::int64_t tick = 0; done < jobs.size(); ++tick) {
        time_point const now{std::chrono::milliseconds{tick}};
        while (states.size() < jobs.size() && jobs[states.size()].arrival <= now) {
            auto const job = static_cast<std::uint32_t>(states.size());
            states.push_back({jobs[job].size / 1ms});
            waiting.emplace(states[job].remaining, job);
        }
        if (running != nobody && run_length >= min_quantum_ms && !waiting.empty() &&
            waiting.begin()->first < states[running].remaining) {
            waiting.emplace(states[running].remaining, running);
            stop();
        }
        if (running == nobody && !waiting.empty()) {
            running = waiting.begin()->second;
            waiting.erase(waiting.begin());
            schedule.run_start.push_back(now);
            if (!std::exchange(states[running].ran, true)) {
                schedule.first_run_wait[running] = now - jobs[running].arrival;
            }
        }
        if (running != nobody) {
            ++run_length;
            if (--states[running].remaining == 0) {
                schedule.completion[running] = now + 1ms;
                ++done;
                stop();
            }
        }
    }
    return schedule;
}

std::vector<srpt_job> drawn_jobs(std::uint64_t seed, std::size_t count, std::int64_t gap_ms_max,
                                 std::int64_t size_ms_max) {
    random_stream draws{seed, "jobs"};
    boost::random::uniform_int_distribution<std::int64_t> gap{0, gap_ms_max};
    boost::random::uniform_int_distribution<std::int64_t> size{1, size_ms_max};
    std::vector<srpt_job> jobs;
    time_point at{};
    for (std::size_t i = 0; i < count; ++i) {
        at += std::chrono::milliseconds{gap(draws)};
        jobs.push_back({at, std::chrono::milliseconds{size(draws)}});
    }
    return jobs;
}

} // namespace

// ALPS, ATC'24: the worked example that its published simulator was run on, with a minimum quantum of 8 ms.
TEST_CASE("srpt replay: with a minimum quantum, a shorter job waits until the present run is that long") {
    auto const schedule = replay(golden, 8ms);
    CHECK(schedule.runs == std::vector<srpt_run>{{0, 8ms}, {1, 5ms}, {0, 12ms}, {2, 30ms}});
    CHECK(schedule.run_start ==
          std::vector<time_point>{time_point{0ms}, time_point{8ms}, time_point{13ms}, time_point{25ms}});
    CHECK(schedule.first_run_wait == std::vector<duration>{0ms, 5ms, 21ms});
    CHECK(schedule.completion == std::vector<time_point>{time_point{25ms}, time_point{13ms}, time_point{55ms}});
}

TEST_CASE("srpt replay: without one, a shorter job takes the CPU at once") {
    auto const schedule = replay(golden, 0ns);
    CHECK(schedule.runs == std::vector<srpt_run>{{0, 3ms}, {1, 5ms}, {0, 17ms}, {2, 30ms}});
    CHECK(schedule.first_run_wait == std::vector<duration>{0ms, 0ms, 21ms});
    CHECK(schedule.completion == std::vector<time_point>{time_point{25ms}, time_point{8ms}, time_point{55ms}});
}

TEST_CASE("srpt replay: no jobs, no schedule") {
    srpt_schedule schedule = replay(golden, 0ns);
    srpt_replay{}.replay({}, 0ns, schedule);
    CHECK(schedule.runs.empty());
    CHECK(schedule.run_start.empty());
    CHECK(schedule.first_run_wait.empty());
    CHECK(schedule.completion.empty());
}

TEST_CASE("srpt replay: an equal job does not preempt, and equals run in the order given") {
    auto const schedule = replay({{time_point{0ms}, 10ms}, {time_point{4ms}, 6ms}, {time_point{4ms}, 6ms}}, 0ns);
    CHECK(schedule.runs == std::vector<srpt_run>{{0, 10ms}, {1, 6ms}, {2, 6ms}});
}

TEST_CASE("srpt replay: a job that arrives as another completes is seen before the next is chosen") {
    auto const schedule = replay({{time_point{0ms}, 5ms}, {time_point{1ms}, 50ms}, {time_point{5ms}, 1ms}}, 0ns);
    CHECK(schedule.runs == std::vector<srpt_run>{{0, 5ms}, {2, 1ms}, {1, 50ms}});
}

TEST_CASE("srpt replay: the CPU idles until the next arrival, and jobs of one nanosecond count") {
    auto const schedule = replay({{time_point{10ns}, 1ns}, {time_point{500ns}, 1ns}}, 0ns);
    CHECK(schedule.runs == std::vector<srpt_run>{{0, 1ns}, {1, 1ns}});
    CHECK(schedule.first_run_wait == std::vector<duration>{0ns, 0ns});
    CHECK(schedule.completion == std::vector<time_point>{time_point{11ns}, time_point{501ns}});
}

TEST_CASE("srpt replay: an object gives the same when it is used again") {
    srpt_replay replayer;
    srpt_schedule schedule;
    replayer.replay(drawn_jobs(1, 500, 10, 100), 0ns, schedule);
    replayer.replay(golden, 8ms, schedule);
    CHECK(schedule.runs == replay(golden, 8ms).runs);
    CHECK(schedule.first_run_wait == replay(golden, 8ms).first_run_wait);
}

TEST_CASE("srpt replay: does as a plain simulation in steps of 1 ms does") {
    for (std::uint64_t seed = 0; seed < 300; ++seed) {
        CAPTURE(seed);
        auto const jobs = drawn_jobs(seed, 1 + seed % 60, static_cast<std::int64_t>(seed % 23),
                                     1 + static_cast<std::int64_t>(seed % 41));
        for (std::int64_t const quantum : {0, 1, 6, 8, 1000}) {
            CAPTURE(quantum);
            auto const fast = replay(jobs, std::chrono::milliseconds{quantum});
            auto const plain = replay_by_ticks(jobs, quantum);
            REQUIRE(fast.runs == plain.runs);
            REQUIRE(fast.run_start == plain.run_start);
            REQUIRE(fast.first_run_wait == plain.first_run_wait);
            REQUIRE(fast.completion == plain.completion);
        }
    }
}

} // namespace hpcsched::cpu
