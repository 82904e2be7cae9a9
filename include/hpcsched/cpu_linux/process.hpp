// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_CPU_LINUX_PROCESS_HPP
#define HPCSCHED_CPU_LINUX_PROCESS_HPP

#include <hpcsched/core/result.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/cpu/scheduling_agent.hpp>
#include <hpcsched/cpu/task.hpp>

#include <cstdint>
#include <string>

namespace hpcsched::cpu_linux {

/// A process by its id in this process's PID namespace. On a live kernel a *task* of an agent is a process with all
/// its threads: what `fork` made, what exits as one.
using process_id = std::int32_t;

/// A process, and no later one that is given its id again.
struct process_key {
    process_id id = 0;
    std::uint64_t started = 0; ///< clock ticks since boot; 0: it is gone

    friend bool operator==(process_key const&, process_key const&) = default;
};

/// Who has that id now.
/// \complexity three system calls
[[nodiscard]] process_key key_of(process_id process) noexcept;

/// The calling process.
[[nodiscard]] process_id own_process() noexcept;

/// `CLOCK_MONOTONIC`: the time line of everything live, the kernel's BPF programs included.
[[nodiscard]] time_point now() noexcept;

/// What the kernel is asked to do for one task; what a new process has is the default.
struct scheduling {
    cpu::sched_policy policy = cpu::sched_policy::normal;
    int rt_priority = 0; ///< 1 .. 99 under fifo and rr
    int nice = 0;        ///< -20 .. 19; kept, but without effect under fifo and rr
    duration slice{};    ///< 0: the kernel's own; the kernel holds it to 0.1 .. 100 ms
    int rank = 0;        ///< 0: not ranked; for kernels that have such an order

    friend bool operator==(scheduling const&, scheduling const&) = default;
};

/// A process of which more may be known, so that the kernel need not be asked.
struct steered_process {
    process_id id = 0;
    bool has_one_thread = false; ///< false: it may have more

    steered_process(process_id process, bool one_thread = false) noexcept // NOLINT(*-explicit-*): it is one
        : id{process}, has_one_thread{one_thread} {}
    operator process_id() const noexcept { return id; } // NOLINT(*-explicit-*)
};

/// A small file, such as the kernel's are, and what is to be in it.
struct file_content {
    std::string path{};
    std::string text{};
};

/// What came of a request to the kernel. That a process is gone is part of its life, not an error.
enum class outcome : std::uint8_t {
    done,
    gone,        ///< the process has exited
    not_allowed, ///< this user may not (CAP_SYS_NICE, or the real-time budget of the control group)
    not_possible ///< this kernel cannot
};

/// Gives `process`, all its threads, policy, priority, nice and slice by `sched_setattr(2)`.
///
/// Threads and children made later start in the default (SCHED_RESET_ON_FORK) where the request is for more than the
/// default; a slice or a lower nice they inherit, as ever.
/// \complexity one system call for each thread, and one to see whether there are several, where that is not known
[[nodiscard]] outcome set_scheduling(steered_process const& process, scheduling const& wanted) noexcept;

/// What the first thread of `process` has now, but for its slice: a kernel does not tell one's own from its default.
/// \error the process is gone
[[nodiscard]] result<scheduling> get_scheduling(process_id process);

/// The slice in force for the first thread of `process`; 0: this kernel does not tell (before Linux 6.12).
[[nodiscard]] duration slice_in_force(process_id process) noexcept;

/// Lets `process`, all its threads, run on `cpus` only; CPUs that the machine lacks are ignored.
[[nodiscard]] outcome set_affinity(process_id process, cpu::cpu_mask const& cpus) noexcept;

/// The CPUs that the first thread of `process` may run on.
/// \error the process is gone
[[nodiscard]] result<cpu::cpu_mask> get_affinity(process_id process);

/// Whether `process`, of one thread, has begun to exit, or has exited and has not been waited for.
[[nodiscard]] bool is_exiting(process_id process) noexcept;

/// CPU time that `process` has received in all. Up to a tick (4 ms) old while it runs on another CPU.
/// \return unlimited: the process is gone
[[nodiscard]] duration cpu_time_of(process_id process) noexcept;

} // namespace hpcsched::cpu_linux

#endif
