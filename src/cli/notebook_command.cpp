// SPDX-License-Identifier: Apache-2.0
#include "commands.hpp"

namespace hpcsched::cli {

command_spec notebook_command() {
    return {.name = "notebook",
            .description = "Notebooks that share GPUs: simulate a cluster of them",
            .commands = {notebook_simulate_command()}};
}

} // namespace hpcsched::cli
