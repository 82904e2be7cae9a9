// SPDX-License-Identifier: Apache-2.0
#include "commands.hpp"

namespace hpcsched::cli {

command_spec workload_command() {
    return {.name = "workload",
            .description = "Describe, generate and convert workloads",
            .commands = {
                {.name = "describe", .description = "x", .run = [](arguments const&) { return exit_code::success; }}}};
}

} // namespace hpcsched::cli
