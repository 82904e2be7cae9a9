// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_CLI_COMMANDS_HPP
#define HPCSCHED_CLI_COMMANDS_HPP

#include <hpcsched/experiment/policy_registry.hpp>

#include "command_line.hpp"

#include <string>

namespace hpcsched::cli {

// The commands of the program, each with its options, its help and what it does.
[[nodiscard]] command_spec simulate_command(experiment::policy_registry const& policies);
[[nodiscard]] command_spec run_command(experiment::policy_registry const& policies); // where cpu_linux is built
[[nodiscard]] command_spec attach_command();                                         // likewise
[[nodiscard]] command_spec top_command();                                            // likewise
[[nodiscard]] command_spec serve_command();                                          // where faas_host is built
[[nodiscard]] command_spec gpu_command();                                            // where gpu_cuda is built
[[nodiscard]] command_spec workload_command();
[[nodiscard]] command_spec notebook_command();
[[nodiscard]] command_spec notebook_simulate_command();
[[nodiscard]] command_spec notebook_install_command();      // where notebook_host is built
[[nodiscard]] command_spec notebook_kernel_command();       // likewise
[[nodiscard]] command_spec notebook_serve_command();        // likewise
[[nodiscard]] command_spec notebook_status_command();       // likewise
[[nodiscard]] command_spec notebook_drain_command();        // likewise
[[nodiscard]] command_spec notebook_certificates_command(); // likewise
[[nodiscard]] command_spec predict_command();
[[nodiscard]] command_spec predict_cluster_command();
[[nodiscard]] command_spec predict_physics_command(); // where predict_bullet is built
[[nodiscard]] command_spec raft_command();
[[nodiscard]] command_spec raft_serve_command();   // where raft_asio is built
[[nodiscard]] command_spec raft_kv_command();      // likewise
[[nodiscard]] command_spec raft_bench_command();   // likewise
[[nodiscard]] command_spec raft_inspect_command(); // where raft_log is built
[[nodiscard]] command_spec policies_command(experiment::policy_registry const& policies);

/// All policies as an aligned list, each line ended.
[[nodiscard]] std::string policy_list(experiment::policy_registry const& policies);

} // namespace hpcsched::cli

#endif
