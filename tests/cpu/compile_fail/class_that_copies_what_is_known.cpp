// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/cpu/fcfs.hpp>
#include <hpcsched/cpu/scheduling_class.hpp>

using namespace hpcsched;

/// Complete but for an entity that points to its task.
struct near_miss : cpu::fcfs {
    using cpu::fcfs::fcfs;
    struct entity : cpu::fcfs::entity {
        cpu::task_info task;
    };
};

static_assert(cpu::scheduling_class<near_miss>);
