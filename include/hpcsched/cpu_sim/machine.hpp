// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_CPU_SIM_MACHINE_HPP
#define HPCSCHED_CPU_SIM_MACHINE_HPP

#include <hpcsched/core/assert.hpp>
#include <hpcsched/cpu/hands_off.hpp>
#include <hpcsched/cpu/scheduling_agent.hpp>
#include <hpcsched/cpu/scheduling_class.hpp>
#include <hpcsched/cpu_sim/detail/engine.hpp>
#include <hpcsched/cpu_sim/machine_config.hpp>
#include <hpcsched/cpu_sim/observer.hpp>
#include <hpcsched/cpu_sim/run_summary.hpp>
#include <hpcsched/workload/invocation.hpp>

#include <tuple>
#include <utility>

namespace hpcsched::cpu_sim {

/// What a simulated kernel can be made of: scheduling classes, the last of which may be fluid.
template <class C>
concept kernel_class = cpu::scheduling_class<C> || cpu::fluid_class<C>;

/// A simulated multi-core machine whose kernel is a list of scheduling classes in priority order.
///
/// `machine<cpu::rt, cpu::eevdf>` is a Linux, `machine<cpu::srpt>` is the oracle. Per-CPU queues have wake-up
/// placement, idle stealing and periodic balance; a global queue keeps the CPUs on its most urgent tasks. Slices end
/// at the tick where the class says so. Context switches, migrations and the agent cost CPU time, as configured.
///
/// Simultaneous events have one order: CPUs (the lower first), the fluid class, wake-ups, agent timers, CPU timers,
/// deferred commands, balances, arrivals. So a run is a function of configuration, workload and agent, to the bit.
///
/// \source the mechanisms are Linux's in their effect, not in their code: no topology, no load averages, all ticks
///         coincide, balancing looks at run-queue lengths
template <kernel_class... Classes>
class machine {
  public:
    struct config {
        machine_config hardware{};                         ///< CPUs, costs, tick
        std::tuple<typename Classes::config...> classes{}; ///< one configuration per class, in the order of the classes
    };

    /// \pre validate(config.hardware) holds
    explicit machine(config c) : config_{std::move(c)} { HPCSCHED_ASSERT(validate(config_.hardware).has_value()); }

    /// A machine with the default configuration of every class.
    explicit machine(machine_config hardware) : machine{config{std::move(hardware), {}}} {}

    /// Runs the workload until every task has exited. Each run starts from scratch.
    ///
    /// \param source    invocations in order of arrival; read one ahead, never held
    /// \param agent     told of every event from `started` to `stopping`; `hands_off` costs nothing
    /// \param observer  told what happened, at the time it happened
    /// \error the source's, and nothing else
    /// \complexity O((events) x log(tasks alive)); memory O(tasks alive at one time)
    /// \thread_safety runs of different machines are independent; one thread drives one run
    template <workload::invocation_source Source, cpu::scheduling_agent Agent, machine_observer Observer>
    [[nodiscard]] result<run_summary> run(Source& source, Agent& agent, Observer& observer) const {
        detail::engine<Agent, Observer, Classes...> engine{config_, agent, observer};
        return engine.run(source);
    }

    /// Runs the workload with the kernel left to itself.
    template <workload::invocation_source Source, machine_observer Observer>
    [[nodiscard]] result<run_summary> run(Source& source, Observer& observer) const {
        cpu::hands_off agent;
        return run(source, agent, observer);
    }

  private:
    config config_;
};

} // namespace hpcsched::cpu_sim

#endif
