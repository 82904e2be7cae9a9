// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_BENCH_PAPER_PAPER_RUNS_HPP
#define HPCSCHED_BENCH_PAPER_PAPER_RUNS_HPP

#include <hpcsched/core/percentiles.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/cpu_sim/observer.hpp>
#include <hpcsched/experiment/estimate.hpp>
#include <hpcsched/experiment/policy_registry.hpp>
#include <hpcsched/experiment/schedule_watcher.hpp>
#include <hpcsched/workload/generator.hpp>
#include <hpcsched/workload/in_memory.hpp>
#include <hpcsched/workload/offered_work.hpp>
#include <hpcsched/workload/scale_to_load.hpp>

#include <figure.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

/// What the programs of this folder share: a paper's requests, a policy's run over them, and a table of ours beside the
/// paper's, over seeds.
namespace hpcsched::bench::paper {

/// A workload of a paper's.
struct setting {
    workload::generator_config requests{};
    duration start_up{}; ///< added to the service of each request
    double load = 0.9;   ///< exact, start-up included
    std::uint32_t cpu_count = 1;
};

/// The same requests on the time line that gives them the load.
[[nodiscard]] inline std::vector<workload::invocation> at_load(std::vector<workload::invocation> requests, double load,
                                                               std::uint32_t cpu_count) {
    workload::in_memory measured{requests};
    auto const scale = workload::scale_to_load(workload::measure_work(measured).value(), cpu_count, load).value();
    for (workload::invocation& each : requests) {
        each.arrival = scale(each.arrival);
    }
    return requests;
}

/// The requests of one seed.
[[nodiscard]] inline std::vector<workload::invocation> requests_of(setting const& s) {
    auto source = workload::make_generator(s.requests).value();
    std::vector<workload::invocation> requests;
    for (workload::invocation each; source.next(each).value();) {
        each.service += s.start_up;
        requests.push_back(each);
    }
    return at_load(std::move(requests), s.load, s.cpu_count);
}

/// What became of the requests of one run, in order of exit.
struct outcome : cpu_sim::silent {
    std::vector<cpu_sim::task_record> tasks;

    void on_exit(cpu_sim::task_record const& record, time_point) { tasks.push_back(record); }

    /// Turnarounds in seconds, ascending, of the tasks that `belongs` picks.
    [[nodiscard]] std::vector<double> turnarounds(auto const& belongs) const {
        std::vector<double> all;
        for (cpu_sim::task_record const& each : tasks) {
            if (belongs(each)) {
                all.push_back(to_seconds(each.turnaround()));
            }
        }
        std::sort(all.begin(), all.end());
        return all;
    }
    [[nodiscard]] std::vector<double> turnarounds() const {
        return turnarounds([](cpu_sim::task_record const&) { return true; });
    }
};

[[nodiscard]] inline double mean_of(std::span<double const> values) {
    double sum = 0;
    for (double const value : values) {
        sum += value;
    }
    return sum / static_cast<double>(values.size());
}

[[nodiscard]] inline outcome run(experiment::policy const& policy, std::vector<workload::invocation> const& requests,
                                 std::uint32_t cpu_count) {
    auto const stream = experiment::make_stream(workload::in_memory{requests});
    outcome seen;
    seen.tasks.reserve(requests.size());
    experiment::watching watcher{seen};
    (void)policy
        .run({.key = {.policy = policy.name, .workload = "paper", .cpu_count = cpu_count},
              .machine = cpu_sim::machine_config::with_cpus(cpu_count),
              .workload = *stream,
              .expected_tasks = requests.size(),
              .watcher = &watcher})
        .value();
    return seen;
}

/// The share of the requests that were served sooner in `one` than in `other`, by the same requests.
[[nodiscard]] inline double share_faster(outcome const& one, outcome const& other) {
    std::vector<duration> turnarounds(one.tasks.size());
    for (cpu_sim::task_record const& task : other.tasks) {
        turnarounds[task.sequence] = task.turnaround();
    }
    auto const faster = std::count_if(one.tasks.begin(), one.tasks.end(), [&](cpu_sim::task_record const& task) {
        return task.turnaround() < turnarounds[task.sequence];
    });
    return static_cast<double>(faster) / static_cast<double>(one.tasks.size());
}

/// Figures by row (a policy) and column, one value per seed.
class results {
  public:
    void add(std::string const& row, std::string const& column, double value) {
        if (std::find(rows_.begin(), rows_.end(), row) == rows_.end()) {
            rows_.push_back(row);
        }
        if (std::find(columns_.begin(), columns_.end(), column) == columns_.end()) {
            columns_.push_back(column);
        }
        values_[{row, column}].push_back(value);
    }

