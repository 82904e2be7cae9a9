// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_CPU_LINUX_MEMORY_MONITOR_HPP
#define HPCSCHED_CPU_LINUX_MEMORY_MONITOR_HPP

#include <hpcsched/cpu_linux/kernel_facts.hpp>

#include <filesystem>

namespace hpcsched::cpu_linux::detail {

/// Looks for DAMON's threads of the kernel ("kdamond.0") that are not real-time themselves. One walks through who has
/// mapped what, and while it waits for a CPU behind real-time tasks, these may wait for the locks that it holds.
/// \param proc  where the kernel tells of processes
/// \return works: there is none; else which, and the command that lifts it
[[nodiscard]] ability look_for_memory_monitor(std::filesystem::path const& proc = "/proc");

} // namespace hpcsched::cpu_linux::detail

#endif
