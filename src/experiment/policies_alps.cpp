// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/cpu/alps.hpp>
#include <hpcsched/experiment/linux_machines.hpp>
#include <hpcsched/experiment/simulate_on.hpp>

#include "policies.hpp"

namespace hpcsched::experiment {

void add_alps_policies(policy_registry& policies) {
    policies.add({.name = "alps",
                  .description = "ALPS (ATC'24) as the paper says: learned ranks and slices in a patched kernel",
                  .kernel = "rt, ranked_cfs (ALPS's kernel)",
                  .agent = "alps, mean trainer",
                  .run = simulate_on<linux_alps>(&old_linux_config<linux_alps>,
                                                 [](cell_inputs const&) { return cpu::alps{cpu::alps_config{}}; })});
    policies.add({.name = "alps-repo",
                  .description = "ALPS as its repository does it: slices, but no learned order",
                  .kernel = "rt, ranked_cfs (ALPS's kernel)",
                  .agent = "alps, repository",
                  .run = simulate_on<linux_alps>(&old_linux_config<linux_alps>, [](cell_inputs const&) {
                      return cpu::alps{cpu::alps_config::repository()};
                  })});
    policies.add({.name = "alps-nice",
                  .description = "ALPS's ranks spread over nice levels, for a kernel without its patches",
                  .kernel = "rt, eevdf (Linux 6.18)",
                  .agent = "alps, nice levels",
                  .run = simulate_on<linux_eevdf>(&eevdf_config, [](cell_inputs const&) {
                      return cpu::alps{cpu::alps_config{.actuator = cpu::alps_actuator::nice_levels}};
                  })});
}

} // namespace hpcsched::experiment
