// SPDX-License-Identifier: Apache-2.0
// SFS (SC'22), figure 9: slices of 50, 100 and 200 ms beside the adaptive one, 12 CPUs. README.md beside this has the
// results and how to read them.

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
constexpr std::array<int, 3> fixed_ms{50, 100, 200};

std::string name_of(int slice_ms) {
    return "S = " + std::to_string(slice_ms) + " ms";
}

experiment::policy_registry policies() {
    auto all = experiment::shipped_policies();
    for (int const slice_ms : fixed_ms) {
        cpu::sfs_config const config{.initial_slice = std::chrono::milliseconds{slice_ms}, .adaptive = false};
        all.add(
            name_of(slice_ms), "SFS with a fixed slice",
            experiment::simulate_on<linux_cfs>(&experiment::old_linux_config<linux_cfs>,
                                               [config](experiment::cell_inputs const&) { return cpu::sfs{config}; }));
    }
    return all;
}

void figure9(bench::effort how_much) {
    bool const full = how_much == bench::effort::full;
    auto const registry = policies();
    for (double const load : {0.8, 1.0}) { // the paper does not say at which
        results table;
        for (std::uint64_t seed = 1; seed <= (full ? 20U : 1U); ++seed) {
            auto const requests = requests_of({.requests = {.from = workload::preset::sfs_trace_bursty,
                                                            .seed = seed,
                                                            .count = full ? 10'000U : 300U,
                                                            .has_memory = false},
                                               .load = load,
                                               .cpu_count = cpus});
            outcome const adaptive = run(*registry.find("sfs-cfs"), requests, cpus);
            auto const add = [&](std::string const& row, outcome const& seen) {
                auto const times = seen.turnarounds();
                table.add(row, "p30", percentile<double>(times, ratio{30, 100}));
                table.add(row, "p50", percentile<double>(times, p50));
                table.add(row, "p75", percentile<double>(times, p75));
                table.add(row, "p90", percentile<double>(times, p90));
                table.add(row, "mean", mean_of(times));
                table.add(row, "share slower than adaptive", share_faster(adaptive, seen));
                table.add(row, "share faster than adaptive", share_faster(seen, adaptive));
            };
            add("adaptive", adaptive);
            for (int const slice_ms : fixed_ms) {
                add(name_of(slice_ms), run(*registry.find(name_of(slice_ms)), requests, cpus));
            }
        }
        char title[80];
        std::snprintf(title, sizeof title, "turnaround in seconds, load %.2f", load);
        table.print(title, {{{name_of(50), "share faster than adaptive"}, 0.30},
                            {{name_of(50), "share slower than adaptive"}, 0.70}});
        for (int const slice_ms : fixed_ms) {
            std::string const fixed = name_of(slice_ms);
            std::snprintf(title, sizeof title, "paper.sfs_figure9.%.2f.%d_ms", load, slice_ms);
            bench::report({.name = title,
                           .value = table.mean("adaptive", "mean"),
                           .unit = "s",
                           .beside = table.mean(fixed, "mean"),
                           .goal = "adaptive below " + fixed + " in mean turnaround, as in the paper",
                           .holds = table.is_below("adaptive", fixed, "mean")});
        }
    }
}

bench::figure_case const figure9_case{
    "paper.sfs_figure9", 2, "SFS figure 9: the adaptive slice, beside slices of 50, 100 and 200 ms", &figure9};

} // namespace
