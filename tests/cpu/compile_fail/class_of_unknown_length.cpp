// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/cpu/fcfs.hpp>
#include <hpcsched/cpu/scheduling_class.hpp>

#include <cstddef>

using namespace hpcsched;

/// Complete but for its length.
struct near_miss : cpu::fcfs {
    using cpu::fcfs::fcfs;
    std::size_t waiting_count() const noexcept = delete;
};

static_assert(cpu::scheduling_class<near_miss>);
