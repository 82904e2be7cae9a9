// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/cpu/all_real_time.hpp>
#include <hpcsched/cpu/hands_off.hpp>
#include <hpcsched/experiment/linux_machines.hpp>
#include <hpcsched/experiment/simulate_on.hpp>

#include "policies.hpp"

namespace hpcsched::experiment {

void add_kernel_policies(policy_registry& policies) {
    auto const hands_off = [](cell_inputs const&) { return cpu::hands_off{}; };
    policies.add({.name = "eevdf",
                  .description = "what a current Linux does if left alone: the baseline",
                  .kernel = "rt, eevdf (Linux 6.18)",
                  .agent = "none",
                  .run = simulate_on<linux_eevdf>(&eevdf_config, hands_off)});
    policies.add({.name = "cfs",
                  .description = "what Linux did until 6.5, the papers' baseline",
                  .kernel = "rt, cfs (Linux 5.15)",
                  .agent = "none",
                  .run = simulate_on<linux_cfs>(&old_linux_config<linux_cfs>, hands_off)});
    auto const all_under = [](cpu::sched_policy real_time) {
        return simulate_on<linux_cfs>(&old_linux_config<linux_cfs>, [real_time](cell_inputs const&) {
            return cpu::all_real_time{{.policy = real_time}};
        });
    };
    policies.add({.name = "fifo-rt",
                  .description = "every task under SCHED_FIFO: what the papers call FIFO",
                  .kernel = "rt, cfs (Linux 5.15)",
                  .agent = "all_real_time, fifo",
                  .run = all_under(cpu::sched_policy::fifo)});
    policies.add({.name = "rr-rt",
                  .description = "every task under SCHED_RR: what the papers call RR",
                  .kernel = "rt, cfs (Linux 5.15)",
                  .agent = "all_real_time, rr",
                  .run = all_under(cpu::sched_policy::rr)});
}

} // namespace hpcsched::experiment
