// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/cpu/processor_sharing.hpp>
#include <hpcsched/cpu/scheduling_class.hpp>

#include <cstddef>

using namespace hpcsched;

/// Complete but for being told how many CPUs there are.
struct near_miss : cpu::processor_sharing {
    using cpu::processor_sharing::processor_sharing;
    void set_capacity(std::size_t, time_point) noexcept = delete;
};

static_assert(cpu::fluid_class<near_miss>);
