// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_EXPERIMENT_LINUX_BURNER_HPP
#define HPCSCHED_EXPERIMENT_LINUX_BURNER_HPP

#include <hpcsched/core/time.hpp>
#include <hpcsched/workload/invocation.hpp>

namespace hpcsched::experiment_linux::detail {

/// Uses CPU time, as much as it is told, in a loop whose speed is known.
///
/// A loop that asks its clock all the time would enter the kernel all the time, where a slice can end early; real
/// functions do not. So the time passes in the loop, and the clock is asked now and then, more often towards the end.
class burner {
  public:
    /// With a loop of a known speed, in turns a nanosecond. One that is higher than the processor's is found out.
    explicit burner(double turns_per_nanosecond) noexcept : turns_per_nanosecond_{turns_per_nanosecond} {}

    /// Measures the loop. \complexity some 20 ms of CPU time
    [[nodiscard]] static burner calibrated();

    [[nodiscard]] double turns_per_nanosecond() const noexcept { return turns_per_nanosecond_; }

    /// Does what the invocation does: its service time on the CPU, and its sleeps in between. For a fresh process: its
    /// CPU clock begins near 0.
    void run(workload::invocation const& what) const noexcept;

  private:
    void burn_until(duration cpu_time) const noexcept;

    double turns_per_nanosecond_;
};

} // namespace hpcsched::experiment_linux::detail

#endif
