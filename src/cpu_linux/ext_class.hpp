// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_CPU_LINUX_EXT_CLASS_HPP
#define HPCSCHED_CPU_LINUX_EXT_CLASS_HPP

#include <hpcsched/cpu_linux/process.hpp>

namespace hpcsched::cpu_linux::detail {

/// Gives `process`, all its threads, the policy SCHED_EXT with `nice`. Threads and children made later inherit it.
///
/// A thread that has it already is taken out of its queue and put in again, as the scheduler wants it whose order has
/// changed, if its nice or its `slice` differs from what it had. Only the fair class uses that slice.
[[nodiscard]] outcome set_ext_class(process_id process, int nice, duration slice) noexcept;

} // namespace hpcsched::cpu_linux::detail

#endif
