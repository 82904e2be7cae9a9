// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/workload/make_notebook_trace.hpp>
#include <hpcsched/workload/notebook_statistics.hpp>

#include <doctest/doctest.h>

#include "cells.hpp"

#include <chrono>
#include <cstdint>
#include <vector>

using namespace hpcsched;
using namespace hpcsched::workload;
using namespace std::chrono_literals;
using test::cell;

TEST_CASE("notebook_statistics: every figure of three cells, by hand") {
    notebook_trace const trace = make_notebook_trace({cell(0, 0, 10, 2), cell(20, 0, 10, 4), cell(5, 1, 30)});
    notebook_statistics const s = measure_notebooks(trace);
    CHECK(s.session_count == 2);
    CHECK(s.cell_count == 3);
    CHECK(s.first_submit == time_point{});
    CHECK(s.last_submit == time_point{20min});
    CHECK(s.last_end == time_point{35min});
    CHECK(s.span() == 35min);
    CHECK(s.run == notebook_percentiles<duration>{3, 10min, 10min, 10min, 10min, 30min, 30min, 30min, 30min, 30min});
    CHECK(s.interarrival.count == 1);
    CHECK(s.interarrival.p50 == 20min);
    CHECK(s.gap.max == 10min);
    CHECK(s.cells_per_session == notebook_percentiles<std::uint64_t>{2, 1, 1, 1, 1, 2, 2, 2, 2, 2});
    CHECK(s.busy.count == 1); // a session of one cell is not asked
    CHECK(s.busy.p50 == doctest::Approx(20.0 / 30));
    CHECK(s.gpu_counts == std::vector<gpu_count_summary>{{1, 1, {1'800, 0}}, {2, 1, {1'200, 0}}, {4, 1, {2'400, 0}}});
    CHECK(s.active == gpu_time{5'400, 0});
    CHECK(s.active.hours() == doctest::Approx(1.5));
    CHECK(s.reserved == gpu_time{9'000, 0}); // 4 for 30 minutes, 1 for 30
    CHECK(s.active_share() == doctest::Approx(0.6));
    CHECK(s.peak_gpus == 5);
    CHECK(s.mean_gpus() == doctest::Approx(90.0 / 35));
    CHECK(s.short_limit == 15min);
    CHECK(s.short_cell_count == 2);
    CHECK(s.short_cell_share() == doctest::Approx(2.0 / 3));
    CHECK(s.short_active == gpu_time{3'600, 0});
    CHECK(s.short_active_share() == doctest::Approx(2.0 / 3));
    CHECK(measure_notebooks(trace, 30min).short_cell_share() == 1);
    CHECK(measure_notebooks(trace, 10min - 1ns).short_cell_share() == 0);
}

TEST_CASE("notebook_statistics: of no cells every figure is 0") {
    notebook_statistics expected;
    expected.short_limit = 15min;
    notebook_statistics const s = measure_notebooks({});
    CHECK(s == expected);
    CHECK(s.mean_gpus() == 0);
    CHECK(s.active_share() == 0);
    CHECK(s.short_cell_share() == 0);
    CHECK(s.short_active_share() == 0);
    CHECK(s.span() == duration::zero());
}

TEST_CASE("notebook_statistics: a cell that ends makes room for one that begins in that instant") {
    CHECK(measure_notebooks(make_notebook_trace({cell(0, 0, 10, 8), cell(10, 1, 10, 8)})).peak_gpus == 8);
    CHECK(measure_notebooks(make_notebook_trace({cell(0, 0, 11, 8), cell(10, 1, 10, 8)})).peak_gpus == 16);
    CHECK(measure_notebooks(make_notebook_trace({cell(0, 0, 1, 1), cell(0, 1, 1, 2), cell(0, 2, 1, 4)})).peak_gpus ==
          7);
}

TEST_CASE("notebook_statistics: sessions without cells count for what is reserved and for nothing else") {
    notebook_trace trace = make_notebook_trace({cell(0, 0, 60, 2)});
    trace.sessions.push_back({time_point{}, time_point{1h}, 8, 0});
    notebook_statistics const s = measure_notebooks(trace);
    CHECK(s.session_count == 1);
    CHECK(s.cells_per_session.count == 1);
    CHECK(s.reserved == gpu_time{36'000, 0});
    CHECK(s.active_share() == doctest::Approx(0.2));
}

TEST_CASE("notebook_statistics: device time is exact, whatever its size") {
    gpu_time t;
    for (int i = 0; i < 10; ++i) {
        t.add(3, duration{333'333'333});
    }
    CHECK(t == gpu_time{9, 999'999'990});
    t.add(10, duration{1});
    CHECK(t == gpu_time{10, 0});
    gpu_time large;
    large.add(1U << 20U, unlimited); // 2^20 * (2^63 - 1) ns
    CHECK(large == gpu_time{9'671'406'556'917'033, 396'600'832});
    CHECK(gpu_time{1, 999'999'999} < gpu_time{2, 0});
    CHECK(gpu_time{3'600, 500'000'000}.hours() == doctest::Approx(1 + 0.5 / 3'600));
}
