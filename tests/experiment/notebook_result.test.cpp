// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/experiment/notebook_result.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <vector>

namespace hpcsched::experiment {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

TEST_CASE("notebook result: shares, quantiles and device-hours are those of the cells, and both ends are told apart") {
    notebook_sim::run_record run;
    for (int i = 0; i < 100; ++i) { // delays of 1 s .. 100 s, every tenth cell long
        notebook_sim::cell_record c{.session = 0, .gpus = 2};
        c.submitted = time_point{hours{i}};
        c.started = c.submitted + seconds{i + 1};
        c.run = i % 10 == 0 ? duration{hours{1}} : duration{minutes{6}};
        c.finished = c.started + c.run;
        c.at_once = i < 80;
        c.moved = i >= 90;
        c.first = i < 20;
        c.same_executor = i >= 60;
        c.attempts = i == 99 ? 2 : 1;
        run.cells.push_back(c);
    }
    run.cells.push_back({.session = 1, .gpus = 8}); // never began
    run.provisioned = 8 * 3.6e12 * 100;
    run.busy = 3.6e12 * 38;
    run.ended = time_point{hours{100}};
    auto const r = summarize_notebooks(run, 8, {.dollars_per_hour = 2});
    CHECK(r.all.count == 100);
    CHECK(r.all.at_once == 0.8);
    CHECK(r.all.moved == doctest::Approx(0.1));
    CHECK(r.all.same_executor == 0.5); // 40 of the 80 that had a cell before
    CHECK(r.all.delay.p50 == 50);
    CHECK(r.all.delay.p99 == 99);
    CHECK(r.all.delay.largest == 100);
    CHECK(r.all.delay.mean == 50.5);
    CHECK(r.brief.count == 90);
    CHECK(r.long_.count == 10);
    CHECK(r.brief.device_hours == doctest::Approx(18));
    CHECK(r.long_.device_hours == doctest::Approx(20));
    CHECK(r.provisioned == doctest::Approx(800));
    CHECK(r.wasted == doctest::Approx(762));
    CHECK(r.dollars == doctest::Approx(1600));
    CHECK(r.hosts_mean == doctest::Approx(1));
    CHECK(r.rerun_cells == 1);
    CHECK(r.delay_curve.back().share == 1);
    CHECK(r.delay_curve.back().seconds == 100);
}

TEST_CASE("notebook result: of no cell everything is 0") {
    auto const r = summarize_notebooks({}, 8);
    CHECK(r.all.count == 0);
    CHECK(r.all.at_once == 0);
    CHECK(r.all.delay.p99 == 0);
    CHECK(r.delay_curve.empty());
    CHECK(r.hosts_mean == 0);
}

TEST_CASE("notebook result: a curve of few values has all of them") {
    notebook_sim::run_record run;
    for (int i = 0; i < 50'000; ++i) {
        notebook_sim::cell_record c{.gpus = 1};
        c.started = time_point{seconds{i % 7}};
        c.finished = c.started;
        run.cells.push_back(c);
    }
    CHECK(summarize_notebooks(run, 8).delay_curve.size() == 7);
}

TEST_CASE("notebook result: a curve has at most some hundred points, rises, and ends at the largest value") {
    notebook_sim::run_record run;
    for (std::int64_t i = 0; i < 100'000; ++i) {
        notebook_sim::cell_record c{.gpus = 1};
        c.started = time_point{duration{(i * 7919) % 100'003}};
        c.finished = c.started;
        run.cells.push_back(c);
    }
    auto const r = summarize_notebooks(run, 8);
    CHECK(r.delay_curve.size() <= 242);
    CHECK(r.delay_curve.size() > 200);
    for (std::size_t i = 1; i < r.delay_curve.size(); ++i) {
        CHECK(r.delay_curve[i - 1].seconds < r.delay_curve[i].seconds);
        CHECK(r.delay_curve[i - 1].share < r.delay_curve[i].share);
    }
    CHECK(r.delay_curve.back().share == 1);
}

} // namespace
} // namespace hpcsched::experiment
