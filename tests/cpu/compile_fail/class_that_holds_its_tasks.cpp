// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/cpu/fcfs.hpp>
#include <hpcsched/cpu/scheduling_class.hpp>

using namespace hpcsched;

/// Complete but, with a queue per CPU, for a task that may move.
struct near_miss : cpu::fcfs {
    using cpu::fcfs::fcfs;
    static constexpr cpu::run_queue_scope scope = cpu::run_queue_scope::per_cpu;
};

static_assert(cpu::scheduling_class<near_miss>);
