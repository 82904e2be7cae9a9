// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/cpu/hands_off.hpp>
#include <hpcsched/cpu/scheduling_agent.hpp>

using namespace hpcsched;

/// A driver cannot unwind amid a decision.
struct near_miss : cpu::hands_off {
    using cpu::hands_off::handle;
    void handle(cpu::task_arrived const&, time_point, cpu::command_sink&) {}
};

static_assert(cpu::scheduling_agent<near_miss>);