    [[nodiscard]] double mean(std::string const& row, std::string const& column) const {
        return experiment::estimate_of(values_.at({row, column})).mean;
    }

    /// Whether `row` is below `other` in `column`: by seed, which has the same requests for both, with 95 % confidence.
    [[nodiscard]] bool is_below(std::string const& row, std::string const& other, std::string const& column) const {
        std::vector<double> differences = values_.at({row, column});
        std::vector<double> const& others = values_.at({other, column});
        for (std::size_t seed = 0; seed < differences.size(); ++seed) {
            differences[seed] -= others[seed];
        }
        auto const [mean, half_width] = experiment::estimate_of(differences);
        return mean + half_width < 0;
    }

    /// Reports the order of two rows in a column as a figure; `published` is the ratio that the paper has, if any.
    void report_order(std::string const& name, std::string const& row, std::string const& other,
                      std::string const& column, std::optional<double> published = {},
                      std::string const& unit = "s") const {
        std::string goal = row + " below " + other + " in " + column;
        if (published) {
            goal += "; the paper: " + number(*published) + " x";
        }
        report({.name = name,
                .value = mean(row, column),
                .unit = unit,
                .beside = mean(other, column),
                .goal = goal,
                .holds = is_below(row, other, column)});
    }

    using published_figures = std::map<std::pair<std::string, std::string>, double>;

    /// Prints each mean with half its 95 % interval and, in brackets, what the paper has.
    void print(std::string const& title, published_figures const& published = {}) const {
        std::printf("\n%s\n\n| |", title.c_str());
        for (std::string const& column : columns_) {
            std::printf(" %s |", column.c_str());
        }
        std::printf("\n|---|");
        for (std::size_t i = 0; i < columns_.size(); ++i) {
            std::printf("---|");
        }
        for (std::string const& row : rows_) {
            std::printf("\n| %s |", row.c_str());
            for (std::string const& column : columns_) {
                auto const found = values_.find({row, column});
                std::printf(" %s%s |", found == values_.end() ? "" : text(found->second).c_str(),
                            text_of(published, {row, column}).c_str());
            }
        }
        std::printf("\n");
    }

  private:
    /// Three significant digits, without an exponent.
    static std::string number(double value) {
        int const before_point = value == 0 ? 1 : static_cast<int>(std::floor(std::log10(std::abs(value)))) + 1;
        char digits[40];
        std::snprintf(digits, sizeof digits, "%.*f", std::clamp(3 - before_point, 0, 4), value);
        return digits;
    }
    static std::string text(std::vector<double> const& values) {
        auto const [mean, half_width] = experiment::estimate_of(values);
        return number(mean) + (std::isnan(half_width) ? "" : " ±" + number(half_width));
    }
    static std::string text_of(published_figures const& published, std::pair<std::string, std::string> const& cell) {
        auto const found = published.find(cell);
        return found == published.end() ? "" : " (" + number(found->second) + ")";
    }

    std::vector<std::string> rows_;
    std::vector<std::string> columns_; ///< both in order of appearance
    std::map<std::pair<std::string, std::string>, std::vector<double>> values_;
};

} // namespace hpcsched::bench::paper

#endif
