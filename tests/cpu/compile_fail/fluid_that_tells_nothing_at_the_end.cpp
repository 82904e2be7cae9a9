// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/cpu/processor_sharing.hpp>
#include <hpcsched/cpu/scheduling_class.hpp>

using namespace hpcsched;

/// Complete but for what was done.
struct near_miss : cpu::processor_sharing {
    using cpu::processor_sharing::processor_sharing;
    void dequeue(entity&, time_point) noexcept {}
};

static_assert(cpu::fluid_class<near_miss>);
