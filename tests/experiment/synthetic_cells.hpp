// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_TESTS_EXPERIMENT_SYNTHETIC_CELLS_HPP
#define HPCSCHED_TESTS_EXPERIMENT_SYNTHETIC_CELLS_HPP

#include <hpcsched/core/hash.hpp>
#include <hpcsched/core/percentiles.hpp>
#include <hpcsched/core/random.hpp>
#include <hpcsched/experiment/cell_result.hpp>

#include <boost/random/lognormal_distribution.hpp>
#include <boost/random/uniform_01.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <limits>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace hpcsched::test {

/// Results that look like a machine's and agree with themselves: every percentile, curve and group is computed from one
/// list of made-up tasks. No scheduler ran.
struct synthetic_grid {
    std::vector<std::string> policies{"serpt", "sfs", "alps", "eevdf", "srpt"};
    std::vector<std::string> workloads{"sfs-mix"};
    std::vector<double> loads{0.8};
    std::vector<double> arrival_cvs{0};
    std::vector<std::uint32_t> cpu_counts{12};
    std::vector<std::uint64_t> seeds{1};
    std::size_t task_count = 2000;
};

/// One made-up task; times in seconds.
struct synthetic_task {
    double arrival = 0, service = 0, delay = 0, turnaround = 0, switches = 0;
};

/// How a policy delays a task that needs `service` seconds, as multiples of the pressure of the load. Only the shapes
/// matter: some favour short tasks, some treat all alike.
inline double synthetic_delay(std::string const& policy, double service) {
    if (policy.starts_with("srpt")) {
        return 0.02 + 1.1 * service * service / (service + 1.0);
    }
    if (policy.starts_with("serpt")) {
        return 0.03 + 1.2 * service * service / (service + 1.0);
    }
    if (policy.starts_with("alps")) {
        return 0.1 + 1.8 * service;
    }
    if (policy.starts_with("sfs")) {
        return 0.06 + (service > 0.2 ? 3.6 * service : 0.2 * service);
    }
    if (policy.starts_with("fcfs")) {
        return 2.0;
    }
    return 0.12 + 2.4 * service;
}

inline std::vector<synthetic_task> synthetic_tasks(experiment::cell_key const& key, std::size_t count) {
    random_stream demand{key.seed, "synthetic demand"}; // the same for every policy
    random_stream luck{key.seed, "synthetic luck " + key.policy};
    boost::random::lognormal_distribution<double> draw_service{-2.4, 1.3};
    boost::random::lognormal_distribution<double> draw_luck{-0.3, 0.8};
    boost::random::uniform_01<double> uniform;
    double const load = key.load == 0 ? 0.7 : key.load;
    double const pressure = load * (1 + key.arrival_cv) / std::max(1.15 - load, 0.08);
    std::vector<synthetic_task> tasks;
    for (std::size_t i = 0; i < count; ++i) {
        synthetic_task t;
        t.arrival = static_cast<double>(i) * 0.02;
        t.service = draw_service(demand);
        double const wave = 1 + 0.8 * std::sin(static_cast<double>(i) * 6.3 / static_cast<double>(count));
        double const waited = pressure * synthetic_delay(key.policy, t.service) * draw_luck(luck) * wave;
        t.delay = waited * 0.3 * uniform(luck);
        t.turnaround = t.service + waited;
        t.switches = std::floor(waited / 0.02);
        tasks.push_back(t);
    }
    return tasks;
}

template <class Project>
std::vector<double> sorted_column(std::span<synthetic_task const> tasks, Project project) {
    std::vector<double> column;
    for (synthetic_task const& t : tasks) {
        column.push_back(project(t));
    }
    std::sort(column.begin(), column.end());
    return column;
}

inline experiment::distribution summarise_column(std::vector<double> const& sorted) {
    std::span<double const> const all{sorted};
    double sum = 0;
    for (double const value : sorted) {
        sum += value;
    }
    return {.mean = sum / static_cast<double>(sorted.size()),
            .p50 = percentile(all, p50),
            .p75 = percentile(all, p75),
            .p90 = percentile(all, p90),
            .p95 = percentile(all, p95),
            .p99 = percentile(all, p99),
            .p999 = percentile(all, p999),
            .p9999 = percentile(all, p9999),
            .max = sorted.back()};
}

inline std::vector<experiment::cdf_point> cdf_of(std::vector<double> const& sorted) {
    std::vector<experiment::cdf_point> points;
    auto const n = static_cast<double>(sorted.size());
    for (std::size_t i = 0; i < 200; ++i) {
        // Denser towards the upper end, as the real ones.
        double const share = i < 160 ? 0.99 * static_cast<double>(i + 1) / 160
                                     : 1 - 0.01 * std::pow(100 / n, static_cast<double>(i - 159) / 40);
        auto const rank = static_cast<std::size_t>(std::clamp(std::ceil(share * n), 1.0, n));
        if (points.empty() || sorted[rank - 1] > points.back().value) {
            points.push_back({sorted[rank - 1], static_cast<double>(rank) / n});
        }
    }
    points.push_back({sorted.back(), 1});
    return points;
}

