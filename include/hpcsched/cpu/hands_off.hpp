// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_CPU_HANDS_OFF_HPP
#define HPCSCHED_CPU_HANDS_OFF_HPP

#include <hpcsched/cpu/scheduling_agent.hpp>

namespace hpcsched::cpu {

/// Leaves everything to the kernel: the baseline that every agent is compared with.
class hands_off {
  public:
    void handle(started const&, time_point, command_sink&) noexcept {}
    void handle(task_arrived const&, time_point, command_sink&) noexcept {}
    void handle(task_blocked const&, time_point, command_sink&) noexcept {}
    void handle(task_woke const&, time_point, command_sink&) noexcept {}
    void handle(task_exited const&, time_point, command_sink&) noexcept {}
    void handle(timer_fired const&, time_point, command_sink&) noexcept {}
    void handle(cpu_timer_fired const&, time_point, command_sink&) noexcept {}
    void handle(stopping const&, time_point, command_sink&) noexcept {}
};

static_assert(scheduling_agent<hands_off>);

} // namespace hpcsched::cpu

#endif
