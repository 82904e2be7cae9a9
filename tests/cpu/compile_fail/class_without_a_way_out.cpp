// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/cpu/fcfs.hpp>
#include <hpcsched/cpu/scheduling_class.hpp>

using namespace hpcsched;

/// Complete but for a way out.
struct near_miss : cpu::fcfs {
    using cpu::fcfs::fcfs;
    void dequeue(entity&, cpu::dequeue_reason, time_point) = delete;
};

static_assert(cpu::scheduling_class<near_miss>);
