// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/testing/conformance/cell_source.hpp>
#include <hpcsched/workload/in_memory_cells.hpp>

#include <doctest/doctest.h>

#include "cells.hpp"

#include <string>
#include <vector>

using namespace hpcsched;
using namespace hpcsched::workload;
using test::cell;
using test::read_cells;

TEST_CASE("in_memory_cells: gives the cells it was given, and again after a rewind") {
    std::vector<notebook_cell> const cells{cell(0, 0, 3), cell(1, 1, 60, 8), cell(3, 0, 2)};
    in_memory_cells source{cells};
    CHECK(read_cells(source).cells == cells);
    CHECK(read_cells(source).cells.empty());
    source.rewind();
    CHECK(read_cells(source).cells == cells);
    CHECK(read_cells(in_memory_cells{{}}).cells.empty());
}

TEST_CASE("in_memory_cells: is a conforming source of cells") {
    std::vector<notebook_cell> const cells{cell(0, 0, 3), cell(1, 1, 60, 8), cell(3, 0, 2)};
    CHECK(testing::check_cell_source([&] { return in_memory_cells{cells}; }) == std::vector<std::string>{});
}
