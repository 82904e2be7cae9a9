// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/experiment/grid.hpp>
#include <hpcsched/experiment/grid_workloads.hpp>
#include <hpcsched/experiment/results_io.hpp>

#include <doctest/doctest.h>

#include "temporary_folder.hpp"
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace hpcsched::experiment {

using test::temporary_folder;

namespace {

grid_workload generated(std::uint64_t count, workload::preset from = workload::preset::sfs_test1) {
    auto made = generated_workload({.from = from, .count = count});
    REQUIRE(made.has_value());
    return *made;
}

grid small_grid(std::uint64_t count = 300) {
    grid cells;
    cells.workloads = {generated(count)};
    cells.policies = {"eevdf", "fcfs", "srpt"};
    cells.loads = {0.5, 0.9};
    cells.cpu_counts = {4};
    cells.seeds = {1, 2};
    return cells;
}

grid_plan plan_of(grid cells) {
    auto made = grid_plan::make(std::move(cells), shipped_policies());
    REQUIRE(made.has_value());
    return std::move(*made);
}

grid_outcome outcome_of(grid_plan const& plan, grid_options const& options = {}) {
    auto outcome = run_grid(plan, options);
    REQUIRE(outcome.has_value());
    return std::move(*outcome);
}

/// All that may not depend on threads, journals or machines.
std::string comparable(std::vector<cell_result> cells) {
    std::string text;
    for (cell_result& cell : cells) {
        cell.run_seconds = 0;
        text += to_json(cell) + "\n";
    }
    return text;
}

} // namespace

TEST_CASE("grid: cells come by workload, CPUs, load, arrival CV, seed and policy") {
    grid cells = small_grid();
    cells.cpu_counts = {4, 2};
    grid_plan const plan = plan_of(cells);
    REQUIRE(plan.cell_count() == 24);
    CHECK(plan.key(0).policy == "eevdf");
    CHECK(plan.key(1).policy == "fcfs");
    CHECK(plan.key(3).seed == 2);
    CHECK(plan.key(6).load == 0.9);
    CHECK(plan.key(12).cpu_count == 2);
}

TEST_CASE("grid: what cannot be planned says why") {
    struct bad {
        void (*spoil)(grid&);
        std::string message;
    };
    for (bad const& b :
         {bad{[](grid& g) { g.policies = {"eevdf", "sprt"}; }, "unknown policy 'sprt': did you mean 'srpt'?"},
          bad{[](grid& g) { g.policies.clear(); }, "no policies given"},
          bad{[](grid& g) { g.loads.clear(); }, "no loads given"},
          bad{[](grid& g) { g.workloads.clear(); }, "no workloads given"},
          bad{[](grid& g) { g.seeds = {1, 2, 1}; }, "a value of seeds is given twice"},
          bad{[](grid& g) { g.policies = {"srpt", "srpt"}; }, "a value of policies is given twice"},
          bad{[](grid& g) { g.cpu_counts = {0}; }, "cpu_count is 0: give 1 to 1024"}}) {
        grid cells = small_grid();
        b.spoil(cells);
        auto const made = grid_plan::make(cells, shipped_policies());
        REQUIRE(made.has_error());
        CHECK(made.error().message == b.message);
    }
}

TEST_CASE("grid: the outcome does not depend on the number of threads") {
    grid_plan const plan = plan_of(small_grid());
    std::string const one = comparable(outcome_of(plan, {.thread_count = 1}).cells);
    CHECK(comparable(outcome_of(plan, {.thread_count = 2}).cells) == one);
    CHECK(comparable(outcome_of(plan, {.thread_count = 7}).cells) == one);
}

TEST_CASE("grid: every policy meets the same invocations, and another seed brings others") {
    grid_outcome const outcome = outcome_of(plan_of(small_grid()));
    std::map<std::pair<double, std::uint64_t>, double> offered;
    for (cell_result const& cell : outcome.cells) {
        auto const [known, is_new] = offered.try_emplace({cell.key.load, cell.key.seed}, cell.offered_load);
        CHECK(known->second == cell.offered_load);
    }
    CHECK(offered.at({0.5, 1}) != offered.at({0.5, 2}));
}

TEST_CASE("grid: finished cells are taken from the journal, others are run, and force runs all") {
    temporary_folder const folder;
    grid_plan const plan = plan_of(small_grid());
    grid_outcome const fresh = outcome_of(plan);
    auto finished = journal::open(folder / "cells.jsonl");
    REQUIRE(finished.has_value());
    grid few = small_grid();
    few.seeds = {2};
    CHECK(outcome_of(plan_of(few), {.finished = &*finished}).cells_reused == 0);
    CHECK(finished->cell_count() == 6);
    grid_outcome const rest = outcome_of(plan, {.finished = &*finished});
    CHECK(rest.cells_reused == 6);
    CHECK(comparable(rest.cells) == comparable(fresh.cells));
    CHECK(outcome_of(plan, {.finished = &*finished}).cells_reused == 12);
    CHECK(outcome_of(plan, {.finished = &*finished, .force = true}).cells_reused == 0);
}

TEST_CASE("grid: a cell of other parameters is another cell") {
    grid_plan const plan = plan_of(small_grid());
    std::vector<std::uint64_t> identities;
    for (std::size_t i = 0; i < plan.cell_count(); ++i) {
        identities.push_back(plan.identity(i));
    }
    grid other_machine = small_grid();
    other_machine.machine.context_switch_cost = duration{5'000};
    grid other_count = small_grid(301);
    identities.push_back(plan_of(other_machine).identity(0));
    identities.push_back(plan_of(other_count).identity(0));
    CHECK(plan_of(small_grid()).identity(0) == identities.front());
    std::sort(identities.begin(), identities.end());
    CHECK(std::adjacent_find(identities.begin(), identities.end()) == identities.end());
}

TEST_CASE("grid: told to stop it keeps what is finished, and a second run does the rest") {
    temporary_folder const folder;
    auto finished = journal::open(folder / "cells.jsonl");
    REQUIRE(finished.has_value());
    grid_plan const plan = plan_of(small_grid(20'000));
    std::atomic<bool> stop = false;
    grid_outcome const cut =
        outcome_of(plan, {.thread_count = 1, .finished = &*finished, .stop = &stop, .progress = [&stop](auto const& p) {
                              stop = p.cells_finished >= 2;
                          }});
    CHECK(cut.interrupted);
    CHECK(cut.failures.empty());
    CHECK(cut.cells.size() >= 2);
    CHECK(cut.cells.size() < plan.cell_count());
    CHECK(finished->cell_count() == cut.cells.size());
    grid_outcome const rest = outcome_of(plan, {.finished = &*finished});
    CHECK(!rest.interrupted);
    CHECK(rest.cells_reused == cut.cells.size());
    CHECK(rest.cells.size() == plan.cell_count());
}

TEST_CASE("grid: progress grows from nothing to everything") {
    grid_plan const plan = plan_of(small_grid());
    std::vector<grid_progress> seen;
    (void)outcome_of(plan, {.progress = [&seen](grid_progress const& p) { seen.push_back(p); }});
    REQUIRE(!seen.empty());
    CHECK(seen.front().cells_total == 12);
    CHECK(seen.back().cells_finished == 12);
    CHECK(seen.back().work_done == 1.0);
    CHECK(std::is_sorted(seen.begin(), seen.end(),
                         [](auto const& a, auto const& b) { return a.cells_finished < b.cells_finished; }));
}

TEST_CASE("grid: a policy that reads ahead says itself how far it is, and is told to stop") {
    auto policies = shipped_policies();
    std::uint64_t rows = 0;
    policies.add({.name = "hasty",
                  .description = "reads all at once",
                  .run = [&](cell_inputs const& inputs) -> result<cell_result> {
                      workload::invocation row;
                      for (rows = 0; inputs.workload.next(row).value(); ++rows) {
                      }
                      CHECK(*inputs.tasks_begun == 0); // reading does not count
                      *inputs.tasks_begun += 100;
                      while (!*inputs.stop) {
                      }
                      return error{"interrupted"};
                  },
                  .reads_ahead = true});
    grid cells = small_grid();
    cells.policies = {"hasty"};
    cells.loads = {0.5};
    cells.seeds = {1};
    auto const plan = grid_plan::make(cells, policies);
    REQUIRE(plan.has_value());
    std::atomic<bool> stop = false;
    double done = 0;
    grid_outcome const outcome = outcome_of(*plan, {.stop = &stop, .progress = [&](grid_progress const& p) {
                                                        done = done > 0 ? done : p.work_done; // the first it says
                                                        stop = done > 0;
                                                    }});
    CHECK(rows == 300);
    CHECK(done == doctest::Approx(1.0 / 3));
    CHECK(outcome.interrupted);
}

TEST_CASE("grid: a workload that breaks fails its cells and no others") {
    grid cells = small_grid();
    grid_workload broken = generated(300, workload::preset::alps_huawei);
    broken.name = "broken";
    broken.open = [](cell_key const& key) -> result<std::unique_ptr<invocation_stream>> {
        return error{"cannot be read at seed " + std::to_string(key.seed)};
    };
    cells.workloads.push_back(broken);
    grid_outcome const outcome = outcome_of(plan_of(cells));
    CHECK(outcome.cells.size() == 12);
    REQUIRE(outcome.failures.size() == 12);
    CHECK(outcome.failures.front().key.workload == "broken");
    CHECK(!outcome.interrupted);
}

TEST_CASE("grid: a policy that throws fails its cell") {
    auto policies = shipped_policies();
    policies.add("greedy", "asks for more memory than there is",
                 [](cell_inputs const&) -> result<cell_result> { throw std::bad_alloc{}; });
    grid cells = small_grid();
    cells.policies = {"greedy", "fcfs"};
    auto const plan = grid_plan::make(cells, policies);
    REQUIRE(plan.has_value());
    grid_outcome const outcome = outcome_of(*plan);
    CHECK(outcome.cells.size() == 4);
    REQUIRE(outcome.failures.size() == 4);
    CHECK(outcome.failures.front().why.message == "the simulation failed: std::bad_alloc");
}

TEST_CASE("grid: a journal that cannot be written ends the grid with an error") {
    temporary_folder const folder;
    auto full = journal::open(folder / "cells.jsonl");
    REQUIRE(full.has_value());
    // As on a full disk: the first cells fit, the next does not.
    rlimit before{};
    REQUIRE(::getrlimit(RLIMIT_FSIZE, &before) == 0);
    rlimit const small{.rlim_cur = 30'000, .rlim_max = before.rlim_max};
    auto* const old_handler = std::signal(SIGXFSZ, SIG_IGN);
    REQUIRE(::setrlimit(RLIMIT_FSIZE, &small) == 0);
    auto const outcome = run_grid(plan_of(small_grid()), {.finished = &*full});
    ::setrlimit(RLIMIT_FSIZE, &before);
    std::signal(SIGXFSZ, old_handler);
    REQUIRE(outcome.has_error());
    CHECK(outcome.error().message.starts_with("cannot write '" + (folder / "cells.jsonl") + "': "));
    auto const again = run_grid(plan_of(small_grid()), {.finished = &*full});
    REQUIRE(again.has_value());
    CHECK(again->cells_reused >= 1);
    CHECK(again->cells.size() == 12);
}

} // namespace hpcsched::experiment
