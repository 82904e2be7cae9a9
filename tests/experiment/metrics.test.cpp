// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/core/percentiles.hpp>
#include <hpcsched/core/random.hpp>
#include <hpcsched/experiment/metrics.hpp>
#include <hpcsched/experiment/price_model.hpp>

#include <boost/random/uniform_int_distribution.hpp>
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <map>
#include <utility>
#include <vector>

namespace hpcsched::experiment {

using namespace std::chrono_literals;
using cpu_sim::run_summary;
using cpu_sim::task_record;

namespace {

cell_key one_cpu() {
    return {.policy = "p", .workload = "w"};
}

/// A task that ran without a break once it had begun.
task_record ran(std::uint32_t index, duration arrival, duration waited, duration service) {
    task_record record;
    record.task = {index, 0};
    record.sequence = index;
    record.arrival = time_point{arrival};
    record.first_run = record.arrival + waited;
    record.exit = record.first_run + service;
    record.service = service;
    record.cpu_time = service;
    return record;
}

cell_result report_of(std::vector<task_record> const& records, run_summary const& summary = {},
                      cell_key key = one_cpu()) {
    metrics observed{records.size()};
    for (task_record const& record : records) {
        observed.on_arrival(record.task, record.function, record.arrival);
    }
    for (task_record const& record : records) {
        observed.on_exit(record, record.exit);
    }
    return observed.report(std::move(key), summary);
}

std::vector<task_record> random_records(std::size_t count, std::uint64_t seed) {
    random_stream bits{seed, "records"};
    boost::random::uniform_int_distribution<std::int64_t> length{1, 2'000'000'000};
    std::vector<task_record> records;
    for (std::size_t i = 0; i < count; ++i) {
        task_record record = ran(static_cast<std::uint32_t>(i), duration{static_cast<std::int64_t>(i) * 1'000'000},
                                 duration{length(bits)}, duration{length(bits)});
        record.context_switches = static_cast<std::uint32_t>(length(bits) % 40);
        records.push_back(record);
    }
    return records;
}

} // namespace

TEST_CASE("metrics: turnaround, slowdown, RTE and queueing delay are those of SFS section 2 and ALPS section 5") {
    task_record blocked = ran(1, 10ms, 5ms, 20ms); // waits 5, runs 20, blocks 15, and waits 10 more
    blocked.blocked = 15ms;
    blocked.exit += 25ms;
    cell_result const cell = report_of({ran(0, 0ms, 0ms, 100ms), blocked});
    CHECK(cell.task_count == 2);
    CHECK(cell.turnaround.mean == doctest::Approx(0.075));
    CHECK(cell.turnaround.p50 == doctest::Approx(0.050));
    CHECK(cell.turnaround.max == doctest::Approx(0.100));
    CHECK(cell.slowdown.p50 == doctest::Approx(1.0));
    CHECK(cell.slowdown.max == doctest::Approx(50.0 / 35.0));
    CHECK(cell.rte.p50 == doctest::Approx(20.0 / 50.0));
    CHECK(cell.rte.max == doctest::Approx(1.0));
    CHECK(cell.queueing_delay.max == doctest::Approx(0.005));
    CHECK(cell.queueing_delay.mean == doctest::Approx(0.0025));
    CHECK(cell.makespan == doctest::Approx(0.100));
}

TEST_CASE("metrics: percentiles are exact by nearest rank") {
    std::vector<task_record> const records = random_records(10'007, 1);
    cell_result const cell = report_of(records);
    std::vector<double> turnarounds, slowdowns, switches;
    for (task_record const& record : records) {
        turnarounds.push_back(to_seconds(record.turnaround()));
        slowdowns.push_back(to_seconds(record.turnaround()) / to_seconds(record.ideal()));
        switches.push_back(record.context_switches);
    }
    auto const nearest_rank = [](std::vector<double> values, double share) {
        std::sort(values.begin(), values.end());
        auto const n = static_cast<double>(values.size());
        std::size_t rank = 0; // the first value that at least that share of all do not exceed
        while (static_cast<double>(rank + 1) < share * n - 1e-6) {
            ++rank;
        }
        return values[rank];
    };
    CHECK(cell.turnaround.p50 == doctest::Approx(nearest_rank(turnarounds, 0.5)).epsilon(1e-12));
    CHECK(cell.turnaround.p99 == doctest::Approx(nearest_rank(turnarounds, 0.99)).epsilon(1e-12));
    CHECK(cell.turnaround.p999 == doctest::Approx(nearest_rank(turnarounds, 0.999)).epsilon(1e-12));
    CHECK(cell.turnaround.p9999 == doctest::Approx(nearest_rank(turnarounds, 0.9999)).epsilon(1e-12));
    CHECK(cell.slowdown.p95 == doctest::Approx(nearest_rank(slowdowns, 0.95)).epsilon(1e-12));
    CHECK(cell.slowdown.p75 == doctest::Approx(nearest_rank(slowdowns, 0.75)).epsilon(1e-12));
    CHECK(cell.context_switches_p25 == nearest_rank(switches, 0.25));
    CHECK(cell.context_switches_p50 == nearest_rank(switches, 0.5));
    CHECK(cell.context_switches_p75 == nearest_rank(switches, 0.75));
}

TEST_CASE("metrics: the order of exits changes nothing") {
    std::vector<task_record> records = random_records(500, 2);
    cell_result const first = report_of(records);
    std::reverse(records.begin(), records.end());
    cell_result const second = report_of(records);
    CHECK(first.turnaround.mean == second.turnaround.mean);
    CHECK(first.slowdown.mean == second.slowdown.mean);
    CHECK(first.rte.p99 == second.rte.p99);
}

TEST_CASE("metrics: a curve has at most 200 points, each with its true share, up to the last task") {
    for (std::size_t const count :
         {std::size_t{1}, std::size_t{7}, std::size_t{199}, std::size_t{200}, std::size_t{30'000}}) {
        std::vector<task_record> const records = random_records(count, 3);
        cell_result const cell = report_of(records);
        std::vector<double> turnarounds;
        for (task_record const& record : records) {
            turnarounds.push_back(to_seconds(record.turnaround()));
        }
        REQUIRE(!cell.turnaround_cdf.empty());
        CHECK(cell.turnaround_cdf.size() <= 200);
        CHECK(cell.turnaround_cdf.back().share == 1.0);
        CHECK(cell.turnaround_cdf.back().value == doctest::Approx(cell.turnaround.max));
        for (std::size_t i = 0; i < cell.turnaround_cdf.size(); ++i) {
            cdf_point const& point = cell.turnaround_cdf[i];
            auto const below = std::count_if(turnarounds.begin(), turnarounds.end(),
                                             [&](double t) { return t <= point.value * (1 + 1e-12); });
            CHECK(point.share == doctest::Approx(static_cast<double>(below) / static_cast<double>(count)));
            if (i > 0) {
                CHECK(cell.turnaround_cdf[i - 1].value < point.value);
            }
        }
    }
}

TEST_CASE("metrics: a curve of equal values is one point") {
    std::vector<task_record> records;
    for (std::uint32_t i = 0; i < 1000; ++i) {
        records.push_back(ran(i, 0ms, 0ms, 10ms));
    }
    cell_result const cell = report_of(records);
    REQUIRE(cell.turnaround_cdf.size() == 1);
    CHECK(cell.turnaround_cdf.front().share == 1.0);
    CHECK(cell.rte_cdf.front().value == 1.0);
}

TEST_CASE("metrics: groups go by service demand with ALPS's bounds, table 1") {
    cell_result const cell =
        report_of({ran(0, 0ms, 0ms, 49'999'999ns), ran(1, 0ms, 50ms, 50ms), ran(2, 0ms, 0ms, 199ms),
                   ran(3, 0ms, 0ms, 200ms), ran(4, 0ms, 0ms, 400ms), ran(5, 0ms, 0ms, 1h)});
    REQUIRE(cell.groups.size() == 4);
    CHECK(cell.groups[0].name == "G1");
    CHECK(cell.groups[0].task_count == 1);
    CHECK(cell.groups[1].task_count == 2);
    CHECK(cell.groups[1].turnaround.p50 == doctest::Approx(0.100));
    CHECK(cell.groups[1].slowdown.max == doctest::Approx(2.0));
    CHECK(cell.groups[1].service_from == doctest::Approx(0.050));
    CHECK(cell.groups[1].service_to == doctest::Approx(0.200));
    CHECK(cell.groups[2].task_count == 1);
    CHECK(cell.groups[3].task_count == 2);
    CHECK(cell.groups[3].service_to == std::numeric_limits<double>::infinity());
}

TEST_CASE("metrics: a group without tasks is left out") {
    cell_result const cell = report_of({ran(0, 0ms, 0ms, 300ms)});
    REQUIRE(cell.groups.size() == 1);
    CHECK(cell.groups[0].name == "G3");
}

TEST_CASE("metrics: no task at all is a result without figures") {
    cell_result const cell = report_of({});
    CHECK(cell.task_count == 0);
    CHECK(cell.turnaround.mean == 0.0);
    CHECK(cell.groups.empty());
    CHECK(cell.turnaround_cdf.empty());
}

TEST_CASE("metrics: shares of the machine come from its summary and its CPUs") {
    run_summary summary;
    summary.busy = 150ms;
    summary.agent_time = 20ms;
    summary.switch_time = 6ms;
    summary.migration_time = 4ms;
    summary.agent_events = 7;
    summary.agent_commands = 9;
    cell_key key = one_cpu();
    key.cpu_count = 2;
    cell_result const cell = report_of({ran(0, 0ms, 0ms, 50ms), ran(1, 60ms, 0ms, 40ms)}, summary, key);
    CHECK(cell.utilisation == doctest::Approx(0.75)); // of 2 CPUs for 100 ms
    CHECK(cell.agent_share == doctest::Approx(0.1));
    CHECK(cell.switch_share == doctest::Approx(0.05));
    CHECK(cell.offered_load == doctest::Approx(0.75)); // 90 ms in 60 ms on 2 CPUs
    CHECK(cell.agent_events == 7);
    CHECK(cell.agent_commands == 9);
}

TEST_CASE("metrics: billed is the wall time from the first instruction, in started milliseconds") {
    task_record waited = ran(0, 0ms, 900ms, 99'000'001ns);
    waited.memory_mb = 512;
    task_record slowed = ran(1, 0ms, 0ms, 100ms);
    slowed.blocked = 20ms;
    slowed.exit += 50ms;
    cell_result const cell = report_of({waited, slowed});
    CHECK(cell.billed_cost * 1e9 == doctest::Approx(100 * 8.3 + 150 * 2.1)); // Approx is coarse near 0
    CHECK(cell.billed_cost_ideal * 1e9 == doctest::Approx(100 * 8.3 + 120 * 2.1));
}

TEST_CASE("price_model: published sizes cost what is published, others lie between, unknown is the smallest") {
    CHECK(price_model::dollars_per_ms(128) == 2.1e-9);
    CHECK(price_model::dollars_per_ms(512) == 8.3e-9);
    CHECK(price_model::dollars_per_ms(1024) == 1.67e-8);
    CHECK(price_model::dollars_per_ms(1536) == 2.5e-8);
    CHECK(price_model::dollars_per_ms(0) == 2.1e-9);
    CHECK(price_model::dollars_per_ms(64) == 2.1e-9);
    CHECK(price_model::dollars_per_ms(768) * 1e9 == doctest::Approx((8.3 + 16.7) / 2));
    CHECK(price_model::dollars_per_ms(3072) * 1e9 == doctest::Approx(50));
    CHECK(price_model::dollars(0ns, 128) == 2.1e-9);
    CHECK(price_model::dollars(1ms, 128) == 2.1e-9);
    CHECK(price_model::dollars(1'000'001ns, 128) == 4.2e-9);
}

TEST_CASE("delay_series: any length of run fits 200 intervals, and nothing is lost by halving") {
    delay_series series;
    random_stream bits{4, "delays"};
    boost::random::uniform_int_distribution<std::int64_t> delay{0, 1'000'000'000};
    std::vector<std::pair<std::int64_t, std::int64_t>> added; // arrival, delay
    for (std::int64_t i = 0; i < 5'000; ++i) {
        std::int64_t const arrival = (i * 7919 % 5'000) * 777'777; // out of order, up to 3.9 s
        added.emplace_back(arrival, delay(bits));
        series.add(time_point{duration{arrival}}, duration{added.back().second});
    }
    std::vector<delay_point> const points = series.points();
    REQUIRE(points.size() > 100);
    CHECK(points.size() <= delay_series::interval_count_max);
    auto const length = static_cast<std::int64_t>((points[1].at - points[0].at) * 1e9 + 0.5);
    std::map<std::int64_t, std::vector<std::int64_t>> expected;
    for (auto const& [arrival, waited] : added) {
        expected[arrival / length].push_back(waited);
    }
    for (std::size_t i = 0; i < points.size(); ++i) {
        auto const& in_it = expected[static_cast<std::int64_t>(i)];
        CHECK(points[i].arrivals == in_it.size());
        if (!in_it.empty()) {
            double sum = 0;
            for (std::int64_t const waited : in_it) {
                sum += static_cast<double>(waited);
            }
            CHECK(points[i].mean_delay == doctest::Approx(sum * 1e-9 / static_cast<double>(in_it.size())));
            CHECK(points[i].max_delay ==
                  doctest::Approx(static_cast<double>(*std::max_element(in_it.begin(), in_it.end())) * 1e-9));
        }
    }
}

TEST_CASE("delay_series: two weeks of arrivals take as many intervals as a second") {
    delay_series series;
    series.add(time_point{0s}, 1ms);
    series.add(time_point{336h}, 3ms);
    std::vector<delay_point> const points = series.points();
    CHECK(points.size() <= delay_series::interval_count_max);
    CHECK(points.front().mean_delay == doctest::Approx(0.001));
    CHECK(points.back().max_delay == doctest::Approx(0.003));
    CHECK(points.back().at <= 336 * 3600.0);
}

} // namespace hpcsched::experiment
