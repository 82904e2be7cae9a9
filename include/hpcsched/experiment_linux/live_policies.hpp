// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_EXPERIMENT_LINUX_LIVE_POLICIES_HPP
#define HPCSCHED_EXPERIMENT_LINUX_LIVE_POLICIES_HPP

#include <hpcsched/core/result.hpp>
#include <hpcsched/cpu_linux/live_kernel.hpp>
#include <hpcsched/experiment/policy_registry.hpp>
#include <hpcsched/experiment_linux/function_command.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace hpcsched::experiment_linux {

/// How cells are run with real processes.
struct live_options {
    double disturbed_above = 0.05; ///< share of the machine that others may take before a run does not count, 0 .. 1
    commands_of_cell commands{};   ///< functions that are commands; null: none is
    cpu_linux::sensor from = cpu_linux::sensor::automatic;
};

/// An agent on this machine's own kernel, and what the simulator has in its place.
struct live_policy {
    std::string name{};        ///< "serpt-scx-live"
    std::string called{};      ///< "serpt-scx": by those who run it
    std::string simulated{};   ///< "serpt": the policy of `experiment::shipped_policies` that foretells it
    std::string description{}; ///< one line
};

/// The policies that can be run live.
[[nodiscard]] std::vector<live_policy> const& live_policies();

/// The same as runners of cells: a cell's invocations become processes on this machine, one after the other in real
/// time. Add them to a registry and run the grid on one thread.
///
/// Each invocation is a process that uses the CPU for its service time and sleeps for its blocking segments, or a
/// command, forked ahead and let go at its arrival whatever else happens (an open loop). Turnaround counts from the
/// arrival; the service time of a command is what it took. The processes have a CPU control group of their own where
/// one can be made, of the weight of one thread on each CPU, and the first `key.cpu_count` CPUs.
///
/// A run that others took more than `disturbed_above` of the CPUs from is an error, not a result: it would say more of
/// them than of the policy. So is one in which a command failed, or more than a hundredth of the processes began 0.1 s
/// after their arrival or later.
[[nodiscard]] std::vector<experiment::policy> live_runners(live_options const& options = {});

/// Whether a policy, by what it is called, can be run live here.
/// \error what is missing, and what would help
[[nodiscard]] result<void> check_live(std::string_view called);

} // namespace hpcsched::experiment_linux

#endif
