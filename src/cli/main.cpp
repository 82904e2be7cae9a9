// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/experiment/policy_registry.hpp>

#ifdef HPCSCHED_HAS_FAAS_HOST
#include <hpcsched/faas_host/shared_function_worker.hpp>
#endif

#include "command_line.hpp"
#include "commands.hpp"
#ifdef HPCSCHED_HAS_FUSE_TORCH
#include "fuse_command.hpp"
#endif

#include <iostream>
#include <utility>

namespace {

using namespace hpcsched::cli;

constexpr char const* details = R"(Examples:
  hpcsched simulate                              how the policies treat the SFS workload
  hpcsched simulate trace.csv --loads 0.7,0.9    the same for a trace of your own
  hpcsched workload describe --calibrate         published percentiles beside generated ones

Exit status: 0 success, 1 failure, 2 wrong command line or configuration file, 3 a workload that cannot be
read, 130 interrupted (finished cells are kept: the same command goes on).)";

/// `completion bash` needs the whole program, itself included.
command_spec completion_command(command_spec const& program) {
    command_spec bash{.name = "bash",
                      .description = "Print the completion script for bash",
                      .details = "To have it in every shell:\n  hpcsched completion bash > "
                                 "~/.local/share/bash-completion/completions/hpcsched",
                      .run = [&program](arguments const&) {
                          std::cout << bash_completion(program);
                          return exit_code::success;
                      }};
    return {.name = "completion",
            .description = "Print a script that completes this program's commands in a shell",
            .details = "Example:\n  source <(hpcsched completion bash)",
            .commands = {std::move(bash)}};
}

} // namespace

int main(int argument_count, char** argument_values) {
#ifdef HPCSCHED_HAS_FAAS_HOST
    if (auto const status = hpcsched::faas_host::run_if_worker(argument_count, argument_values)) {
        return *status;
    }
#endif
    auto const policies = hpcsched::experiment::shipped_policies();
    command_spec program{.name = "hpcsched",
                         .description = "Scheduling policies for FaaS workloads and notebooks: in deterministic "
                                        "simulators, and on this machine; replicated logs",
                         .details = details};
    program.commands.push_back(simulate_command(policies));
#ifdef HPCSCHED_HAS_CPU_LINUX
    program.commands.push_back(run_command(policies));
    program.commands.push_back(attach_command());
    program.commands.push_back(top_command());
#endif
#ifdef HPCSCHED_HAS_FAAS_HOST
    program.commands.push_back(serve_command());
#endif
    program.commands.push_back(workload_command());
    program.commands.push_back(notebook_command());
#ifdef HPCSCHED_HAS_GPU_CUDA
    program.commands.push_back(gpu_command());
#endif
    program.commands.push_back(predict_command());
    program.commands.push_back(raft_command());
#ifdef HPCSCHED_HAS_FUSE_TORCH
    auto const words = with_fuse_run(argument_count, argument_values);
    argument_count = static_cast<int>(words.size());
    argument_values = const_cast<char**>(words.data());
    program.commands.push_back(fuse_command(hand_over_to_fuse(words)));
#endif
    program.commands.push_back(policies_command(policies));
    program.commands.push_back(completion_command(program));
    return run_command_line(program, argument_count, argument_values);
}
