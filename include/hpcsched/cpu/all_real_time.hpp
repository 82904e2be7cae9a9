// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_CPU_ALL_REAL_TIME_HPP
#define HPCSCHED_CPU_ALL_REAL_TIME_HPP

#include <hpcsched/core/assert.hpp>
#include <hpcsched/core/ids.hpp>
#include <hpcsched/core/result.hpp>
#include <hpcsched/core/task_map.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/cpu/hands_off.hpp>
#include <hpcsched/cpu/scheduling_agent.hpp>
#include <hpcsched/cpu/task.hpp>

#include <string>

namespace hpcsched::cpu {

/// Parameters of `all_real_time`.
struct all_real_time_config {
    sched_policy policy = sched_policy::fifo; ///< fifo or rr
    int priority = rt_priority_min;           ///< 1 .. 99
};

/// Checks the ranges named above.
/// \error names the field and what is allowed
[[nodiscard]] inline result<void> validate(all_real_time_config const& config) {
    if (config.policy == sched_policy::normal) {
        return error{"policy must be fifo or rr: normal is what every task has without an agent"};
    }
    if (config.priority < rt_priority_min || config.priority > rt_priority_max) {
        return error{"priority is " + std::to_string(config.priority) + ": give 1 to 99"};
    }
    return {};
}

/// Puts every task under one real-time policy when it arrives, and leaves the rest to the kernel: what "FIFO" and
/// "round robin" mean on a Linux, throttled to the real-time share of each CPU, beside the textbook's `fcfs` and
/// `round_robin`.
///
/// \complexity O(1) per event, O(tasks) for `stopping`. Allocates only beyond the most tasks seen so far
/// \thread_safety none; confine to the driver's thread
/// \source the baselines SCHED_FIFO and SCHED_RR of SFS (SC'22, section 7) and ALPS (ATC'24, section 3)
class all_real_time : public hands_off {
  public:
    using config = all_real_time_config;
    using hands_off::handle;

    all_real_time() : all_real_time(config{}) {}

    /// \pre validate(c) succeeds
    explicit all_real_time(config const& c) : config_{c} { HPCSCHED_ASSERT(validate(c).has_value()); }

    void handle(task_arrived const& e, time_point, command_sink& out) noexcept {
        tasks_.insert(e.task, true);
        out.append(set_policy{e.task, config_.policy, config_.priority});
    }
    void handle(task_exited const& e, time_point, command_sink&) noexcept { tasks_.erase(e.task); }
    void handle(stopping const&, time_point, command_sink& out) noexcept {
        tasks_.for_each([&](task_id task, bool) { out.append(set_policy{task, sched_policy::normal, 0}); });
    }

  private:
    config config_;
    task_map<bool> tasks_; ///< those alive
};

static_assert(scheduling_agent<all_real_time>);

} // namespace hpcsched::cpu

#endif
