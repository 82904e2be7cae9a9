// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_CPU_LINUX_URGENT_THREAD_HPP
#define HPCSCHED_CPU_LINUX_URGENT_THREAD_HPP

#include <hpcsched/cpu_linux/process.hpp>

#include <utility>

namespace hpcsched::cpu_linux {

/// Keeps the thread that made it in SCHED_FIFO, where that is allowed, and gives it back what it had.
///
/// Who steers real-time tasks must not wait behind them, nor behind anything else on a busy machine. Threads and
/// processes that it makes meanwhile start in the default. Where real-time tasks fill a CPU, the kernel keeps all of
/// them off it for 50 ms of each second (kernel.sched_rt_runtime_us), this thread too.
class urgent_thread {
  public:
    /// A thread that stays as it is.
    urgent_thread() = default;

    /// \param rt_priority  1 .. 99; above that of the steered tasks
    explicit urgent_thread(int rt_priority) noexcept;
    urgent_thread(urgent_thread&& other) noexcept : thread_{std::exchange(other.thread_, 0)}, before_{other.before_} {}
    urgent_thread& operator=(urgent_thread&& other) noexcept {
        std::swap(thread_, other.thread_);
        std::swap(before_, other.before_);
        return *this;
    }
    ~urgent_thread();

    /// Whether it has real-time priority by this object.
    [[nodiscard]] bool is_urgent() const noexcept { return thread_ != 0; }

  private:
    process_id thread_ = 0; ///< 0: nothing to give back
    scheduling before_{};
};

} // namespace hpcsched::cpu_linux

#endif
