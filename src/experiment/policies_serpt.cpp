// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/cpu/serpt.hpp>
#include <hpcsched/experiment/linux_machines.hpp>
#include <hpcsched/experiment/simulate_on.hpp>

#include "policies.hpp"

namespace hpcsched::experiment {

void add_serpt_policies(policy_registry& policies) {
    auto const with = [](double fairness) {
        return simulate_on<linux_eevdf>(&eevdf_config,
                                        [fairness](cell_inputs const&) { return cpu::serpt{{.fairness = fairness}}; });
    };
    policies.add({.name = "serpt",
                  .description = "this library's own: shortest expected remaining time, learned, half of it fair",
                  .kernel = "rt, eevdf (Linux 6.18)",
                  .agent = "serpt",
                  .run = with(cpu::serpt_config{}.fairness)});
    policies.add({.name = "serpt-mean",
                  .description = "serpt without fairness: the lowest mean, and the longest waits",
                  .kernel = "rt, eevdf (Linux 6.18)",
                  .agent = "serpt",
                  .run = with(0)});
    policies.add({.name = "serpt-fair",
                  .description = "serpt with nothing but fairness: the fair sojourn protocol (SIGMETRICS'03), learned",
                  .kernel = "rt, eevdf (Linux 6.18)",
                  .agent = "serpt",
                  .run = with(1)});
}

} // namespace hpcsched::experiment
