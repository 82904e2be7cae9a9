// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/experiment/summary.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <string>
#include <vector>

namespace hpcsched::experiment {

namespace {

cell_result cell(std::string policy, double load, std::uint64_t seed, double mean) {
    cell_result made;
    made.key = {.policy = std::move(policy), .workload = "sfs-table1", .load = load, .cpu_count = 12, .seed = seed};
    made.task_count = 10'000;
    made.turnaround = {.mean = mean, .p50 = mean / 2, .p99 = mean * 10, .p999 = mean * 20};
    made.slowdown.mean = 2;
    made.rte.mean = 0.5;
    made.context_switches_mean = 3;
    made.billed_cost = 0.25;
    return made;
}

} // namespace

TEST_CASE("summary: seeds are folded into a mean with Student's interval") {
    std::vector<cell_result> const cells{cell("eevdf", 0.8, 1, 1.0), cell("srpt", 0.8, 1, 0.5),
                                         cell("eevdf", 0.8, 2, 2.0), cell("srpt", 0.8, 2, 0.5),
                                         cell("eevdf", 0.8, 3, 3.0), cell("eevdf", 1.0, 1, 9.0)};
    std::vector<summary_row> const rows = summarise(cells);
    REQUIRE(rows.size() == 3);
    CHECK(rows[0].key.policy == "eevdf");
    CHECK(rows[0].seed_count == 3);
    CHECK(rows[0].turnaround.mean == doctest::Approx(2.0));
    // t(2, 0.975) = 4.303; standard deviation 1, three samples
    CHECK(rows[0].turnaround.half_width == doctest::Approx(4.303 / std::sqrt(3.0)).epsilon(1e-3));
    CHECK(rows[1].seed_count == 2);
    CHECK(rows[1].turnaround.half_width == doctest::Approx(0.0));
    CHECK(rows[2].key.load == 1.0);
    CHECK(std::isnan(rows[2].turnaround.half_width));
}

TEST_CASE("summary: the table of one seed") {
    std::vector<cell_result> const cells{cell("eevdf", 0.8, 1, 1.0), cell("srpt", 0.8, 1, 0.5)};
    std::vector<std::string> const ideal{"srpt"};
    CHECK(summary_table(cells, ideal) ==
          "sfs-table1, 12 cores, load 0.8: 10,000 invocations\n"
          "  policy  mean [s]  p50 [s]  p99 [s]  p99.9 [s]  slowdown    RTE  switches  cost [$]\n"
          "  eevdf      1.000    0.500   10.000     20.000      2.00  0.500      3.00      0.25\n"
          "  srpt*      0.500    0.250    5.000     10.000      2.00  0.500      3.00      0.25\n"
          "\n"
          "* an ideal: runs on a machine without costs, or knows what no scheduler can know\n");
}

TEST_CASE("summary: where a real machine ran, what others took of it has a column") {
    std::vector<cell_result> cells{cell("eevdf", 0.8, 1, 1.0), cell("eevdf-live", 0.8, 1, 1.25)};
    cells[1].others_share = 0.0123;
    CHECK(summary_table(cells, {}) ==
          "sfs-table1, 12 cores, load 0.8: 10,000 invocations\n"
          "  policy      mean [s]  p50 [s]  p99 [s]  p99.9 [s]  slowdown    RTE  switches  cost [$]  others [%]\n"
          "  eevdf          1.000    0.500   10.000     20.000      2.00  0.500      3.00      0.25           -\n"
          "  eevdf-live     1.250    0.625   12.500     25.000      2.00  0.500      3.00      0.25        1.23\n");
}

TEST_CASE("summary: intervals are shown with several seeds, milliseconds where all is short, one table per load") {
    std::vector<cell_result> cells{cell("sfs", 0, 1, 0.010), cell("sfs", 0, 2, 0.012), cell("sfs", 0.5, 1, 0.010)};
    cells[2].key.arrival_cv = 2.33;
    cells[2].key.cpu_count = 1;
    CHECK(summary_table(cells, {}) ==
          "sfs-table1, 12 cores, arrivals as recorded: 10,000 invocations, 2 seeds, ± 95 %\n"
          "  policy       mean [ms]      p50 [ms]          p99 [ms]        p99.9 [ms]    slowdown           RTE"
          "    switches  cost [$]\n"
          "  sfs     11.000 ±12.706  5.500 ±6.353  110.000 ±127.062  220.000 ±254.124  2.00 ±0.00  0.500 ±0.000"
          "  3.00 ±0.00      0.25\n"
          "\n"
          "sfs-table1, 1 core, load 0.5, arrival CV 2.33: 10,000 invocations\n"
          "  policy  mean [ms]  p50 [ms]  p99 [ms]  p99.9 [ms]  slowdown    RTE  switches  cost [$]\n"
          "  sfs        10.000     5.000   100.000     200.000      2.00  0.500      3.00      0.25\n");
}

} // namespace hpcsched::experiment
