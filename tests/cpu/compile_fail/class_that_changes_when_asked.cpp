// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/cpu/fcfs.hpp>
#include <hpcsched/cpu/scheduling_class.hpp>

using namespace hpcsched;

/// Complete but that asking whether a task takes the CPU may change it.
struct near_miss : cpu::fcfs {
    using cpu::fcfs::fcfs;
    bool preempts(entity const&, entity const&, time_point) noexcept { return false; }
};

static_assert(cpu::scheduling_class<near_miss>);
