// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/cpu/fcfs.hpp>
#include <hpcsched/cpu/scheduling_class.hpp>

using namespace hpcsched;

/// Complete but for being told what ran.
struct near_miss : cpu::fcfs {
    using cpu::fcfs::fcfs;
    void account(entity&, cpu_id, duration, time_point) = delete;
};

static_assert(cpu::scheduling_class<near_miss>);
