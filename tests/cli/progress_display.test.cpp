// SPDX-License-Identifier: Apache-2.0
#include "progress_display.hpp"

#include <doctest/doctest.h>

#include <string>

namespace hpcsched::cli {

TEST_CASE("progress_display: a line shows the share, the cells and the time left, and fits its width") {
    experiment::grid_progress const half{.cells_total = 20, .cells_finished = 9, .cells_reused = 0, .work_done = 0.5};
    CHECK(progress_line(half, 34, 80) == "[####################....................] 50 %, 9 of 20 cells, ETA 0:34");
    experiment::grid_progress const resumed{
        .cells_total = 20, .cells_finished = 9, .cells_reused = 4, .work_done = 0.25};
    CHECK(progress_line(resumed, 3600, 80).ends_with("25 %, 9 of 20 cells (4 from before), ETA 3:00:00"));
    for (std::size_t width = 0; width < 100; ++width) {
        CHECK(progress_line(half, 34, width).size() <= width);
    }
}

TEST_CASE("progress_display: at the beginning and at the end no time left is guessed") {
    experiment::grid_progress const begun{.cells_total = 2, .work_done = 0.001};
    experiment::grid_progress const done{.cells_total = 2, .cells_finished = 2, .work_done = 1};
    CHECK(progress_line(begun, 10, 120).find("ETA") == std::string::npos);
    CHECK(progress_line(done, 10, 120).find("ETA") == std::string::npos);
    CHECK(progress_line(done, 10, 120).find("100 %, 2 of 2 cells") != std::string::npos);
}

} // namespace hpcsched::cli
