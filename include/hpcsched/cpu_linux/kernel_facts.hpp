// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_CPU_LINUX_KERNEL_FACTS_HPP
#define HPCSCHED_CPU_LINUX_KERNEL_FACTS_HPP

#include <hpcsched/core/time.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace hpcsched::cpu_linux {

/// Whether something works for this process on this kernel, and if not, why and what would help.
struct ability {
    bool works = false;
    std::string why_not{}; ///< empty where it works
};

/// The version of the control groups that the CPU controller is in.
enum class cgroup_version : std::uint8_t { none, v1, v2 };

/// What this kernel and this user may do, as tried just now rather than guessed from versions.
struct kernel_facts {
    std::string release{};          ///< "6.18.44"
    std::uint32_t cpu_count = 1;    ///< CPUs that this process may run on
    duration tick{};                ///< period of the scheduler tick; 0: not known
    cgroup_version cgroup{};        ///< of the CPU controller
    std::string cgroup_path{};      ///< this process's group in it, as a folder; empty: none
    ability real_time{};            ///< SCHED_FIFO for a process of one's own
    ability raise_nice{};           ///< nice below 0
    ability custom_slice{};         ///< `sched_setattr` with a slice (EEVDF, Linux 6.12)
    ability fair_across_sessions{}; ///< nice counts between sessions: no autogroup stands between
    ability bpf_sensor{};           ///< sleeps, wake-ups and exits told by BPF
    ability cpu_clock_overflow{};   ///< the end of a slice told by perf, in 0.2 ms
    ability sched_ext{};            ///< a scheduling class made of BPF
    ability real_time_unhindered{}; ///< no normal thread of the kernel that may hold locks for long (DAMON's)
};

/// Tries everything that `kernel_facts` names, on this process or on a child made for it, and leaves no trace.
/// \complexity some milliseconds: it loads a BPF program
[[nodiscard]] kernel_facts probe_kernel();

/// Whether processes in groups below a control group, as containers are, may be real-time: tried in a new group there.
/// In a version 1 hierarchy a new group has no real-time budget, so its processes are refused what their parents may.
/// Where no group can be made it is what `probe_kernel` says of this process.
/// \param cgroup  its path in the CPU controller's hierarchy: "/docker"
[[nodiscard]] ability probe_real_time_below(std::string const& cgroup);

/// One row of `backend_table`.
struct backend_row {
    std::string name{};
    bool works = false;
    std::string remark{}; ///< why not, or what it lacks
};

/// The backends, the best first, and whether they work here.
[[nodiscard]] std::vector<backend_row> backend_table(kernel_facts const& facts);

/// Facts and backends as people read them, in one table of plain text.
[[nodiscard]] std::string to_text(kernel_facts const& facts);

} // namespace hpcsched::cpu_linux

#endif
