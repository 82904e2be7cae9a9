// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/experiment/grid_workloads.hpp>
#include <hpcsched/workload/generator.hpp>

#include <doctest/doctest.h>

#include "temporary_folder.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

namespace hpcsched::experiment {

using test::temporary_folder;
using test::write_text;

namespace {

std::vector<workload::invocation> all_of(grid_workload const& workload, cell_key const& key) {
    auto const stream = workload.open(key);
    REQUIRE(stream.has_value());
    std::vector<workload::invocation> all;
    workload::invocation one;
    for (auto more = (*stream)->next(one); more.has_value() && *more; more = (*stream)->next(one)) {
        all.push_back(one);
    }
    return all;
}

double load_of(std::vector<workload::invocation> const& all, std::uint32_t cpus) {
    double service = 0;
    for (workload::invocation const& one : all) {
        service += to_seconds(one.service);
    }
    return service / (to_seconds(all.back().arrival - all.front().arrival) * cpus);
}

double arrival_cv_of(std::vector<workload::invocation> const& all) {
    double sum = 0, squares = 0;
    auto const gaps = static_cast<double>(all.size() - 1);
    for (std::size_t i = 1; i < all.size(); ++i) {
        double const gap = to_seconds(all[i].arrival - all[i - 1].arrival);
        sum += gap;
        squares += gap * gap;
    }
    double const mean = sum / gaps;
    return std::sqrt(std::max(0.0, squares / gaps - mean * mean)) / mean;
}

/// 4,000 invocations of two functions, 30 ms apart, from the second hour on.
std::string two_functions() {
    std::string text = "arrival_ns,function,service_ns,memory_mb,blocking\n";
    for (std::int64_t i = 0; i < 4000; ++i) {
        text += std::to_string(3'600'000'000'000 + i * 30'000'000) +
                (i % 2 == 0 ? ",short,10000000" : ",long,90000000") + ",128,\n";
    }
    return text;
}

recorded_trace recorded(recorded_config config) {
    auto trace = recorded_workload(std::move(config));
    REQUIRE(trace.has_value());
    return std::move(*trace);
}

} // namespace

TEST_CASE("grid_workloads: a burst length waits for the CV of a cell, and is refused where there are no bursts") {
    auto const made = generated_workload({.from = workload::preset::sfs_test1, .count = 20'000, .burst_length = 50});
    REQUIRE(made.has_value());
    cell_key key{.load = 0.8, .arrival_cv = 2.33, .cpu_count = 12, .seed = 7};
    auto const clustered = all_of(*made, key);
    auto const anew = all_of(*generated_workload({.from = workload::preset::sfs_test1, .count = 20'000}), key);
    // Single gaps are as variable either way; the time of a hundred is more so where neighbours are alike.
    auto const cv_of_hundreds = [](std::vector<workload::invocation> all) {
        std::erase_if(all, [i = 0](auto const&) mutable { return i++ % 100 != 0; });
        return arrival_cv_of(all);
    };
    CHECK(cv_of_hundreds(clustered) > 2 * cv_of_hundreds(anew));
    key.arrival_cv = 0;
    REQUIRE(made->open(key).has_error());
    CHECK(made->open(key).error().message.find("burst length is for bursty arrivals with a cv above 1") == 0);
}

TEST_CASE("grid_workloads: a preset has the load, the arrival CV and the seed of its cell") {
    auto const made = generated_workload({.from = workload::preset::sfs_test1, .count = 30'000});
    REQUIRE(made.has_value());
    CHECK(made->name == "sfs-test1");
    CHECK(made->expected_tasks == 30'000);
    cell_key key{.load = 0.8, .cpu_count = 12, .seed = 7};
    auto const plain = all_of(*made, key);
    CHECK(plain.size() == 30'000);
    CHECK(load_of(plain, 12) == doctest::Approx(0.8).epsilon(0.03));
    CHECK(arrival_cv_of(plain) == doctest::Approx(1.0).epsilon(0.05));
    CHECK(all_of(*made, key) == plain);
    key.arrival_cv = 2.33;
    auto const bursty = all_of(*made, key);
    CHECK(arrival_cv_of(bursty) == doctest::Approx(2.33).epsilon(0.1));
    CHECK(bursty[100].service == plain[100].service); // only the arrivals differ
    key.seed = 8;
    CHECK(all_of(*made, key) != bursty);
}

TEST_CASE("grid_workloads: a preset names its functions in order of appearance") {
    auto const made = generated_workload({.from = workload::preset::sfs_test1, .count = 500});
    REQUIRE(made.has_value());
    cell_key const key{.load = 0.8, .cpu_count = 12, .seed = 1};
    auto const names = made->function_names(key);
    REQUIRE(names.has_value());
    CHECK(names->size() > 10);
    CHECK(names->front().starts_with("fib-"));
}

TEST_CASE("grid_workloads: presets that differ in anything have different identities") {
    using config = workload::generator_config;
    std::vector<config> const configs{{.count = 100},
                                      {.count = 101},
                                      {.from = workload::preset::alps_huawei, .count = 100},
                                      {.count = 100, .arrivals = workload::arrival_kind::uniform},
                                      {.count = 100, .drift = workload::function_drift{0.1, 50}},
                                      {.count = 100, .drift = workload::function_drift{0.1, 60}},
                                      {.count = 100, .variation = 0.25},
                                      {.count = 100, .io_share = 0.5},
                                      {.count = 100, .has_memory = false}};
    for (std::size_t a = 0; a < configs.size(); ++a) {
        for (std::size_t b = 0; b < a; ++b) {
            CHECK(generated_workload(configs[a])->identity != generated_workload(configs[b])->identity);
        }
    }
}

TEST_CASE("grid_workloads: a trace begins at 0, and is as recorded, stretched to a load, or spaced anew") {
    temporary_folder const folder;
    write_text(folder / "trace.csv", two_functions());
    recorded_trace const trace = recorded({.name = "trace", .files = {folder / "trace.csv"}});
    CHECK(trace.format == trace_format::csv);
    CHECK(trace.workload.expected_tasks == 4000);
    CHECK(trace.work.service == duration{200'000'000'000});
    cell_key key{.load = 0, .cpu_count = 4, .seed = 3};
    auto const as_recorded = all_of(trace.workload, key);
    REQUIRE(as_recorded.size() == 4000);
    CHECK(as_recorded.front().arrival == time_point{});
    CHECK(as_recorded[1].arrival == time_point{duration{30'000'000}});
    key.load = 0.9;
    auto const stretched = all_of(trace.workload, key);
    CHECK(load_of(stretched, 4) == doctest::Approx(0.9).epsilon(1e-6));
    CHECK(arrival_cv_of(stretched) < 0.01);
    key.arrival_cv = 2;
    auto const bursty = all_of(trace.workload, key);
    CHECK(load_of(bursty, 4) == doctest::Approx(0.9).epsilon(0.1));
    CHECK(arrival_cv_of(bursty) == doctest::Approx(2).epsilon(0.2));
    CHECK(bursty[7].function == as_recorded[7].function);
    CHECK(trace.workload.function_names(key).value() == std::vector<std::string>{"short", "long"});
}

TEST_CASE("grid_workloads: a trace whose arrivals are replaced keeps its rate where no load is asked for") {
    temporary_folder const folder;
    write_text(folder / "trace.csv", two_functions());
    recorded_trace const trace =
        recorded({.name = "trace", .files = {folder / "trace.csv"}, .arrivals = workload::arrival_kind::exponential});
    auto const all = all_of(trace.workload, {.load = 0, .cpu_count = 4, .seed = 3});
    CHECK(arrival_cv_of(all) == doctest::Approx(1).epsilon(0.1));
    CHECK(to_seconds(all.back().arrival - time_point{}) == doctest::Approx(120).epsilon(0.1));
}

TEST_CASE("grid_workloads: a limit ends a trace, and what is left out of it changes nothing") {
    temporary_folder const folder;
    write_text(folder / "a.csv", two_functions());
    write_text(folder / "b.csv", two_functions() + "3800000000000,other,1,0,\n");
    recorded_trace const a = recorded({.name = "x", .files = {folder / "a.csv"}, .limit = 100});
    recorded_trace const b = recorded({.name = "x", .files = {folder / "b.csv"}, .limit = 100});
    recorded_trace const whole = recorded({.name = "x", .files = {folder / "b.csv"}});
    CHECK(a.workload.expected_tasks == 100);
    CHECK(all_of(a.workload, {.load = 0.5, .cpu_count = 1}).size() == 100);
    CHECK(a.workload.identity == b.workload.identity); // by contents, not by name
    CHECK(whole.workload.identity != b.workload.identity);
}

TEST_CASE("grid_workloads: malformed rows stop a trace, or are counted") {
    temporary_folder const folder;
    write_text(folder / "bad.csv", two_functions() + "never,f,1,0,\n");
    auto const stopped = recorded_workload({.name = "bad", .files = {folder / "bad.csv"}});
    REQUIRE(stopped.has_error());
    CHECK(stopped.error().message.find("bad.csv:4002:1: ") != std::string::npos);
    recorded_config config{.name = "bad", .files = {folder / "bad.csv"}};
    config.options.rows.on_bad_row = workload::bad_rows::skip;
    recorded_trace const skipped = recorded(config);
    CHECK(skipped.counts.skipped_count == 1);
    CHECK(skipped.workload.expected_tasks == 4000);
}

TEST_CASE("grid_workloads: a trace without invocations, or at one instant, says so") {
    temporary_folder const folder;
    write_text(folder / "none.csv", "arrival_ns,function,service_ns\n");
    auto const none = recorded_workload({.name = "none.csv", .files = {folder / "none.csv"}});
    REQUIRE(none.has_error());
    CHECK(none.error().message == "none.csv: there is no invocation in it");
    write_text(folder / "once.csv", "arrival_ns,function,service_ns\n5,f,1000\n5,f,1000\n");
    recorded_trace const once = recorded({.name = "once", .files = {folder / "once.csv"}});
    CHECK(once.workload.open({.load = 0.5, .cpu_count = 1}).has_error());
    CHECK(all_of(once.workload, {.load = 0, .cpu_count = 1}).size() == 2);
}

} // namespace hpcsched::experiment
