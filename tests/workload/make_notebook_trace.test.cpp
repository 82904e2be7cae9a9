// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/core/random.hpp>
#include <hpcsched/testing/conformance/cell_source.hpp>
#include <hpcsched/workload/in_memory_cells.hpp>
#include <hpcsched/workload/make_notebook_trace.hpp>

#include <doctest/doctest.h>

#include "cells.hpp"
#include <death.hpp>

#include <chrono>
#include <string>
#include <utility>
#include <vector>

using namespace hpcsched;
using namespace hpcsched::workload;
using namespace std::chrono_literals;
using test::cell;

TEST_CASE("make_notebook_trace: cells come in order of submission, sessions are numbered as they appear") {
    notebook_trace const trace =
        make_notebook_trace({cell(30, 7, 5), cell(10, 2, 5, 4), cell(40, 7, 100, 8), cell(20, 2, 1)});
    CHECK(trace.cells ==
          std::vector<notebook_cell>{cell(10, 0, 5, 4), cell(20, 0, 1), cell(30, 1, 5), cell(40, 1, 100, 8)});
}

TEST_CASE("make_notebook_trace: a session opens with its first cell, closes with the last end, has the most devices") {
    notebook_trace const trace =
        make_notebook_trace({cell(10, 0, 90, 4), cell(20, 0, 1, 8), cell(30, 0, 2), cell(11, 1, 5)});
    CHECK(trace.sessions == std::vector<notebook_session>{{time_point{10min}, time_point{100min}, 8, 3},
                                                          {time_point{11min}, time_point{16min}, 1, 1}});
}

TEST_CASE("make_notebook_trace: cells of one instant are in order of their sessions' new numbers") {
    // 9 appears first and becomes 0, so that at minute 5 it stands before 3, which becomes 1 there, and 4.
    notebook_trace const trace = make_notebook_trace({cell(5, 3, 1), cell(5, 4, 1), cell(5, 9, 1, 4), cell(1, 9, 1)});
    CHECK(trace.cells == std::vector<notebook_cell>{cell(1, 0, 1), cell(5, 0, 1, 4), cell(5, 1, 1), cell(5, 2, 1)});
}

TEST_CASE("make_notebook_trace: no cells make no sessions") {
    CHECK(make_notebook_trace({}) == notebook_trace{});
}

TEST_CASE("make_notebook_trace: a run beyond the end of time closes its session there") {
    notebook_trace const trace = make_notebook_trace({{time_point{1ns}, {0}, unlimited, 1}});
    CHECK(trace.sessions.at(0).closed == never);
}

TEST_CASE("make_notebook_trace: what breaks the contract of a cell is found") {
    for (notebook_cell const& bad :
         {cell(-1, 0, 1), cell(0, 0, 0), cell(0, 0, 1, 0), notebook_cell{never, {}, duration{1}, 1}}) {
        CHECK(test::run_apart([bad] { static_cast<void>(make_notebook_trace({bad})); }).aborted);
    }
}

TEST_CASE("make_notebook_trace: the order in which cells are given makes no difference") {
    random_stream draws{1, "make_notebook_trace"};
    std::vector<notebook_cell> cells;
    for (std::uint32_t session = 0; session < 50; ++session) {
        int at = static_cast<int>(draws() % 100);
        for (std::uint64_t left = 1 + draws() % 30; left > 0; --left) {
            int const run = 1 + static_cast<int>(draws() % 9);
            cells.push_back(cell(at, session, run, 1U << draws() % 4));
            at += run + static_cast<int>(draws() % 5);
        }
    }
    notebook_trace const trace = make_notebook_trace(cells);
    CHECK(trace.cells.size() == cells.size());
    CHECK(testing::check_cell_source([&] { return in_memory_cells{trace.cells}; }) == std::vector<std::string>{});
    for (std::size_t i = cells.size() - 1; i > 0; --i) {
        std::swap(cells[i], cells[draws() % (i + 1)]);
    }
    CHECK(make_notebook_trace(std::move(cells)) == trace);
    CHECK(make_notebook_trace(trace.cells) == trace);
}

TEST_CASE("collect_cells: makes a trace of a source, or says what the source says") {
    std::vector<notebook_cell> const cells{cell(0, 0, 3), cell(1, 1, 60, 8), cell(3, 0, 2)};
    in_memory_cells source{cells};
    CHECK(collect_cells(source).value() == make_notebook_trace(cells));
    struct broken {
        result<bool> next(notebook_cell&) { return error{"trace.csv:1:1: no; try another"}; }
    };
    broken none;
    CHECK(collect_cells(none).error().message == "trace.csv:1:1: no; try another");
}
