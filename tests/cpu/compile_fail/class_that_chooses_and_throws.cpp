// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/cpu/fcfs.hpp>
#include <hpcsched/cpu/scheduling_class.hpp>

using namespace hpcsched;

/// Complete but that its choice might throw.
struct near_miss : cpu::fcfs {
    using cpu::fcfs::fcfs;
    cpu::pick<entity> pick_next(cpu_id, time_point) { return {}; }
};

static_assert(cpu::scheduling_class<near_miss>);
