// SPDX-License-Identifier: Apache-2.0
// ALPS (ATC'24), figure 6: turnaround by group and scheduler on the Huawei and Azure mixes, 24 CPUs; and figure 7,
// context switches. README.md beside this has the results and how to read them.

#include <hpcsched/cpu/alps.hpp>
#include <hpcsched/experiment/linux_machines.hpp>
#include <hpcsched/experiment/simulate_on.hpp>

#include "paper_runs.hpp"

#include <array>

namespace {

using namespace hpcsched;
using namespace bench::paper;
using experiment::linux_alps;

constexpr std::uint32_t cpus = 24;

/// What a request of the paper's pays before it computes: its G1, "0 to 50 ms", takes 74 ms under SRPT.
constexpr duration start_up{50'000'000};

/// Where this model's CFS serves the Huawei mix's G1 about as slowly as the paper's does at what it calls 90 %.
constexpr double like_the_papers_90_percent = 1.0;

constexpr std::array<char const*, 4> groups{"G1 ms", "G2 ms", "G3 ms", "G4 ms"};

struct mix {
    char const* name;
    workload::preset from;
    results::published_figures published; ///< at 90 %, seconds; "switches p50" as they are
};

/// faas.md 3.6: averages of figure 6; "all" weighted by the shares of the groups; medians of figure 7.
results::published_figures published_of(std::array<std::array<double, 4>, 6> const& averages_ms,
                                        std::array<double, 4> const& all_ms, std::array<double, 6> const& switches) {
    constexpr std::array<char const*, 6> rows{"rr-rt", "fifo-rt", "cfs", "sfs-ranks", "alps", "srpt"};
    results::published_figures published;
    for (std::size_t row = 0; row < rows.size(); ++row) {
        for (std::size_t group = 0; group < groups.size(); ++group) {
            published[{rows[row], groups[group]}] = averages_ms[row][group];
        }
        published[{rows[row], "switches p50"}] = switches[row];
        if (row >= 2) {
            published[{rows[row], "all ms"}] = all_ms[row - 2];
        }
    }
    return published;
}

std::array<mix, 2> mixes() {
    return {mix{"huawei", workload::preset::alps_huawei,
                published_of({{{899, 1293, 3680, 16'900},
                               {1353, 1355, 1550, 4110},
                               {201, 251, 1240, 8590},
                               {164, 207, 957, 6730},
                               {125, 156, 627, 4770},
                               {74, 121, 836, 50'700}}},
                             {358.8, 287.2, 208.8, 637}, {0, 0, 11, 8, 2, 1})},
            mix{"azure", workload::preset::alps_azure_shipped,
                published_of({{{1668, 2247, 5600, 8630},
                               {2321, 2283, 2630, 2980},
                               {88.5, 124, 483, 2580},
                               {82.1, 113, 363, 1120},
                               {73.9, 103, 306, 827},
                               {70.1, 91, 304, 1000}}},
                             {623.3, 335.7, 265.9, 292}, {0, 0, 9, 7, 4, 1})}};
}

/// The shipped policies, and ALPS with parts of it left out.
experiment::policy_registry policies() {
    auto all = experiment::shipped_policies();
    auto const add = [&all](char const* name, cpu::alps_config const& config, bool heeds_ranks = true) {
        all.add(name, "ALPS, changed",
                experiment::simulate_on<linux_alps>(&experiment::old_linux_config<linux_alps>,
                                                    [config, heeds_ranks](experiment::cell_inputs const&) {
                                                        cpu::alps_config used = config;
                                                        used.quirks.discard_ranks = !heeds_ranks;
                                                        return cpu::alps{used};
                                                    }));
    };
    add("alps, one share", {.all_samples = false});
    add("alps, no slices", {.tuning = {.alpha = 0}});
    add("alps, no ranks", {}, false);
    return all;
}

void add_outcome(results& table, std::string const& row, outcome const& seen, duration paid_first) {
    constexpr std::array<duration, 3> bounds{duration{50'000'000}, duration{200'000'000}, duration{400'000'000}};
    for (std::size_t group = 0; group < groups.size(); ++group) {
        auto const times = seen.turnarounds([&](cpu_sim::task_record const& task) {
            auto const own = static_cast<std::size_t>(
                std::upper_bound(bounds.begin(), bounds.end(), task.service - paid_first) - bounds.begin());
            return own == group;
        });
        if (!times.empty()) {
            table.add(row, groups[group], mean_of(times) * 1e3);
        }
    }
    table.add(row, "all ms", mean_of(seen.turnarounds()) * 1e3);
    std::vector<double> switches;
    for (cpu_sim::task_record const& task : seen.tasks) {
        switches.push_back(task.context_switches);
    }
    std::sort(switches.begin(), switches.end());
    table.add(row, "switches p50", percentile<double>(switches, p50));
    table.add(row, "switches mean", mean_of(switches));
}

struct effort_of_runs {
    std::uint64_t seeds = 1;
    std::uint64_t count = 0;
};

effort_of_runs runs_for(bench::effort how_much) {
    return how_much == bench::effort::full ? effort_of_runs{20, 15'000} : effort_of_runs{1, 400};
}

results measure(workload::preset from, double load, duration paid_first, std::vector<std::string> const& names,
                effort_of_runs const& effort) {
    auto const registry = policies();
    results table;
    for (std::uint64_t seed = 1; seed <= effort.seeds; ++seed) {
        setting const s{.requests = {.from = from, .seed = seed, .count = effort.count, .has_memory = false},
                        .start_up = paid_first,
                        .load = load,
                        .cpu_count = cpus};
        auto const requests = requests_of(s);
        for (std::string const& name : names) {
            if (name == "srpt, one CPU") { // at the same load
                setting alone = s;
                alone.cpu_count = 1;
                add_outcome(table, name, run(*registry.find("srpt"), requests_of(alone), 1), paid_first);
            } else {
                add_outcome(table, name, run(*registry.find(name), requests, cpus), paid_first);
            }
        }
    }
    return table;
}

/// The order of figure 6 in G1, link by link.
void report_g1_order(std::string const& name, results const& table) {
    constexpr std::array<char const*, 5> order{"srpt", "alps", "sfs-ranks", "cfs", "rr-rt"};
    int links = 0;
    for (std::size_t i = 0; i + 1 < order.size(); ++i) {
        links += table.is_below(order[i], order[i + 1], groups[0]) ? 1 : 0;
    }
    bench::report({.name = name,
                   .value = static_cast<double>(links),
                   .unit = "links",
                   .beside = 4.0,
                   .goal = "G1: srpt < alps < sfs < cfs < rr, link by link",
                   .holds = links == 4});
}

void figure6(bench::effort how_much) {
    std::vector<std::string> const names{"rr-rt",   "fifo-rt", "cfs",  "sfs-ranks",
                                         "sfs-cfs", "alps",    "srpt", "srpt, one CPU"};
    for (mix const& m : mixes()) {
        for (double const load : {0.7, 0.8, 0.9, like_the_papers_90_percent}) {
            results const table = measure(m.from, load, start_up, names, runs_for(how_much));
            char title[160];
            std::snprintf(title, sizeof title, "%s, load %.2f with %.0f ms of start-up%s", m.name, load,
                          to_milliseconds(start_up), load < 0.9 ? "" : " (the paper at 90 %)");
            table.print(title, load < 0.9 ? results::published_figures{} : m.published);
            std::snprintf(title, sizeof title, "paper.alps_figure6.%s.%.2f", m.name, load);
            report_g1_order(std::string{title} + ".g1", table);
            auto const published = [&m](char const* row) { return m.published.at({row, "all ms"}); };
            table.report_order(std::string{title} + ".alps_sfs", "alps", "sfs-ranks", "all ms",
                               published("alps") / published("sfs-ranks"), "ms");
            table.report_order(std::string{title} + ".alps_cfs", "alps", "cfs", "all ms",
                               published("alps") / published("cfs"), "ms");
        }
    }
}

/// Which part of the set-up, and which part of ALPS, makes the short requests fast or slow.
void trace(bench::effort how_much) {
    std::vector<std::string> const names{
        "cfs", "sfs-ranks", "sfs-cfs", "alps", "alps, one share", "alps, no slices", "alps, no ranks"};
    for (duration const paid_first : {duration{0}, start_up}) {
        for (double const load : {0.9, like_the_papers_90_percent}) {
            results const table = measure(workload::preset::alps_huawei, load, paid_first, names, runs_for(how_much));
            char title[120];
            std::snprintf(title, sizeof title, "huawei, load %.2f, start-up %.0f ms", load,
                          to_milliseconds(paid_first));
            table.print(title);
            std::snprintf(title, sizeof title, "paper.alps_trace.start-up_%.0f.%.2f", to_milliseconds(paid_first),
                          load);
            table.report_order(std::string{title} + ".shares", "alps", "alps, one share", groups[0], {}, "ms");
            table.report_order(std::string{title} + ".g1", "alps", "cfs", groups[0], 125.0 / 201, "ms");
        }
    }
}

bench::figure_case const figure6_case{
    "paper.alps_figure6", 2, "ALPS figures 6 and 7: turnaround by group and scheduler, beside the paper's", &figure6};
bench::figure_case const trace_case{"paper.alps_trace", 2,
                                    "ALPS's short requests by start-up, load and part of ALPS, beside CFS's", &trace};

} // namespace
