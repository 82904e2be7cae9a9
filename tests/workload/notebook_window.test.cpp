// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/core/random.hpp>
#include <hpcsched/workload/make_notebook_trace.hpp>
#include <hpcsched/workload/notebook_statistics.hpp>
#include <hpcsched/workload/notebook_window.hpp>

#include <doctest/doctest.h>

#include "cells.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <vector>

using namespace hpcsched;
using namespace hpcsched::workload;
using namespace std::chrono_literals;
using test::cell;

namespace {

/// Session 0 lives from 0 to 130, 1 from 20 to 25, 2 from 50 to 300, 3 from 95 to 99, 4 from 200 to 210.
notebook_trace example() {
    return make_notebook_trace({cell(0, 0, 5, 8), cell(60, 0, 5), cell(120, 0, 10), cell(20, 1, 5, 2),
                                cell(50, 2, 20, 4), cell(90, 2, 100), cell(299, 2, 1), cell(95, 3, 4),
                                cell(200, 4, 10, 2)});
}

std::size_t count_in(notebook_trace const& trace, time_point start, duration length) {
    return static_cast<std::size_t>(std::count_if(trace.cells.begin(), trace.cells.end(), [&](notebook_cell const& c) {
        return c.submit >= start && c.submit < start + length;
    }));
}

} // namespace

TEST_CASE("notebook_window: the busiest window begins with a submission, or at a multiple of the step") {
    notebook_trace const trace = example();
    CHECK(busiest_window(trace, 46min) == time_point{50min}); // 50, 60, 90, 95
    CHECK(busiest_window(trace, 45min) == time_point{20min}); // 20, 50, 60, as 50, 60, 90 later on
    CHECK(busiest_window(trace, 1ns) == time_point{});        // all alike: the first
    CHECK(busiest_window(trace, 46min, 25min) == time_point{50min});
    CHECK(busiest_window(trace, 46min, 40min) == time_point{80min}); // 90, 95, 120
    CHECK(busiest_window(trace, 1h, 1h) == time_point{});            // 0, 20, 50, as 60, 90, 95 later on
    CHECK(busiest_window({}, 1h) == time_point{});
    CHECK(busiest_window({}, 1h, 1min) == time_point{});
}

TEST_CASE("notebook_window: the busiest window is that of trying each") {
    random_stream draws{1, "notebook_window"};
    for (int round = 0; round < 50; ++round) {
        std::vector<notebook_cell> cells;
        for (std::uint32_t session = 0; session < 60; ++session) {
            cells.push_back(cell(static_cast<int>(draws() % 200), session, 1));
        }
        notebook_trace const trace = make_notebook_trace(std::move(cells));
        duration const length = std::chrono::minutes{1 + draws() % 40};
        duration const step = std::chrono::minutes{round % 2 == 0 ? 0 : 1 + draws() % 50};
        std::size_t most = 0;
        time_point best{};
        for (int minute = 0; minute < 200; ++minute) {
            time_point const start{std::chrono::minutes{minute}};
            bool const is_asked = step == duration::zero() ? count_in(trace, start, 1min) > 0
                                                           : start.time_since_epoch() % step == duration::zero();
            std::size_t const count = count_in(trace, start, length);
            if (is_asked && count > most) {
                most = count;
                best = start;
            }
        }
        CHECK(busiest_window(trace, length, step) == best);
    }
}

TEST_CASE("notebook_window: a window holds the cells that are submitted in it, whole, in its own time") {
    notebook_trace const part = cut(example(), time_point{60min}, 60min); // 120 is its end and no longer in it
    CHECK(part.cells == std::vector<notebook_cell>{cell(0, 0, 5), cell(30, 1, 100), cell(35, 2, 4)});
}

TEST_CASE("notebook_window: sessions are held as a platform that reserves would hold them") {
    notebook_trace const part = cut(example(), time_point{60min}, 60min);
    CHECK(part.sessions == std::vector<notebook_session>{{time_point{}, time_point{60min}, 8, 1},
                                                         {time_point{}, time_point{60min}, 4, 1},
                                                         {time_point{35min}, time_point{39min}, 1, 1}});
    // Session 1 begins and ends in this window, 0 goes on from before, 2 begins in it.
    notebook_trace const early = cut(example(), time_point{10min}, 80min);
    CHECK(early.sessions == std::vector<notebook_session>{{time_point{10min}, time_point{15min}, 2, 1},
                                                          {time_point{40min}, time_point{80min}, 4, 1},
                                                          {time_point{}, time_point{80min}, 8, 1}});
}

TEST_CASE("notebook_window: sessions that are open without a cell in the window are there where they are asked for") {
    notebook_trace const part = cut(example(), time_point{100min}, 30min, window_sessions::held_and_idle);
    CHECK(part.cells == std::vector<notebook_cell>{cell(20, 0, 10)});
    CHECK(part.sessions == std::vector<notebook_session>{{time_point{}, time_point{30min}, 8, 1},
                                                         {time_point{}, time_point{30min}, 4, 0}}); // not 1, 3, 4
    CHECK(cut(example(), time_point{100min}, 30min).sessions.size() == 1);
    CHECK(measure_notebooks(part).reserved == gpu_time{21'600, 0}); // 8 and 4 for half an hour
}

TEST_CASE("notebook_window: sessions are as their cells make them where that is asked for") {
    notebook_trace const part = cut(example(), time_point{60min}, 60min, window_sessions::of_cells);
    CHECK(part.sessions == std::vector<notebook_session>{{time_point{}, time_point{5min}, 1, 1},
                                                         {time_point{30min}, time_point{130min}, 1, 1},
                                                         {time_point{35min}, time_point{39min}, 1, 1}});
    CHECK(part == make_notebook_trace(part.cells));
}

TEST_CASE("notebook_window: the whole of a trace is the trace") {
    notebook_trace const trace = example();
    for (auto const how : {window_sessions::held, window_sessions::held_and_idle, window_sessions::of_cells}) {
        CHECK(cut(trace, time_point{}, 300min, how) == trace);
        CHECK(cut(trace, time_point{}, unlimited, how) == trace);
        CHECK(cut(trace, time_point{400min}, 1h, how) == notebook_trace{});
        CHECK(cut({}, time_point{}, 1h, how) == notebook_trace{});
    }
}

TEST_CASE("notebook_window: windows side by side hold every cell, and together reserve what the trace does") {
    notebook_trace const trace = example();
    std::size_t cells = 0;
    gpu_time reserved;
    for (int start = 0; start < 300; start += 25) {
        notebook_trace const part =
            cut(trace, time_point{std::chrono::minutes{start}}, 25min, window_sessions::held_and_idle);
        cells += part.cells.size();
        reserved.seconds += measure_notebooks(part).reserved.seconds;
    }
    CHECK(cells == trace.cells.size());
    CHECK(reserved == measure_notebooks(trace).reserved);
}
