// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_TESTING_ARCHETYPES_SCHEDULING_AGENT_HPP
#define HPCSCHED_TESTING_ARCHETYPES_SCHEDULING_AGENT_HPP

#include <hpcsched/core/time.hpp>
#include <hpcsched/cpu/scheduling_agent.hpp>

namespace hpcsched::testing {

/// No more than `cpu::scheduling_agent` asks for: what compiles with it uses nothing else.
///
/// To be compiled, not linked: its members are declared only.
class minimal_scheduling_agent {
  public:
    minimal_scheduling_agent() = delete;
    minimal_scheduling_agent(minimal_scheduling_agent const&) = delete;
    minimal_scheduling_agent& operator=(minimal_scheduling_agent const&) = delete;
    minimal_scheduling_agent(minimal_scheduling_agent&&) noexcept;
    minimal_scheduling_agent& operator=(minimal_scheduling_agent&&) noexcept;
    ~minimal_scheduling_agent();

    void handle(cpu::started const&, time_point, cpu::command_sink&) noexcept;
    void handle(cpu::task_arrived const&, time_point, cpu::command_sink&) noexcept;
    void handle(cpu::task_blocked const&, time_point, cpu::command_sink&) noexcept;
    void handle(cpu::task_woke const&, time_point, cpu::command_sink&) noexcept;
    void handle(cpu::task_exited const&, time_point, cpu::command_sink&) noexcept;
    void handle(cpu::timer_fired const&, time_point, cpu::command_sink&) noexcept;
    void handle(cpu::cpu_timer_fired const&, time_point, cpu::command_sink&) noexcept;
    void handle(cpu::stopping const&, time_point, cpu::command_sink&) noexcept;
};

static_assert(cpu::scheduling_agent<minimal_scheduling_agent>);

} // namespace hpcsched::testing

#endif
