// SPDX-License-Identifier: Apache-2.0
#include "commands.hpp"

#include <algorithm>
#include <cstddef>
#include <iostream>

namespace hpcsched::cli {

std::string policy_list(experiment::policy_registry const& policies) {
    std::size_t name_width = 0, kernel_width = 0;
    for (experiment::policy const& policy : policies.policies()) {
        name_width = std::max(name_width, policy.name.size());
        kernel_width = std::max(kernel_width, policy.kernel.size());
    }
    std::string text;
    for (experiment::policy const& policy : policies.policies()) {
        text += policy.name + std::string(name_width + 2 - policy.name.size(), ' ');
        text += policy.kernel + std::string(kernel_width + 2 - policy.kernel.size(), ' ');
        text += policy.description + '\n';
    }
    return text;
}

command_spec policies_command(experiment::policy_registry const& policies) {
    return {.name = "policies",
            .description = "List the scheduling policies: name, simulated kernel, what it does",
            .details =
                "A policy is a kernel (its scheduling classes in priority order) and an agent that steers it "
                "from user\nspace. srpt, psjf, sjf, fcfs, rr, ps and mlfq are the textbook's: they run on a machine "
                "without costs.",
            .run = [&policies](arguments const&) {
                std::cout << policy_list(policies);
                return exit_code::success;
            }};
}

} // namespace hpcsched::cli
