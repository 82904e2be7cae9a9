// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_CLI_GRID_RUN_HPP
#define HPCSCHED_CLI_GRID_RUN_HPP

#include <hpcsched/experiment/grid.hpp>
#include <hpcsched/experiment/policy_registry.hpp>
#include <hpcsched/experiment/report.hpp>

#include "failure.hpp"
#include "simulate_settings.hpp"

#include <functional>
#include <string>
#include <vector>

namespace hpcsched::cli {

/// The command that a grid is run for.
struct grid_command {
    std::string name{};               ///< "hpcsched simulate", in front of its messages
    experiment::policy_roles roles{}; ///< of its policies; which are idealised, the registry says

    /// Changes the workloads that the settings ask for, or adds some, before the grid is laid out; null: neither.
    std::function<void(std::vector<experiment::grid_workload>&)> amend_workloads{};
};

/// Runs the grid that the settings ask for, which were read from `given`, keeps its journal, shows its progress, and
/// writes its results.
/// \throws failure  of every kind
[[nodiscard]] exit_code run_grid(grid_command const& command, arguments const& given, simulate_settings const& settings,
                                 experiment::policy_registry const& policies);

} // namespace hpcsched::cli

#endif
