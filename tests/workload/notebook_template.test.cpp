// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/testing/conformance/cell_source.hpp>
#include <hpcsched/workload/in_memory_cells.hpp>
#include <hpcsched/workload/notebook_statistics.hpp>
#include <hpcsched/workload/notebook_template.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

using namespace hpcsched;
using namespace hpcsched::workload;
using namespace std::chrono_literals;

namespace {

struct moments {
    double mean = 0;
    double cv = 0;
};

moments moments_of(std::vector<double> const& values) {
    double sum = 0;
    double squares = 0;
    for (double const value : values) {
        sum += value;
        squares += value * value;
    }
    auto const n = static_cast<double>(values.size());
    return {sum / n, std::sqrt(squares / n - sum / n * (sum / n)) / (sum / n)};
}

} // namespace

// notebook.md 3.3: Poisson arrivals, Gamma(shape 2, scale 10 s): mean 20 s, coefficient of variation 1 / sqrt(2).
TEST_CASE("notebook_template: sessions arrive as a Poisson process and run for Gamma lengths") {
    notebook_template_config config;
    config.session_count = 5'000;
    config.gpus = 4;
    notebook_trace const trace = generate_notebooks(config).value();
    REQUIRE(trace.sessions.size() == 5'000);
    REQUIRE(trace.cells.size() == 50'000);
    std::vector<double> runs;
    for (notebook_cell const& c : trace.cells) {
        REQUIRE(c.gpus == 4);
        runs.push_back(to_seconds(c.run));
    }
    CHECK(moments_of(runs).mean == doctest::Approx(20).epsilon(0.02));
    CHECK(moments_of(runs).cv == doctest::Approx(1 / std::sqrt(2.0)).epsilon(0.02));
    std::vector<double> interarrivals;
    for (std::size_t i = 1; i < trace.sessions.size(); ++i) {
        interarrivals.push_back(to_seconds(trace.sessions[i].opened - trace.sessions[i - 1].opened));
    }
    CHECK(moments_of(interarrivals).mean == doctest::Approx(30).epsilon(0.05));
    CHECK(moments_of(interarrivals).cv == doctest::Approx(1).epsilon(0.05));
    CHECK(to_seconds(measure_notebooks(trace).gap.p50) == doctest::Approx(30 * std::log(2.0)).epsilon(0.05));
    CHECK(testing::check_cell_source([&] { return in_memory_cells{trace.cells}; }) == std::vector<std::string>{});
}

TEST_CASE("notebook_template: more sessions leave the first as they are, other gaps the runs") {
    notebook_template_config config;
    config.session_count = 20;
    notebook_trace const few = generate_notebooks(config).value();
    CHECK(generate_notebooks(config).value() == few);
    config.session_count = 40;
    notebook_trace const many = generate_notebooks(config).value();
    CHECK(std::vector<notebook_session>(many.sessions.begin(), many.sessions.begin() + 20) == few.sessions);
    config.session_count = 20;
    config.mean_gap = 1h;
    notebook_trace const slow = generate_notebooks(config).value();
    CHECK(measure_notebooks(slow).run == measure_notebooks(few).run);
    CHECK(measure_notebooks(slow).gap.p50 > 50 * measure_notebooks(few).gap.p50);
    config.seed = 2;
    CHECK(generate_notebooks(config).value() != slow);
}

TEST_CASE("notebook_template: a field that is out of place is an error that says what would be in place") {
    auto const fault_of = [](auto change) {
        notebook_template_config config;
        change(config);
        auto const made = generate_notebooks(config);
        return made ? "" : made.error().message;
    };
    CHECK(fault_of([](auto& c) { c.session_count = 0; }) == "session count 0 is not between 1 and 10000000");
    CHECK(fault_of([](auto& c) { c.cells_per_session = 0; }) == "cells per session 0 is not between 1 and 1e+06");
    CHECK(fault_of([](auto& c) { c.run_shape = 0; }) == "run shape 0 is not between 0.01 and 1000");
    CHECK(fault_of([](auto& c) { c.mean_interarrival = {}; }) ==
          "a mean interarrival, run scale or mean gap of 0 s is not above 0 and at most 30 days");
    CHECK(fault_of([](auto& c) { c.run_scale = -1s; }) ==
          "a mean interarrival, run scale or mean gap of -1 s is not above 0 and at most 30 days");
    CHECK(fault_of([](auto& c) { c.gpus = 0; }) == "cells of 0 gpus: there must be at least 1 and at most 1048576");
    CHECK(fault_of([](auto& c) {
              c.session_count = 10'000'000;
              c.mean_interarrival = 1h;
          }) == "so many sessions of so many cells take more than 25 years; have them arrive faster, or fewer");
    CHECK(fault_of([](auto& c) {
              c.session_count = 1;
              c.cells_per_session = 1;
              c.run_shape = 0.01;
          }).empty());
}
