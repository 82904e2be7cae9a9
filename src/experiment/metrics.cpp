// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/core/percentiles.hpp>
#include <hpcsched/experiment/metrics.hpp>
#include <hpcsched/experiment/price_model.hpp>

#include <boost/sort/spreadsort/float_sort.hpp>
#include <boost/sort/spreadsort/integer_sort.hpp>

#include <algorithm>
#include <cmath>
#include <concepts>
#include <iterator>
#include <limits>
#include <span>
#include <string>
#include <utility>

namespace hpcsched::experiment {
namespace {

constexpr std::size_t cdf_body_points = 160; // evenly spread up to 99 %
constexpr std::size_t cdf_tail_points = 39;  // geometrically from 99 % to the last task
constexpr double nanoseconds = 1e-9;

/// One quantity of all tasks, sorted, with the factor that turns it into the reported unit.
template <class Value>
class column {
  public:
    column(std::vector<Value> values, double unit) : values_{std::move(values)}, unit_{unit} {
        if constexpr (std::floating_point<Value>) {
            boost::sort::spreadsort::float_sort(values_.begin(), values_.end());
        } else {
            boost::sort::spreadsort::integer_sort(values_.begin(), values_.end());
        }
    }

    [[nodiscard]] double at(ratio share) const {
        return values_.empty() ? 0.0 : reported(percentile(std::span<Value const>{values_}, share));
    }

    // Summed in ascending order, so that the result does not depend on the order of exits.
    [[nodiscard]] double mean() const {
        double sum = 0;
        for (Value const value : values_) {
            sum += static_cast<double>(value);
        }
        return values_.empty() ? 0.0 : sum * unit_ / static_cast<double>(values_.size());
    }

    [[nodiscard]] distribution summarise() const {
        return {.mean = mean(),
                .p50 = at(p50),
                .p75 = at(p75),
                .p90 = at(p90),
                .p95 = at(p95),
                .p99 = at(p99),
                .p999 = at(p999),
                .p9999 = at(p9999),
                .max = at(ratio{1, 1})};
    }

    /// Points of the exact distribution function, denser towards its upper end.
    [[nodiscard]] std::vector<cdf_point> cdf() const {
        std::vector<cdf_point> points;
        std::size_t const n = values_.size();
        if (n <= cdf_body_points + cdf_tail_points) {
            for (std::size_t rank = 1; rank <= n; ++rank) {
                add_rank(points, rank);
            }
            return points;
        }
        auto const last = static_cast<double>(n);
        for (std::size_t i = 1; i <= cdf_body_points; ++i) {
            add_rank(points, (n * 99 * i) / (cdf_body_points * 100));
        }
        for (std::size_t i = 1; i <= cdf_tail_points; ++i) {
            double const step = static_cast<double>(i) / static_cast<double>(cdf_tail_points);
            double const beyond = 0.01 * std::pow(100.0 / last, step);
            add_rank(points, static_cast<std::size_t>(std::llround(last * (1.0 - beyond))));
        }
        add_rank(points, n);
        return points;
    }

  private:
    [[nodiscard]] double reported(Value value) const { return static_cast<double>(value) * unit_; }

    /// Adds the value of that rank with its true share: equal values after it belong to it.
    void add_rank(std::vector<cdf_point>& points, std::size_t rank) const {
        Value const value = values_[std::clamp<std::size_t>(rank, 1, values_.size()) - 1];
        if (!points.empty() && points.back().value >= reported(value)) {
            return;
        }
        auto const not_above = std::upper_bound(values_.begin(), values_.end(), value) - values_.begin();
        points.push_back({reported(value), static_cast<double>(not_above) / static_cast<double>(values_.size())});
    }

