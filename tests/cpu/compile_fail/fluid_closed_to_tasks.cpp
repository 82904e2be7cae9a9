// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/cpu/processor_sharing.hpp>
#include <hpcsched/cpu/scheduling_class.hpp>

using namespace hpcsched;

/// Complete but for a way in.
struct near_miss : cpu::processor_sharing {
    using cpu::processor_sharing::processor_sharing;
    void enqueue(entity&, duration, time_point) noexcept = delete;
};

static_assert(cpu::fluid_class<near_miss>);
