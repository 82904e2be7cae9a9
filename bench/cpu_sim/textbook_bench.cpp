// SPDX-License-Identifier: Apache-2.0
// The public API beside a loop written for one queue: time per job of fcfs, srpt and processor_sharing on two CPUs.

#include <hpcsched/core/random.hpp>
#include <hpcsched/cpu/fcfs.hpp>
#include <hpcsched/cpu/processor_sharing.hpp>
#include <hpcsched/cpu/srpt.hpp>
#include <hpcsched/cpu_sim/machine.hpp>
#include <hpcsched/workload/in_memory.hpp>

#include <boost/random/exponential_distribution.hpp>

#include "hand_written.hpp"
#include <figure.hpp>

#include <algorithm>
#include <cstdint>
#include <ctime>
#include <string>
#include <vector>

namespace {

using namespace hpcsched;

/// M/M/2 at load 0.8, mean service 1 ms.
struct workload_pair {
    std::vector<workload::invocation> invocations;
    std::vector<bench::hand_written::job> jobs;

    explicit workload_pair(std::size_t count) {
        random_stream arrivals{42, "arrivals"};
        random_stream services{42, "services"};
        boost::random::exponential_distribution<double> interval{1.6e-6};
        boost::random::exponential_distribution<double> demand{1e-6};
        std::int64_t at = 0;
        for (std::size_t i = 0; i < count; ++i) {
            at += static_cast<std::int64_t>(interval(arrivals));
            auto const service = static_cast<std::int64_t>(demand(services)) + 1;
            jobs.push_back({at, service});
            invocations.push_back({.arrival = time_point{duration{at}}, .service = duration{service}});
        }
    }
};

/// Keeps each turnaround, as the hand-written loops do.
struct turnarounds : cpu_sim::silent {
    std::vector<std::int64_t> of_row;
    std::int64_t sum = 0;

    void on_exit(cpu_sim::task_record const& record, time_point) {
        of_row[record.sequence] = record.turnaround().count();
        sum += record.turnaround().count();
    }
};

template <class F>
double seconds(F&& f) {
    std::clock_t const from = std::clock();
    f();
    return static_cast<double>(std::clock() - from) / CLOCKS_PER_SEC;
}

/// The smallest of several runs of each, by turns.
template <class Class, class Loop>
void compare(std::string const& name, bench::effort how_much, Loop const& loop) {
    std::size_t const count = how_much == bench::effort::full ? 1'000'000 : 10'000;
    workload_pair const input{count};
    std::vector<std::int64_t> turnaround(count);
    turnarounds seen;
    seen.of_row.resize(count);
    double ours = 1e9;
    double theirs = 1e9;
    std::int64_t sum = 0;
    for (int round = 0; round < (how_much == bench::effort::full ? 15 : 1); ++round) {
        theirs = std::min(theirs, seconds([&] { sum = loop(input.jobs, turnaround); }));
        seen.sum = 0;
        ours = std::min(ours, seconds([&] {
                            workload::in_memory source{input.invocations};
                            cpu_sim::machine<Class> const m{cpu_sim::machine_config::ideal(2)};
                            (void)m.run(source, seen).value();
                        }));
    }
    double const per_job = 1e9 / static_cast<double>(count);
    // A fluid completion is rounded differently in integers and in floating point, by nanoseconds.
    bool const agree = std::abs(seen.sum - sum) <= 8 * static_cast<std::int64_t>(count);
    bench::report(
        {.name = name,
         .value = ours * per_job,
         .unit = "ns per job",
         .beside = theirs * per_job,
         .goal = agree ? "at most 2 x the hand-written loop" : "the same turnarounds as the hand-written loop",
         .holds = agree && ours <= 2 * theirs});
}

bench::figure_case const fcfs{
    "cpu_sim.fcfs", 2, "machine<fcfs> on 2 CPUs, 1,000,000 jobs, beside a hand-written G/G/2 loop",
    [](bench::effort how_much) { compare<cpu::fcfs>("cpu_sim.fcfs", how_much, bench::hand_written::fcfs); }};
bench::figure_case const srpt{
    "cpu_sim.srpt", 2, "machine<srpt> on 2 CPUs, 1,000,000 jobs, beside a hand-written SRPT loop",
    [](bench::effort how_much) { compare<cpu::srpt>("cpu_sim.srpt", how_much, bench::hand_written::srpt); }};
bench::figure_case const processor_sharing{
    "cpu_sim.processor_sharing", 2, "machine<processor_sharing> on 2 CPUs, 1,000,000 jobs, beside a hand-written loop",
    [](bench::effort how_much) {
        compare<cpu::processor_sharing>("cpu_sim.processor_sharing", how_much, bench::hand_written::processor_sharing);
    }};

} // namespace