inline void add_groups(experiment::cell_result& cell, std::vector<synthetic_task> const& tasks) {
    std::vector<double> const bounds{0, 0.05, 0.2, 0.4, std::numeric_limits<double>::infinity()};
    for (std::size_t g = 0; g + 1 < bounds.size(); ++g) {
        std::vector<synthetic_task> members;
        std::copy_if(tasks.begin(), tasks.end(), std::back_inserter(members),
                     [&](synthetic_task const& t) { return t.service >= bounds[g] && t.service < bounds[g + 1]; });
        if (members.empty()) {
            continue;
        }
        experiment::group_result group;
        group.name = std::to_string(g + 1).insert(0, 1, 'G');
        group.service_from = bounds[g];
        group.service_to = bounds[g + 1];
        group.task_count = members.size();
        group.turnaround =
            summarise_column(sorted_column(members, [](synthetic_task const& t) { return t.turnaround; }));
        group.slowdown =
            summarise_column(sorted_column(members, [](synthetic_task const& t) { return t.turnaround / t.service; }));
        auto const switches = sorted_column(members, [](synthetic_task const& t) { return t.switches; });
        group.context_switches_p25 = percentile(std::span<double const>{switches}, ratio{25, 100});
        group.context_switches_p50 = percentile(std::span<double const>{switches}, p50);
        group.context_switches_p75 = percentile(std::span<double const>{switches}, p75);
        cell.groups.push_back(group);
    }
}

inline void add_delays(experiment::cell_result& cell, std::vector<synthetic_task> const& tasks) {
    double const width = 0.512;
    for (synthetic_task const& t : tasks) {
        auto const interval = static_cast<std::size_t>(t.arrival / width);
        while (cell.delay_over_time.size() <= interval) {
            cell.delay_over_time.push_back({static_cast<double>(cell.delay_over_time.size()) * width, 0, 0, 0});
        }
        experiment::delay_point& point = cell.delay_over_time[interval];
        auto const before = static_cast<double>(point.arrivals++);
        point.mean_delay = (point.mean_delay * before + t.delay) / (before + 1);
        point.max_delay = std::max(point.max_delay, t.delay);
    }
}

inline experiment::cell_result synthetic_cell(experiment::cell_key key, std::size_t task_count) {
    std::vector<synthetic_task> const tasks = synthetic_tasks(key, task_count);
    bool const ideal = key.policy == "srpt" || key.policy == "fcfs" || key.policy == "ps";
    experiment::cell_result cell;
    cell.task_count = task_count;
    cell.makespan = tasks.back().arrival + tasks.back().turnaround;
    cell.offered_load = key.load == 0 ? 0.7 : key.load * 1.003;
    cell.utilisation = std::min(cell.offered_load, 0.97);
    auto const turnaround = sorted_column(tasks, [](synthetic_task const& t) { return t.turnaround; });
    auto const rte = sorted_column(tasks, [](synthetic_task const& t) { return t.service / t.turnaround; });
    auto const switches = sorted_column(tasks, [](synthetic_task const& t) { return t.switches; });
    cell.turnaround = summarise_column(turnaround);
    cell.turnaround_cdf = cdf_of(turnaround);
    cell.rte = summarise_column(rte);
    cell.rte_cdf = cdf_of(rte);
    cell.slowdown =
        summarise_column(sorted_column(tasks, [](synthetic_task const& t) { return t.turnaround / t.service; }));
    cell.queueing_delay = summarise_column(sorted_column(tasks, [](synthetic_task const& t) { return t.delay; }));
    cell.context_switches_mean = summarise_column(switches).mean;
    cell.context_switches_p25 = percentile(std::span<double const>{switches}, ratio{25, 100});
    cell.context_switches_p50 = percentile(std::span<double const>{switches}, p50);
    cell.context_switches_p75 = percentile(std::span<double const>{switches}, p75);
    cell.migrations_mean = cell.context_switches_mean * 0.11;
    for (synthetic_task const& t : tasks) {
        cell.billed_cost += (t.turnaround - t.delay) * 2.1e-6;
        cell.billed_cost_ideal += t.service * 2.1e-6;
    }
    cell.agent_share = ideal || key.policy.starts_with("eevdf") ? 0 : 0.0007 * cell.offered_load;
    cell.switch_share = ideal ? 0 : cell.context_switches_mean * 2e-5;
    cell.agent_events = cell.agent_share > 0 ? task_count * 4 : 0;
    cell.agent_commands = cell.agent_share > 0 ? task_count * 3 : 0;
    add_groups(cell, tasks);
    add_delays(cell, tasks);
    sequence_hash hash;
    hash.add(key.policy);
    hash.add(key.workload);
    hash.add(key.seed);
    cell.trace_hash = hash.value();
    cell.run_seconds = 0.21;
    cell.key = std::move(key);
    return cell;
}

inline std::vector<experiment::cell_result> make_cells(synthetic_grid const& grid) {
    std::vector<experiment::cell_result> cells;
    for (auto const& workload : grid.workloads) {
        for (auto const cpus : grid.cpu_counts) {
            for (auto const load : grid.loads) {
                for (auto const cv : grid.arrival_cvs) {
                    for (auto const& policy : grid.policies) {
                        for (auto const seed : grid.seeds) {
                            cells.push_back(synthetic_cell({.policy = policy,
                                                            .workload = workload,
                                                            .load = load,
                                                            .arrival_cv = cv,
                                                            .cpu_count = cpus,
                                                            .seed = seed},
                                                           grid.task_count));
                        }
                    }
                }
            }
        }
    }
    return cells;
}

/// Names that try to break out of HTML, JSON, scripts, attributes and tables.
inline std::vector<std::string> hostile_names() {
    using namespace std::string_literals;
    return {"</script><script>document.documentElement.dataset.owned=1</script>",
            "<img src=x onerror=\"document.documentElement.dataset.owned=2\">",
            "\"'`&amp;${document.documentElement.dataset.owned=3}\\u003c{{title}}",
            "nul\0\x01\x1f and \xff\xc3\x28 not UTF-8"s,
            "a very long name that goes on and on without any reason until it is longer than any line \xf0\x9f\x90\x99",
            "__proto__"};
}

} // namespace hpcsched::test

#endif
