// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_EXPERIMENT_LINUX_FUNCTION_COMMAND_HPP
#define HPCSCHED_EXPERIMENT_LINUX_FUNCTION_COMMAND_HPP

#include <hpcsched/core/result.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/experiment/cell_result.hpp>
#include <hpcsched/experiment/grid.hpp>

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

namespace hpcsched::experiment_linux {

/// A function that is a command of this machine, and what an invocation of it takes when nothing else runs.
struct function_command {
    std::string function{};
    std::string command{}; ///< a program and its arguments, quoted as in a shell
    duration cpu_time{};   ///< > 0; that of the processes it waits for included
    duration turnaround{}; ///< from its start to its end, > 0

    friend bool operator==(function_command const&, function_command const&) = default;
};

/// Runs a command some times, one after the other, and takes the medians. What it writes to its standard output is
/// dropped, to its standard error it may complain.
/// \pre runs > 0
/// \error it is no command, it cannot be started, or it fails: how
[[nodiscard]] result<function_command> measured_command(std::string function, std::string command, int runs = 5);

/// A workload of which some functions are commands: its arrivals and functions, with what the commands take in place of
/// what the functions took. A cell's load holds for that; a load of 0 leaves the arrivals as they are.
///
/// What a command waits for is taken to come in one piece, half-way. Its invocations are taken to be all alike, and to
/// have one thread.
/// \pre `inner` knows the names of its functions
[[nodiscard]] experiment::grid_workload with_commands(experiment::grid_workload inner,
                                                      std::vector<function_command> commands);

/// Commands as a workload of their own, "commands": each invocation is any of them, equally likely, and arrivals are a
/// Poisson process, or have the arrival CV of the cell.
/// \pre there is a command, and `count` > 0
[[nodiscard]] experiment::grid_workload commands_workload(std::vector<function_command> commands, std::uint64_t count);

/// The command of each function of a cell's workload, by `function_id::value`; empty where it has none.
using commands_of_cell = std::function<result<std::vector<std::string>>(experiment::cell_key const&)>;

/// Finds them by the names of the functions. Workloads of the grid that the commands are not part of have none.
[[nodiscard]] commands_of_cell find_commands(std::vector<experiment::grid_workload> workloads,
                                             std::vector<function_command> commands);

} // namespace hpcsched::experiment_linux

#endif
