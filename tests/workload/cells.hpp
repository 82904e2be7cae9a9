// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_TESTS_WORKLOAD_CELLS_HPP
#define HPCSCHED_TESTS_WORKLOAD_CELLS_HPP

#include <hpcsched/core/result.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/workload/notebook_cell.hpp>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace hpcsched::test {

/// A cell in minutes.
inline workload::notebook_cell cell(int submit_min, std::uint32_t session, int run_min, std::uint32_t gpus = 1) {
    return {time_point{std::chrono::minutes{submit_min}}, {session}, std::chrono::minutes{run_min}, gpus};
}

/// What came out of a source of cells, to its end.
struct read_cells_result {
    std::vector<workload::notebook_cell> cells;
    std::string failure; ///< empty: none
};

template <workload::cell_source Source>
read_cells_result read_cells(Source&& source) {
    read_cells_result out;
    for (workload::notebook_cell c;;) {
        auto const more = source.next(c);
        if (!more) {
            out.failure = more.error().message;
            return out;
        }
        if (!*more) {
            return out;
        }
        out.cells.push_back(c);
    }
}

} // namespace hpcsched::test

#endif
