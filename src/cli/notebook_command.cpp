// SPDX-License-Identifier: Apache-2.0
#include "commands.hpp"

namespace hpcsched::cli {

command_spec notebook_command() {
    command_spec notebook{.name = "notebook",
                          .description = "Notebooks that share GPUs: simulate a cluster of them; a kernel for Jupyter",
                          .commands = {notebook_simulate_command()}};
#ifdef HPCSCHED_HAS_NOTEBOOK_HOST
    notebook.commands.push_back(notebook_install_command());
    notebook.commands.push_back(notebook_kernel_command());
    notebook.commands.push_back(notebook_serve_command());
    notebook.commands.push_back(notebook_status_command());
    notebook.commands.push_back(notebook_drain_command());
    notebook.commands.push_back(notebook_certificates_command());
#endif
    return notebook;
}

} // namespace hpcsched::cli
