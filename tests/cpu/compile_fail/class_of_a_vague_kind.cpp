// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/cpu/fcfs.hpp>
#include <hpcsched/cpu/scheduling_class.hpp>

using namespace hpcsched;

/// Complete but for a scope that is one.
struct near_miss : cpu::fcfs {
    using cpu::fcfs::fcfs;
    static constexpr char const* scope = "global";
};

static_assert(cpu::scheduling_class<near_miss>);
