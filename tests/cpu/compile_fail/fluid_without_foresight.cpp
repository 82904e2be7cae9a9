// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/cpu/processor_sharing.hpp>
#include <hpcsched/cpu/scheduling_class.hpp>

using namespace hpcsched;

/// Complete but for the next to be done.
struct near_miss : cpu::processor_sharing {
    using cpu::processor_sharing::processor_sharing;
    entity* next_completed() const noexcept = delete;
};

static_assert(cpu::fluid_class<near_miss>);
