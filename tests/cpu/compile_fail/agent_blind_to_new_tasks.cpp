// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/cpu/hands_off.hpp>
#include <hpcsched/cpu/scheduling_agent.hpp>

using namespace hpcsched;

/// Complete but for one event.
struct near_miss : cpu::hands_off {
    using cpu::hands_off::handle;
    void handle(cpu::task_arrived const&, time_point, cpu::command_sink&) noexcept = delete;
};

static_assert(cpu::scheduling_agent<near_miss>);
