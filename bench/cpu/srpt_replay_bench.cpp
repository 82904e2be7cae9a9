// SPDX-License-Identifier: Apache-2.0

// The SRPT replay that ALPS learns from, beside the plain way to write it: a loop in steps of 1 ms over a list, as in
// ALPS's published simulator (which is in Python and needs 406 ms for 5,000 records by the paper's table 2).
#include <hpcsched/core/hash.hpp>
#include <hpcsched/core/random.hpp>
#include <hpcsched/cpu/srpt_replay.hpp>

#include <benchmark/benchmark.h>
#include <boost/random/exponential_distribution.hpp>
#include <boost/random/uniform_01.hpp>
#include <boost/random/uniform_int_distribution.hpp>

#include "figure.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

namespace {

using hpcsched::duration;
using hpcsched::time_point;
using hpcsched::cpu::srpt_job;
using hpcsched::cpu::srpt_replay;
using hpcsched::cpu::srpt_schedule;
using std::chrono::milliseconds;

/// Requests of ALPS's Huawei mix at 90 % load on one CPU, in whole milliseconds.
std::vector<srpt_job> drawn_jobs(std::size_t count) {
    struct group {
        double up_to_share;
        std::int64_t shortest_ms;
        std::int64_t longest_ms;
    };
    static constexpr group groups[] = {{0.698, 1, 50}, {0.93, 50, 200}, {0.99, 200, 400}, {1, 400, 2000}};
    constexpr double mean_size_ms = 0.698 * 25.5 + 0.232 * 125 + 0.06 * 300 + 0.01 * 1200;
    hpcsched::random_stream draws{42, "srpt_replay_bench"};
    boost::random::exponential_distribution<double> gap_ms{0.9 / mean_size_ms};
    double at_ms = 0;
    std::vector<srpt_job> jobs;
    for (std::size_t i = 0; i < count; ++i) {
        at_ms += gap_ms(draws);
        double const share = boost::random::uniform_01<double>{}(draws);
        group const& g = *std::ranges::find_if(groups, [share](group const& each) { return share < each.up_to_share; });
        boost::random::uniform_int_distribution<std::int64_t> size_ms{g.shortest_ms, g.longest_ms};
        jobs.push_back({time_point{milliseconds{static_cast<std::int64_t>(at_ms)}}, milliseconds{size_ms(draws)}});
    }
    return jobs;
}

/// The plain way: each millisecond, look through all that waits.
void replay_by_ticks(std::vector<srpt_job> const& jobs, std::int64_t min_quantum_ms, srpt_schedule& out) {
    struct live {
        std::uint32_t job;
        std::int64_t remaining_ms;
    };
    out.first_run_wait.assign(jobs.size(), duration{-1});
    out.completion.assign(jobs.size(), time_point{});
    out.runs.clear();
    std::vector<live> waiting;
    bool busy = false;
    live running{};
    std::int64_t run_ms = 0;
    std::size_t next = 0;
    for (time_point now{}; busy || !waiting.empty() || next < jobs.size(); now += milliseconds{1}) {
        for (; next < jobs.size() && jobs[next].arrival <= now; ++next) {
            waiting.push_back({static_cast<std::uint32_t>(next), jobs[next].size / milliseconds{1}});
        }
        if (!busy || run_ms >= min_quantum_ms) {
            auto const shortest = std::ranges::min_element(waiting, [](live const& a, live const& b) {
                return a.remaining_ms != b.remaining_ms ? a.remaining_ms < b.remaining_ms : a.job < b.job;
            });
            if (busy && shortest != waiting.end() && shortest->remaining_ms < running.remaining_ms) {
                out.runs.push_back({running.job, milliseconds{run_ms}});
                std::swap(*shortest, running);
                run_ms = 0;
            } else if (!busy && shortest != waiting.end()) {
                running = *shortest;
                waiting.erase(shortest);
                busy = true;
                run_ms = 0;
            }
            if (busy && out.first_run_wait[running.job] < duration{0}) {
                out.first_run_wait[running.job] = now - jobs[running.job].arrival;
            }
        }
        if (busy) {
            ++run_ms;
            if (--running.remaining_ms == 0) {
                out.runs.push_back({running.job, milliseconds{run_ms}});
                out.completion[running.job] = now + milliseconds{1};
                busy = false;
            }
        }
    }
}

std::uint64_t hash_of(srpt_schedule const& schedule) {
    hpcsched::sequence_hash hash;
    for (auto const& run : schedule.runs) {
        hash.add(run.job);
        hash.add(static_cast<std::uint64_t>(run.length.count()));
    }
    return hash.value();
}

/// The least time of several, so that what else the machine does counts little; in ms.
template <class Work>
double least_ms(int repetitions, Work work) {
    double least = std::numeric_limits<double>::infinity();
    for (int i = 0; i < repetitions; ++i) {
        auto const begin = std::chrono::steady_clock::now();
        work();
        std::chrono::duration<double, std::milli> const took = std::chrono::steady_clock::now() - begin;
        least = std::min(least, took.count());
    }
    return least;
}

void bm_replay(benchmark::State& state) {
    auto const jobs = drawn_jobs(static_cast<std::size_t>(state.range(0)));
    duration const min_quantum = milliseconds{state.range(1)};
    srpt_replay replay;
    srpt_schedule schedule;
    for ([[maybe_unused]] auto _ : state) {
        replay.replay(jobs, min_quantum, schedule);
        benchmark::DoNotOptimize(schedule.runs.data());
    }
    state.SetItemsProcessed(state.iterations() * state.range(0));
    state.counters["hash"] = static_cast<double>(hash_of(schedule) >> 12U);
}
BENCHMARK(bm_replay)->ArgNames({"records", "quantum_ms"})->ArgsProduct({{100, 200, 500, 1000, 2000, 5000}, {0, 8}});

void bm_ticks(benchmark::State& state) {
    auto const jobs = drawn_jobs(static_cast<std::size_t>(state.range(0)));
    srpt_schedule schedule;
    for ([[maybe_unused]] auto _ : state) {
        replay_by_ticks(jobs, state.range(1), schedule);
        benchmark::DoNotOptimize(schedule.runs.data());
    }
    state.SetItemsProcessed(state.iterations() * state.range(0));
    state.counters["hash"] = static_cast<double>(hash_of(schedule) >> 12U);
}
BENCHMARK(bm_ticks)->ArgNames({"records", "quantum_ms"})->ArgsProduct({{100, 5000}, {0, 8}});

hpcsched::bench::figure_case const srpt_replay_figure{
    "cpu.srpt_replay", 2, "SRPT replay of 5,000 records, beside a plain loop in steps of 1 ms",
    [](hpcsched::bench::effort how_much) {
        bool const full = how_much == hpcsched::bench::effort::full;
        auto const jobs = drawn_jobs(full ? 5000 : 200);
        srpt_replay replay;
        srpt_schedule ours;
        srpt_schedule theirs;
        double our_ms = std::numeric_limits<double>::infinity();
        double their_ms = our_ms;
        for (int turn = 0; turn < (full ? 10 : 1); ++turn) {
            our_ms = std::min(our_ms, least_ms(10, [&] { replay.replay(jobs, duration{0}, ours); }));
            their_ms = std::min(their_ms, least_ms(1, [&] { replay_by_ticks(jobs, 0, theirs); }));
        }
        hpcsched::bench::report({.name = "cpu.srpt_replay",
                                 .value = our_ms,
                                 .unit = "ms",
                                 .beside = their_ms,
                                 .goal = "below 1 ms, with the same runs as a plain loop in steps of 1 ms",
                                 .holds = our_ms < 1 && ours.runs == theirs.runs});
    }};

} // namespace
