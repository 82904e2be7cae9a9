// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/cpu/sfs.hpp>
#include <hpcsched/experiment/linux_machines.hpp>
#include <hpcsched/experiment/simulate_on.hpp>

#include "policies.hpp"

namespace hpcsched::experiment {

void add_sfs_policies(policy_registry& policies) {
    auto const paper = [](cell_inputs const&) { return cpu::sfs{cpu::sfs_config{}}; };
    auto const repository = [](cell_inputs const&) { return cpu::sfs{cpu::sfs_config::repository()}; };
    policies.add({.name = "sfs",
                  .description = "SFS (SC'22) as the paper says: a first slice in real time, then the fair class",
                  .kernel = "rt, eevdf (Linux 6.18)",
                  .agent = "sfs",
                  .run = simulate_on<linux_eevdf>(&eevdf_config, paper)});
    policies.add({.name = "sfs-repo",
                  .description = "SFS as its repository does it, quirks and polling included",
                  .kernel = "rt, eevdf (Linux 6.18)",
                  .agent = "sfs, repository",
                  .run = simulate_on<linux_eevdf>(&eevdf_config, repository)});
    policies.add({.name = "sfs-cfs",
                  .description = "SFS as the paper says, on a kernel of its time",
                  .kernel = "rt, cfs (Linux 5.15)",
                  .agent = "sfs",
                  .run = simulate_on<linux_cfs>(&old_linux_config<linux_cfs>, paper)});
    policies.add({.name = "sfs-ranks",
                  .description = "SFS on ALPS's hooks, without real time: the SFS that ALPS was compared with",
                  .kernel = "rt, ranked_cfs (ALPS's kernel)",
                  .agent = "sfs, ranks",
                  .run = simulate_on<linux_alps>(&old_linux_config<linux_alps>, [](cell_inputs const&) {
                      return cpu::sfs{cpu::sfs_config{.actuator = cpu::sfs_actuator::ranks}};
                  })});
}

} // namespace hpcsched::experiment
