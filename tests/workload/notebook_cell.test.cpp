// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/testing/conformance/cell_source.hpp>
#include <hpcsched/workload/in_memory_cells.hpp>
#include <hpcsched/workload/notebook_cell.hpp>

#include <doctest/doctest.h>

#include "cells.hpp"

#include <string>
#include <vector>

using namespace hpcsched;
using namespace hpcsched::workload;
using test::cell;

namespace {

/// What the suite says of a source that gives these cells.
std::string fault_of(std::vector<notebook_cell> const& cells) {
    auto const faults = testing::check_cell_source([&] { return in_memory_cells{cells}; });
    return faults.empty() ? "" : faults.front();
}

} // namespace

TEST_CASE("notebook_cell: the conformance suite passes what keeps the rules") {
    CHECK(fault_of({}).empty());
    CHECK(fault_of({cell(0, 0, 3), cell(0, 1, 3), cell(3, 0, 1, 8), cell(3, 2, 1), cell(9, 1, 1)}).empty());
}

TEST_CASE("notebook_cell: the conformance suite finds cells that break a rule") {
    CHECK(fault_of({cell(-1, 0, 3)}) == "cell 0: a submission is at least 0 and not never");
    CHECK(fault_of({{never, {0}, duration{1}, 1}}) == "cell 0: a submission is at least 0 and not never");
    CHECK(fault_of({cell(0, 0, 1), cell(1, 0, 0)}) == "cell 1: a run is above 0");
    CHECK(fault_of({cell(0, 0, 1, 0)}) == "cell 0: a cell needs at least one device");
    CHECK(fault_of({cell(5, 0, 1), cell(4, 1, 1)}) == "cell 1: it is submitted before the one ahead of it");
    CHECK(fault_of({cell(0, 0, 1), cell(1, 2, 1)}) == "cell 1: sessions are numbered in order of first appearance");
    CHECK(fault_of({cell(0, 1, 1)}) == "cell 0: sessions are numbered in order of first appearance");
    CHECK(fault_of({cell(0, 0, 5), cell(4, 0, 1)}) ==
          "cell 1: it is submitted before the one ahead of it in its session has ended, where nothing waits");
}

TEST_CASE("notebook_cell: the conformance suite finds sources that break a rule") {
    struct half_written {
        int left = 2;
        result<bool> next(notebook_cell& c) {
            c.submit = time_point{};
            c.run = duration{1};
            c.session = {};
            return left-- > 0; // c.gpus stays what it was
        }
    };
    CHECK(testing::check_cell_source([] { return half_written{}; }) ==
          std::vector<std::string>{"cell 0: an equal source gives another, or former content shows through"});
    struct restless {
        int calls = 0;
        result<bool> next(notebook_cell& c) {
            c = cell(calls, static_cast<std::uint32_t>(calls), 1);
            return ++calls != 3;
        }
    };
    CHECK(testing::check_cell_source([] { return restless{}; }) ==
          std::vector<std::string>{"the stream does not stay ended after cell 2"});
    int made = 0;
    std::vector<notebook_cell> const cells{cell(0, 0, 1), cell(1, 0, 1)};
    auto const shorter = [&] { return in_memory_cells{std::span{cells}.first(made++ == 0 ? 2U : 1U)}; };
    CHECK(testing::check_cell_source(shorter) == std::vector<std::string>{"cell 1: an equal source ends otherwise"});
    struct fails_for_ever {
        result<bool> next(notebook_cell&) { return error{"gone"}; }
    };
    CHECK(testing::check_cell_source([] { return fails_for_ever{}; }) ==
          std::vector<std::string>{"the stream does not stay ended after cell 0"});
}
