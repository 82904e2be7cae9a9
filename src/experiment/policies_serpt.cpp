// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/cpu/serpt.hpp>
#include <hpcsched/experiment/linux_machines.hpp>
#include <hpcsched/experiment/simulate_on.hpp>

#include "policies.hpp"

namespace hpcsched::experiment {

void add_serpt_policies(policy_registry& policies) {
    policies.add({.name = "serpt",
                  .description = "this library's own: shortest expected remaining time, learned, with an ageing bound",
                  .kernel = "rt, eevdf (Linux 6.18)",
                  .agent = "serpt",
                  .run = simulate_on<linux_eevdf>(&eevdf_config, [](cell_inputs const&) { return cpu::serpt{}; })});
}

} // namespace hpcsched::experiment
