// SPDX-License-Identifier: Apache-2.0
// The simulated Linux: time per scheduling event, and what a million invocations under ALPS take.

#include <hpcsched/core/random.hpp>
#include <hpcsched/cpu/alps.hpp>
#include <hpcsched/cpu/cfs.hpp>
#include <hpcsched/cpu/eevdf.hpp>
#include <hpcsched/cpu/hands_off.hpp>
#include <hpcsched/cpu/rt.hpp>
#include <hpcsched/cpu_sim/machine.hpp>
#include <hpcsched/workload/generator.hpp>
#include <hpcsched/workload/in_memory.hpp>

#include <boost/random/uniform_int_distribution.hpp>

#include <figure.hpp>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <ctime>
#include <queue>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using namespace hpcsched;

template <class F>
double seconds(F&& f) {
    std::clock_t const from = std::clock();
    f();
    return static_cast<double>(std::clock() - from) / CLOCKS_PER_SEC;
}

// --- time per scheduling event -------------------------------------------------------------------------------------

constexpr std::uint32_t event_cpus = 16;

std::vector<workload::invocation> invocations_of(workload::preset from, std::uint64_t count) {
    workload::generator_config config{.from = from, .count = count};
    config.load = 0.95;
    config.cpu_count = event_cpus;
    auto source = workload::make_generator(config).value();
    std::vector<workload::invocation> all(count);
    for (workload::invocation& each : all) {
        (void)source.next(each).value();
    }
    return all;
}

/// What an event loop costs before it does anything: events come out of a std::priority_queue, and each puts the next
/// of its CPU in.
std::int64_t bare_event_loop(std::uint64_t event_count) {
    struct event {
        std::int64_t at;
        std::uint64_t sequence;
        bool operator<(event const& other) const { return at != other.at ? at > other.at : sequence > other.sequence; }
    };
    random_stream draw{1, "intervals"};
    boost::random::uniform_int_distribution<std::int64_t> interval{1, 8'000'000};
    std::vector<std::int64_t> intervals(4096);
    for (std::int64_t& each : intervals) {
        each = interval(draw);
    }
    std::priority_queue<event> queue;
    for (std::uint64_t i = 0; i < event_cpus; ++i) {
        queue.push({intervals[i], i});
    }
    std::int64_t sum = 0;
    for (std::uint64_t i = event_cpus; i < event_count; ++i) {
        event const next = queue.top();
        queue.pop();
        sum += next.at;
        queue.push({next.at + intervals[i % intervals.size()], i});
    }
    return sum;
}

void time_per_event(bench::effort how_much) {
    bool const full = how_much == bench::effort::full;
    auto const invocations = invocations_of(workload::preset::sfs_table1, full ? 10'000 : 200);
    cpu_sim::machine<cpu::rt, cpu::eevdf> const linux_machine{
        {cpu_sim::machine_config::with_cpus(event_cpus),
         {cpu::rt::config{}, cpu::eevdf::config::for_cpus(event_cpus)}}};
    std::uint64_t events = 0;
    std::int64_t sum = 0;
    double ours = 1e9;
    double bare = 1e9;
    for (int round = 0; round < (full ? 5 : 1); ++round) {
        ours = std::min(ours, seconds([&] {
                            workload::in_memory source{invocations};
                            cpu_sim::silent nothing;
                            events = linux_machine.run(source, nothing).value().event_count;
                        }));
        bare = std::min(bare, seconds([&] { sum += bare_event_loop(events); }));
    }
    double const per_event = 1e9 / static_cast<double>(events);
    bench::report({.name = "cpu_sim.linux_event",
                   .value = ours * per_event,
                   .unit = "ns per event",
                   .beside = bare * per_event,
                   .goal = sum != 0 ? "at most 250 ns (beside: a bare event loop)" : "a loop that ran",
                   .holds = sum != 0 && ours * per_event <= 250});
}

// --- a million invocations under ALPS ------------------------------------------------------------------------------

struct use {
    double seconds = 0;
    double megabytes = 0;
};

/// CPU time and peak resident memory of `work`, done in a process of its own.
template <class F>
use use_of(F&& work) {
    pid_t const child = fork();
    if (child == 0) {
        _exit(work() ? 0 : 1);
    }
    int status = 1;
    rusage used{};
    if (child < 0 || wait4(child, &status, 0, &used) != child || status != 0) {
        throw std::runtime_error{"the child that was to be measured failed"};
    }
    auto const of = [](timeval const& t) {
        return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
    };
    return {of(used.ru_utime) + of(used.ru_stime), static_cast<double>(used.ru_maxrss) / 1024};
}

/// Generates and simulates the invocations; all of it streams.
template <class Agent>
bool run_million(std::uint64_t count) {
    constexpr std::uint32_t cpus = 24;
    workload::generator_config config{.from = workload::preset::alps_huawei, .count = count};
    config.load = 0.9;
    config.cpu_count = cpus;
    auto source = workload::make_generator(config).value();
    auto hardware = cpu_sim::machine_config::with_cpus(cpus);
    hardware.fair_server.enabled = false; // kernels of the paper's time
    cpu_sim::machine<cpu::rt, cpu::ranked_cfs> const machine{
        {hardware, {cpu::rt::config::throttled(), cpu::cfs_config::for_cpus(cpus)}}};
    Agent agent;
    cpu_sim::silent nothing;
    auto const summary = machine.run(source, agent, nothing);
    return summary.has_value() && summary->task_count == count;
}

void a_million(bench::effort how_much) {
    std::uint64_t const count = how_much == bench::effort::full ? 1'000'000 : 2'000;
    use const alps = use_of([count] { return run_million<cpu::alps>(count); });
    use const kernel = use_of([count] { return run_million<cpu::hands_off>(count); });
    bench::report({.name = "cpu_sim.alps_million.time",
                   .value = alps.seconds,
                   .unit = "s",
                   .beside = kernel.seconds,
                   .goal = "below 10 s of one core (beside: the kernel without alps)",
                   .holds = alps.seconds < 10});
    bench::report({.name = "cpu_sim.alps_million.memory",
                   .value = alps.megabytes,
                   .unit = "MB",
                   .beside = kernel.megabytes,
                   .goal = "below 500 MB (beside: the kernel without alps)",
                   .holds = alps.megabytes < 500});
}

bench::figure_case const linux_event{
    "cpu_sim.linux_event", 2,
    "machine<rt, eevdf> on 16 CPUs, sfs-table1 at load 0.95: time per scheduling event, beside a bare event loop",
    &time_per_event};
bench::figure_case const alps_million{
    "cpu_sim.alps_million", 2,
    "1,000,000 invocations of alps-huawei, 24 CPUs, load 0.9, alps: CPU time and peak memory, beside hands_off",
    &a_million};

} // namespace
