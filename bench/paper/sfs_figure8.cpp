// SPDX-License-Identifier: Apache-2.0
// SFS (SC'22), figure 8: percentiles of turnaround by load under SFS and CFS, 12 CPUs; and the headline of its
// abstract. README.md beside this has the results and how to read them.

#include "paper_runs.hpp"

#include <array>

namespace {

using namespace hpcsched;
using namespace bench::paper;

constexpr std::uint32_t cpus = 12;

struct column {
    char const* name;
    ratio share;
};
constexpr std::array<column, 5> columns{{{"p50", p50}, {"p90", p90}, {"p99", p99}, {"p99.9", p999}, {"p99.99", p9999}}};

/// faas.md 1.8, seconds.
struct published_row {
    double load;
    std::array<double, 5> sfs, cfs;
};
constexpr std::array<published_row, 5> published{{
    {0.50, {.11, 1.79, 3.01, 3.68, 5.05}, {.103, 1.67, 2.75, 3.29, 4.03}},
    {0.65, {.11, 1.96, 25.5, 46.8, 52.4}, {.115, 2.0, 12.7, 21.8, 25.5}},
    {0.80, {.11, 2.94, 40.9, 58.7, 62.8}, {.165, 2.75, 26.7, 40.0, 42.8}},
    {0.90, {.11, 28.5, 117.9, 141, 147.6}, {.519, 14.5, 62.8, 78.6, 80.4}},
    {1.00, {.11, 154, 284, 371, 389}, {3.94, 110, 221, 265, 303}},
}};

/// Turnarounds by request.
std::vector<double> by_request(outcome const& seen) {
    std::vector<double> all(seen.tasks.size());
    for (cpu_sim::task_record const& task : seen.tasks) {
        all[task.sequence] = to_seconds(task.turnaround());
    }
    return all;
}

/// "83 % of the functions run 49.6 times faster on average, the other 17 % take 1.29 times as long."
void add_headline(results& table, outcome const& sfs, outcome const& cfs) {
    auto const ours = by_request(sfs);
    auto const theirs = by_request(cfs);
    std::vector<double> speed_ups;
    std::vector<double> slow_downs{1};
    for (std::size_t i = 0; i < ours.size(); ++i) {
        (ours[i] < theirs[i] ? speed_ups : slow_downs)
            .push_back(ours[i] < theirs[i] ? theirs[i] / ours[i] : ours[i] / theirs[i]);
    }
    table.add("sfs-cfs", "share faster", static_cast<double>(speed_ups.size()) / static_cast<double>(ours.size()));
    table.add("sfs-cfs", "times faster", speed_ups.empty() ? 1 : mean_of(speed_ups));
    table.add("sfs-cfs", "the others, times slower", mean_of(slow_downs));
}

/// Figure 8 on a workload; `name` begins the names of its figures.
void figure8_on(workload::preset from, std::string const& name, char const* what, bench::effort how_much) {
    bool const full = how_much == bench::effort::full;
    auto const policies = experiment::shipped_policies();
    for (published_row const& row : published) {
        results table;
        results headline;
        for (std::uint64_t seed = 1; seed <= (full ? 20U : 1U); ++seed) {
            auto const requests = requests_of(
                {.requests = {.from = from, .seed = seed, .count = full ? 10'000U : 300U, .has_memory = false},
                 .load = row.load,
                 .cpu_count = cpus});
            outcome const sfs = run(*policies.find("sfs-cfs"), requests, cpus);
            outcome const cfs = run(*policies.find("cfs"), requests, cpus);
            auto const sfs_times = sfs.turnarounds();
            auto const cfs_times = cfs.turnarounds();
            for (column const& c : columns) {
                table.add("sfs-cfs", c.name, percentile<double>(sfs_times, c.share));
                table.add("cfs", c.name, percentile<double>(cfs_times, c.share));
            }
            add_headline(headline, sfs, cfs);
        }
        results::published_figures beside;
        for (std::size_t c = 0; c < columns.size(); ++c) {
            beside[{"sfs-cfs", columns[c].name}] = row.sfs[c];
            beside[{"cfs", columns[c].name}] = row.cfs[c];
        }
        char title[80];
        std::snprintf(title, sizeof title, "%s: turnaround in seconds, load %.2f", what, row.load);
        table.print(title, beside);
        headline.print("request by request, SFS against CFS",
                       row.load < 1 ? results::published_figures{}
                                    : results::published_figures{{{"sfs-cfs", "share faster"}, 0.83},
                                                                 {{"sfs-cfs", "times faster"}, 49.6},
                                                                 {{"sfs-cfs", "the others, times slower"}, 1.29}});
        std::snprintf(title, sizeof title, "%s.%.2f", name.c_str(), row.load);
        if (row.load >= 0.65) {
            table.report_order(std::string{title} + ".p50", "sfs-cfs", "cfs", "p50", row.sfs[0] / row.cfs[0]);
            table.report_order(std::string{title} + ".p99", "cfs", "sfs-cfs", "p99", row.cfs[2] / row.sfs[2]);
        }
    }
}

void figure8(bench::effort how_much) {
    figure8_on(workload::preset::sfs_trace_bursty, "paper.sfs_figure8", "bursts as in the trace", how_much);
    figure8_on(workload::preset::sfs_trace, "paper.sfs_figure8.poisson", "Poisson arrivals", how_much);
}

bench::figure_case const figure8_case{"paper.sfs_figure8", 2,
                                      "SFS figure 8: percentiles of turnaround by load, SFS beside CFS and the paper's",
                                      &figure8};

} // namespace
