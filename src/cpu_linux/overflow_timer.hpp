// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_CPU_LINUX_OVERFLOW_TIMER_HPP
#define HPCSCHED_CPU_LINUX_OVERFLOW_TIMER_HPP

#include <hpcsched/core/time.hpp>
#include <hpcsched/cpu_linux/process.hpp>

#include "file_descriptor.hpp"

namespace hpcsched::cpu_linux::detail {

/// Tells when the first thread of a process has had so much more CPU time: a perf counter of its task clock, whose
/// overflow makes a descriptor readable. Late by 0.2 ms, where every other clock of another task is up to a tick late.
///
/// The descriptor only wakes: the kernel says once that it is readable, to whoever polls first, and be it another epoll
/// around ours. What has happened stands in the pages that it shares with us: ask `take_firing`.
class overflow_timer {
  public:
    /// A timer that is not open, and does nothing.
    overflow_timer() = default;

    /// Opens a timer on `process`, to fire after `remaining`. Not open where the kernel refuses.
    overflow_timer(process_id process, duration remaining) noexcept;
    overflow_timer(overflow_timer&& other) noexcept;
    overflow_timer& operator=(overflow_timer&& other) noexcept;
    ~overflow_timer();

    [[nodiscard]] bool is_open() const noexcept { return counter_.is_open(); }
    [[nodiscard]] int descriptor() const noexcept { return counter_.get(); }

    /// Fires after `remaining` from now on instead. \return false: the kernel refuses
    [[nodiscard]] bool set(duration remaining) noexcept;
    void cancel() noexcept;

    /// Whether it has fired since it was asked last.
    [[nodiscard]] bool take_firing() noexcept;

  private:
    file_descriptor counter_;
    void* pages_ = nullptr; ///< where the kernel notes overflows; without it, poll(2) tells of none
    bool is_set_ = false;
};

/// While this is open, no timer waits for others to be opened.
///
/// The first counter of a task in a whole kernel has its hooks patched in, and then waits until every CPU knows of them
/// (RCU). The kernel's thread that finds that out is a normal one: where real-time tasks have the CPUs, whoever opens
/// the counter sleeps for up to a second. Once nobody has one, a second later, the hooks go.
/// \return a counter of this process that does not count; not open where the kernel refuses
[[nodiscard]] file_descriptor hold_perf_hooks() noexcept;

} // namespace hpcsched::cpu_linux::detail

#endif
