// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/cpu/fcfs.hpp>
#include <hpcsched/cpu/hands_off.hpp>
#include <hpcsched/cpu_sim/machine.hpp>
#include <hpcsched/cpu_sim/machine_config.hpp>
#include <hpcsched/experiment/simulate_on.hpp>

#include "policies.hpp"

namespace hpcsched::experiment {
namespace {

/// A textbook class on a machine without costs.
template <class Class>
cell_runner textbook() {
    using machine = cpu_sim::machine<Class>;
    return simulate_on<machine>(
        [](cell_inputs const& inputs) {
            return typename machine::config{cpu_sim::machine_config::ideal(inputs.machine.cpu_count), {}};
        },
        [](cell_inputs const&) { return cpu::hands_off{}; });
}

} // namespace

void add_textbook_policies(policy_registry& policies) {
    policies.add({.name = "fcfs",
                  .description = "first come, first served, never preempted; no costs",
                  .kernel = "fcfs, ideal machine",
                  .agent = "none",
                  .run = textbook<cpu::fcfs>()});
}

} // namespace hpcsched::experiment
