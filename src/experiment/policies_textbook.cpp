// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/cpu/fcfs.hpp>
#include <hpcsched/cpu/hands_off.hpp>
#include <hpcsched/cpu/mlfq.hpp>
#include <hpcsched/cpu/processor_sharing.hpp>
#include <hpcsched/cpu/round_robin.hpp>
#include <hpcsched/cpu/srpt.hpp>
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
    policies.add({.name = "srpt",
                  .description = "shortest remaining processing time first: the oracle, which knows every demand",
                  .kernel = "srpt",
                  .agent = "none",
                  .run = textbook<cpu::srpt>(),
                  .idealised = true});
    policies.add({.name = "psjf",
                  .description = "preemptive shortest job first: by total demand, known beforehand",
                  .kernel = "psjf",
                  .agent = "none",
                  .run = textbook<cpu::psjf>(),
                  .idealised = true});
    policies.add({.name = "sjf",
                  .description = "shortest job first, never preempted: by total demand, known beforehand",
                  .kernel = "sjf",
                  .agent = "none",
                  .run = textbook<cpu::sjf>(),
                  .idealised = true});
    policies.add({.name = "fcfs",
                  .description = "first come, first served, never preempted",
                  .kernel = "fcfs",
                  .agent = "none",
                  .run = textbook<cpu::fcfs>(),
                  .idealised = true});
    policies.add({.name = "rr",
                  .description = "round robin: equal slices in turn",
                  .kernel = "round_robin",
                  .agent = "none",
                  .run = textbook<cpu::round_robin>(),
                  .idealised = true});
    policies.add({.name = "ps",
                  .description = "processor sharing: every task at once, each at the same rate",
                  .kernel = "processor_sharing",
                  .agent = "none",
                  .run = textbook<cpu::processor_sharing>(),
                  .idealised = true});
    policies.add({.name = "mlfq",
                  .description = "multi-level feedback queue: long tasks sink to longer slices and lower levels",
                  .kernel = "mlfq",
                  .agent = "none",
                  .run = textbook<cpu::mlfq>(),
                  .idealised = true});
}

} // namespace hpcsched::experiment
