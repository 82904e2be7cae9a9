// SPDX-License-Identifier: Apache-2.0
// SFS (SC'22), figure 12: the delay in the queue, and the turnaround, with and without the bypass of FILTER under
// overload, 12 CPUs, a bursty trace. README.md beside this has the results and how to read them.

#include <hpcsched/cpu/sfs.hpp>
#include <hpcsched/experiment/linux_machines.hpp>
#include <hpcsched/experiment/simulate_on.hpp>

#include "paper_runs.hpp"

#include <array>

namespace {

using namespace hpcsched;
using namespace bench::paper;
using experiment::linux_cfs;

constexpr std::uint32_t cpus = 12;

constexpr duration a_system_call = cpu_sim::machine_config{}.agent_command_cost;

/// The program starts another one, schedtool, for every change of policy. 10 ms is assumed: it has to get a CPU of the
/// busy machine first.
constexpr duration a_process{10'000'000};

struct variant {
    char const* name;
    std::uint32_t overload_factor;
    duration command_cost; ///< of each change of policy, one after the other
};
constexpr std::array<variant, 4> variants{{{"with the bypass", 3, a_system_call},
                                           {"without", 0, a_system_call},
                                           {"with, 10 ms per command", 3, a_process},
                                           {"without, 10 ms per command", 0, a_process}}};

/// A workload, at a load that the paper does not give.
struct scenario {
    char const* name; ///< in the names of its figures
    char const* what;
    workload::preset from;
    double load;
    bool has_spikes;
};
constexpr std::array<scenario, 3> scenarios{
    {{"0.80", "the trace's bursts, load 0.80", workload::preset::sfs_trace_bursty, 0.8, false},
     {"1.00", "the trace's bursts, load 1.00", workload::preset::sfs_trace_bursty, 1.0, false},
     {"spikes", "five spikes in Poisson arrivals, load 0.80", workload::preset::sfs_test1, 0.8, true}}};

/// In each fifth of the requests, one in ten arrives 30 times as fast as the rest.
std::vector<workload::invocation> with_spikes(std::vector<workload::invocation> requests) {
    std::size_t const fifth = requests.size() / 5;
    time_point before = requests.front().arrival; // of the last request, as it was
    for (std::size_t i = 1; i < requests.size(); ++i) {
        duration const interval = requests[i].arrival - std::exchange(before, requests[i].arrival);
        bool const is_in_spike = i % fifth < fifth / 10;
        requests[i].arrival = requests[i - 1].arrival + (is_in_spike ? interval / 30 : interval);
    }
    return requests;
}

std::vector<workload::invocation> requests(scenario const& s, std::uint64_t seed, bool full) {
    auto made =
        requests_of({.requests = {.from = s.from, .seed = seed, .count = full ? 10'000U : 300U, .has_memory = false},
                     .load = s.load,
                     .cpu_count = cpus});
    return s.has_spikes ? at_load(with_spikes(std::move(made)), s.load, cpus) : made;
}

outcome run_variant(variant const& v, std::vector<workload::invocation> const& jobs) {
    experiment::policy const policy{
        .name = v.name,
        .run = experiment::simulate_on<linux_cfs>(
            [&v](experiment::cell_inputs const& inputs) {
                auto config = experiment::old_linux_config<linux_cfs>(inputs);
                config.hardware.agent_command_cost = v.command_cost;
                config.hardware.agent_cpu = cpus; // the agent's work is not the figure's matter
                return config;
            },
            [&v](experiment::cell_inputs const&) {
                return cpu::sfs{{.overload_factor = v.overload_factor, .poll_period = duration{4'000'000}}};
            })};
    return run(policy, jobs, cpus);
}

void add_outcome(results& table, char const* name, outcome const& seen) {
    std::vector<double> delays;
    for (cpu_sim::task_record const& task : seen.tasks) {
        delays.push_back(to_seconds(task.first_run - task.arrival));
    }
    std::sort(delays.begin(), delays.end());
    auto const times = seen.turnarounds();
    table.add(name, "largest delay", delays.back());
    table.add(name, "p99 delay", percentile<double>(delays, p99));
    table.add(name, "mean delay", mean_of(delays));
    table.add(name, "turnaround p50", percentile<double>(times, p50));
    table.add(name, "turnaround p90", percentile<double>(times, p90));
    table.add(name, "mean turnaround", mean_of(times));
}

void figure12(bench::effort how_much) {
    bool const full = how_much == bench::effort::full;
    for (scenario const& s : scenarios) {
        results table;
        for (std::uint64_t seed = 1; seed <= (full ? 20U : 1U); ++seed) {
            auto const jobs = requests(s, seed, full);
            std::array<outcome, variants.size()> seen;
            for (std::size_t i = 0; i < variants.size(); ++i) {
                seen[i] = run_variant(variants[i], jobs);
                add_outcome(table, variants[i].name, seen[i]);
            }
            for (std::size_t i = 0; i < variants.size(); i += 2) {
                table.add(variants[i].name, "share faster than without", share_faster(seen[i], seen[i + 1]));
            }
        }
        results::published_figures published;
        for (std::size_t i = 0; i < variants.size(); i += 2) {
            published[{variants[i].name, "largest delay"}] = 5;
            published[{variants[i].name, "share faster than without"}] = 0.5;
            published[{variants[i + 1].name, "largest delay"}] = 37;
        }
        table.print(std::string{"seconds, "} + s.what, published);
        for (std::size_t i = 0; i < variants.size(); i += 2) {
            std::string const name = std::string{"paper.sfs_figure12."} + s.name + (i == 0 ? "" : ".10_ms_per_command");
            char const* const with = variants[i].name;
            char const* const without = variants[i + 1].name;
            table.report_order(name + ".delay", with, without, "largest delay", 5.0 / 37);
            table.report_order(name + ".turnaround", with, without, "mean turnaround");
        }
    }
}

bench::figure_case const figure12_case{
    "paper.sfs_figure12", 2, "SFS figure 12: delays with the bypass under overload, beside without", &figure12};

} // namespace
