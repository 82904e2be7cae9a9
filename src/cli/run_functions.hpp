// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_CLI_RUN_FUNCTIONS_HPP
#define HPCSCHED_CLI_RUN_FUNCTIONS_HPP

#include <hpcsched/experiment/grid.hpp>
#include <hpcsched/experiment_linux/function_command.hpp>

#include "simulate_settings.hpp"

#include <string>
#include <vector>

namespace hpcsched::cli {

/// The commands that `hpcsched run --command` names, each "NAME=COMMAND", with what they take.
///
/// They are measured once, and kept in the folder of the results: the cells that are finished there were run with those
/// times. `settings.force` measures them again.
/// \throws failure  usage: what is wrong with a name; failure: a command fails, or the file cannot be read or written
[[nodiscard]] std::vector<experiment_linux::function_command> measured_commands(std::vector<std::string> const& given,
                                                                                simulate_settings const& settings);

/// Checks that some workload has each function.
/// \param key  of a cell of the grid
/// \throws failure  usage: the first that is in none, with those that are
void check_functions(std::vector<experiment_linux::function_command> const& commands,
                     std::vector<experiment::grid_workload> const& workloads, experiment::cell_key key);

} // namespace hpcsched::cli

#endif
