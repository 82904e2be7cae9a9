// SPDX-License-Identifier: Apache-2.0
#include "commands.hpp"
#include "grid_run.hpp"
#include "simulate_settings.hpp"

namespace hpcsched::cli {
namespace {

constexpr char const* details =
    R"(Examples:
  hpcsched simulate
  hpcsched simulate alps-huawei --cores 24 --loads 0.7,0.8,0.9 --seeds 5
  hpcsched simulate trace.csv --policies eevdf,serpt --loads recorded --out my-results
  hpcsched simulate --policies all --cv 0.2,1,2.33 --threads 8
  hpcsched simulate --config grid.toml --seeds 10
  mpirun hpcsched simulate --config grid.toml           (where built with MPI)

The folder of --out gets report.html (open it in a browser), results.csv, results.json and cells.jsonl, the
journal of finished cells. A cell that is in the journal with the same parameters, made by the same build, is
not run again: after Ctrl-C, or a crash, the same command goes on where it was.

The configuration file has the options' long names as keys, with _ for -: policies = ["eevdf", "serpt"],
loads = [0.8, 1.0], seeds = 5; -w is workloads = [..]; those of the machine stand in a table [machine]:
context_switch = "3.5us". Paths in it are relative to the current folder.

Times take a unit: ns, us, ms, s, min, h, d. Counts may be written 10k, 2M, 1e6.
The same seed gives every policy the same invocations. Results do not depend on --threads.

Exit status: 0 success, 1 failure, 2 wrong command line or configuration file, 3 a workload that cannot be
read, 130 interrupted.)";

} // namespace

command_spec simulate_command(experiment::policy_registry const& policies) {
    return {.name = "simulate",
            .description = "Run policies on workloads in the simulator: a table, a page, CSV and JSON",
            .details = details,
            .options = simulate_options(policies),
            .run = [&policies](arguments const& given) {
                return run_grid({.name = "hpcsched simulate"}, given, read_simulate_settings(given), policies);
            }};
}

} // namespace hpcsched::cli
