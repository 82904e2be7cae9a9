// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/cpu/hybrid.hpp>
#include <hpcsched/experiment/linux_machines.hpp>
#include <hpcsched/experiment/simulate_on.hpp>

#include "policies.hpp"

namespace hpcsched::experiment {

void add_hybrid_policies(policy_registry& policies) {
    policies.add(
        {.name = "hybrid",
         .description = "half of the CPUs first come, first served, half fair: built for the bill, not the wait",
         .kernel = "rt, eevdf (Linux 6.18)",
         .agent = "hybrid",
         .run = simulate_on<linux_eevdf>(&eevdf_config, [](cell_inputs const&) { return cpu::hybrid{}; })});
}

} // namespace hpcsched::experiment
