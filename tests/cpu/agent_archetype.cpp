// SPDX-License-Identifier: Apache-2.0

// Compiled, not linked: what takes an agent uses no more of it than the concept grants.
#include <hpcsched/core/result.hpp>
#include <hpcsched/cpu/fcfs.hpp>
#include <hpcsched/cpu_sim/machine.hpp>
#include <hpcsched/cpu_sim/observer.hpp>
#include <hpcsched/testing/archetypes/scheduling_agent.hpp>
#include <hpcsched/testing/conformance/scheduling_agent.hpp>
#include <hpcsched/workload/in_memory.hpp>

#include <string>
#include <vector>

namespace hpcsched {

template result<cpu_sim::run_summary>
cpu_sim::machine<cpu::fcfs>::run(workload::in_memory&, testing::minimal_scheduling_agent&, cpu_sim::silent&) const;

template std::vector<std::string> testing::check_scheduling_agent(testing::minimal_scheduling_agent (*)(),
                                                                  testing::agent_conformance const&);

} // namespace hpcsched
