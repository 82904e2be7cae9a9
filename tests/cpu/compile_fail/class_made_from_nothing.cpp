// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/cpu/fcfs.hpp>
#include <hpcsched/cpu/scheduling_class.hpp>

using namespace hpcsched;

/// Complete but for a constructor from its configuration.
struct near_miss : cpu::fcfs {
    near_miss() = default;
};

static_assert(cpu::scheduling_class<near_miss>);