    std::vector<Value> values_;
    double unit_;
};

template <class Samples, class Project>
auto column_of(Samples const& samples, double unit, Project project) {
    using value = decltype(project(*samples.begin()));
    std::vector<value> values;
    values.reserve(samples.size());
    for (auto const& sample : samples) {
        values.push_back(project(sample));
    }
    return column<value>{std::move(values), unit};
}

std::uint32_t group_of(duration service) noexcept {
    std::uint32_t group = 0;
    while (group < group_bounds.size() && service >= group_bounds[group]) {
        ++group;
    }
    return group;
}

} // namespace

void delay_series::add(time_point arrival, duration delay) {
    std::int64_t const at = arrival.time_since_epoch().count();
    while (at / length_ >= static_cast<std::int64_t>(interval_count_max)) {
        halve();
    }
    auto const index = static_cast<std::size_t>(at / length_);
    if (index >= intervals_.size()) {
        intervals_.resize(index + 1);
    }
    interval& into = intervals_[index];
    into.sum += static_cast<double>(delay.count());
    into.largest = std::max(into.largest, delay.count());
    ++into.count;
}

void delay_series::halve() {
    for (std::size_t i = 0; i < intervals_.size(); i += 2) {
        interval merged = intervals_[i];
        if (i + 1 < intervals_.size()) {
            merged.sum += intervals_[i + 1].sum;
            merged.largest = std::max(merged.largest, intervals_[i + 1].largest);
            merged.count += intervals_[i + 1].count;
        }
        intervals_[i / 2] = merged;
    }
    intervals_.resize((intervals_.size() + 1) / 2);
    length_ *= 2;
}

std::vector<delay_point> delay_series::points() const {
    std::vector<delay_point> result;
    result.reserve(intervals_.size());
    for (std::size_t i = 0; i < intervals_.size(); ++i) {
        interval const& from = intervals_[i];
        result.push_back(
            {.at = static_cast<double>(i) * static_cast<double>(length_) * nanoseconds,
             .mean_delay = from.count == 0 ? 0.0 : from.sum * nanoseconds / static_cast<double>(from.count),
             .max_delay = static_cast<double>(from.largest) * nanoseconds,
             .arrivals = from.count});
    }
    return result;
}

metrics::metrics(std::uint64_t expected_tasks) {
    samples_.reserve(static_cast<std::size_t>(expected_tasks));
}

void metrics::on_arrival(task_id, function_id, time_point now) noexcept {
    first_arrival_ = std::min(first_arrival_, now);
    last_arrival_ = std::max(last_arrival_, now);
}

void metrics::on_exit(cpu_sim::task_record const& record, time_point) {
    auto const turnaround = static_cast<double>(record.turnaround().count());
    duration const delay = record.first_run - record.arrival;
    samples_.push_back({.turnaround = record.turnaround().count(),
                        .delay = delay.count(),
                        .slowdown = turnaround / static_cast<double>(record.ideal().count()),
                        .rte = static_cast<double>(record.cpu_time.count()) / turnaround,
                        .context_switches = record.context_switches,
                        .group = group_of(record.service)});
    delays_.add(record.arrival, delay);
    service_ += static_cast<std::uint64_t>(record.service.count());
    migrations_ += record.migrations;
    billed_ += price_model::dollars(record.exit - record.first_run, record.memory_mb);
    billed_ideal_ += price_model::dollars(record.ideal(), record.memory_mb);
    last_exit_ = std::max(last_exit_, record.exit);
}

cell_result metrics::report(cell_key key, cpu_sim::run_summary const& summary) const {
    cell_result result;
    result.task_count = samples_.size();
    auto const cpus = static_cast<double>(key.cpu_count);
    result.key = std::move(key);
    result.agent_events = summary.agent_events;
    result.agent_commands = summary.agent_commands;
    if (samples_.empty()) {
        return result;
    }
    result.makespan = to_seconds(last_exit_ - first_arrival_);
    double const machine_seconds = result.makespan * cpus;
    double const arrival_seconds = to_seconds(last_arrival_ - first_arrival_) * cpus;
    result.offered_load = arrival_seconds > 0 ? static_cast<double>(service_) * nanoseconds / arrival_seconds : 0.0;
    if (machine_seconds > 0) {
        result.utilisation = to_seconds(summary.busy) / machine_seconds;
        result.agent_share = to_seconds(summary.agent_time) / machine_seconds;
        result.switch_share = to_seconds(summary.switch_time + summary.migration_time) / machine_seconds;
    }
    result.migrations_mean = static_cast<double>(migrations_) / static_cast<double>(samples_.size());
    result.billed_cost = billed_;
    result.billed_cost_ideal = billed_ideal_;
    report_shape(result);
    for (std::uint32_t group = 0; group <= group_bounds.size(); ++group) {
        if (group_result part = report_group(group); part.task_count > 0) {
            result.groups.push_back(std::move(part));
        }
    }
    result.delay_over_time = delays_.points();
    return result;
}

void metrics::report_shape(cell_result& result) const {
    {
        auto const turnaround = column_of(samples_, nanoseconds, [](sample const& s) { return s.turnaround; });
        result.turnaround = turnaround.summarise();
        result.turnaround_cdf = turnaround.cdf();
    }
    {
        auto const rte = column_of(samples_, 1.0, [](sample const& s) { return s.rte; });
        result.rte = rte.summarise();
        result.rte_cdf = rte.cdf();
    }
    result.slowdown = column_of(samples_, 1.0, [](sample const& s) { return s.slowdown; }).summarise();
    result.queueing_delay = column_of(samples_, nanoseconds, [](sample const& s) { return s.delay; }).summarise();
    auto const switches = column_of(samples_, 1.0, [](sample const& s) { return s.context_switches; });
    result.context_switches_mean = switches.mean();
    result.context_switches_p25 = switches.at(ratio{25, 100});
    result.context_switches_p50 = switches.at(p50);
    result.context_switches_p75 = switches.at(p75);
}

group_result metrics::report_group(std::uint32_t group) const {
    std::vector<sample> members;
    std::copy_if(samples_.begin(), samples_.end(), std::back_inserter(members),
                 [group](sample const& s) { return s.group == group; });
    group_result result;
    result.name.push_back('G');
    result.name.push_back(static_cast<char>('1' + group));
    result.service_from = group == 0 ? 0.0 : to_seconds(group_bounds[group - 1]);
    result.service_to =
        group < group_bounds.size() ? to_seconds(group_bounds[group]) : std::numeric_limits<double>::infinity();
    result.task_count = members.size();
    if (!members.empty()) {
        result.turnaround = column_of(members, nanoseconds, [](sample const& s) { return s.turnaround; }).summarise();
        result.slowdown = column_of(members, 1.0, [](sample const& s) { return s.slowdown; }).summarise();
        auto const switches = column_of(members, 1.0, [](sample const& s) { return s.context_switches; });
        result.context_switches_p25 = switches.at(ratio{25, 100});
        result.context_switches_p50 = switches.at(p50);
        result.context_switches_p75 = switches.at(p75);
    }
    return result;
}

} // namespace hpcsched::experiment
