// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_CPU_HYBRID_HPP
#define HPCSCHED_CPU_HYBRID_HPP

#include <hpcsched/core/assert.hpp>
#include <hpcsched/core/ids.hpp>
#include <hpcsched/core/percentiles.hpp>
#include <hpcsched/core/result.hpp>
#include <hpcsched/core/task_map.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/cpu/scheduling_agent.hpp>
#include <hpcsched/cpu/task.hpp>

#include <boost/circular_buffer.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace hpcsched::cpu {

/// Parameters of `hybrid`; the defaults are the paper's.
struct hybrid_config {
    duration fifo_limit{1'633'000'000}; ///< CPU time that a task may use on the FIFO half, > 0
    bool adaptive = false; ///< true: the limit is a percentile of recent CPU times, once the window is full
    std::uint32_t adaptive_window = 100; ///< tasks that finished last, >= 1
    ratio adaptive_share = p95;          ///< 0 < share <= 1
    std::uint32_t fifo_cpu_count = 0;    ///< CPUs of the FIFO half at first, all but one at most; 0: half of all
    int rt_priority = 1;                 ///< of the FIFO half, 1 .. 99
    duration rightsizing_period{0};      ///< how often a CPU may change halves; 0: never
};

/// Checks the ranges named above.
/// \error names the field and what is allowed
[[nodiscard]] inline result<void> validate(hybrid_config const& config) {
    if (config.fifo_limit <= duration{0}) {
        return error{"fifo_limit must be longer than 0: 1,633 ms in the paper"};
    }
    if (config.adaptive_window < 1) {
        return error{"adaptive_window is 0: give the number of finished tasks that the limit is taken from"};
    }
    if (config.adaptive_share.numerator < 1 || config.adaptive_share.numerator > config.adaptive_share.denominator) {
        return error{"adaptive_share must be greater than 0 and at most 1: 95 % in the paper"};
    }
    if (config.rt_priority < rt_priority_min || config.rt_priority > rt_priority_max) {
        return error{"rt_priority is " + std::to_string(config.rt_priority) + ": give 1 to 99"};
    }
    if (config.rightsizing_period < duration{0}) {
        return error{"rightsizing_period is negative: give 0 for halves of fixed size"};
    }
    return {};
}

/// One half of the CPUs serves every task first come, first served for a while; the other half serves the long ones by
/// the kernel's fair class.
///
/// A new task runs under SCHED_FIFO on the first half. When it has used its limit of CPU time there, it moves to the
/// fair class on the second half, for good. So short tasks are never preempted, which is what a user billed by wall
/// time of execution pays for; the mean turnaround is not what this policy is good at.
///
/// The limit of a task is the one that holds when it arrives. With one CPU both halves are that CPU.
///
/// Rightsizing: every period, the half with more runnable tasks per CPU gets a CPU of the other half, if it leads by
/// more than one task per CPU; each half keeps one.
///
/// \complexity O(1) per event, O(adaptive_window) for an exit with `adaptive`; O(tasks) where a CPU changes halves and
///             for `stopping`. Allocates only beyond the most tasks seen so far
/// \thread_safety none; confine to the driver's thread
/// \source "In serverless, OS scheduler choice costs money: a hybrid scheduling approach for cheaper FaaS",
/// Middleware'24
///         (arXiv 2411.08448). Deviations: the FIFO half is the kernel's SCHED_FIFO rather than a queue of its own in
///         ghOSt; the limit counts CPU time; rightsizing compares runnable tasks, which an agent sees, in place of
///         the utilisation of each half, which it does not.
class hybrid {
  public:
    using config = hybrid_config;

    hybrid() : hybrid(config{}) {}

    /// \pre validate(c) succeeds
    explicit hybrid(config const& c) : config_{c}, limit_{c.fifo_limit} {
        HPCSCHED_ASSERT(validate(c).has_value());
        if (c.adaptive) {
            recent_.set_capacity(c.adaptive_window);
            sorted_.reserve(c.adaptive_window);
        }
    }

    void handle(started const& e, time_point now, command_sink& out) noexcept {
        HPCSCHED_ASSERT(e.cpu_count >= 1);
        cpu_count_ = e.cpu_count;
        std::uint32_t const half = config_.fifo_cpu_count != 0 ? config_.fifo_cpu_count : e.cpu_count / 2;
        fifo_cpu_count_ = std::clamp(half, std::uint32_t{1}, std::max(e.cpu_count, std::uint32_t{2}) - 1);
        if (config_.rightsizing_period > duration{0} && has_halves()) {
            out.append(arm_timer{rightsizing_timer, saturating_add(now, config_.rightsizing_period)});
        }
    }

    void handle(task_arrived const& e, time_point, command_sink& out) noexcept {
        entry& task = tasks_.insert(e.task, entry{});
        task.limit = limit_ > unlimited - e.cpu_time ? unlimited : e.cpu_time + limit_;
        ++runnable_[task.fifo];
        place(e.task, task, out);
        out.append(set_policy{e.task, sched_policy::fifo, config_.rt_priority});
        out.append(arm_cpu_timer{e.task, task.limit});
    }

    void handle(task_blocked const& e, time_point, command_sink&) noexcept { set_runnable(e.task, false); }
    void handle(task_woke const& e, time_point, command_sink&) noexcept { set_runnable(e.task, true); }

    void handle(task_exited const& e, time_point, command_sink&) noexcept {
        if (tasks_.contains(e.task)) {
            set_runnable(e.task, false);
            tasks_.erase(e.task);
            if (config_.adaptive) {
                remember(e.cpu_time);
            }
        }
    }

    void handle(cpu_timer_fired const& e, time_point, command_sink& out) noexcept {
        entry* const task = tasks_.find(e.task);
        if (task == nullptr || !task->fifo || e.cpu_time < task->limit) {
            return;
        }
        runnable_[1] -= task->runnable ? 1U : 0U;
        runnable_[0] += task->runnable ? 1U : 0U;
        task->fifo = false;
        out.append(set_policy{e.task, sched_policy::normal, 0});
        place(e.task, *task, out);
    }

    void handle(timer_fired const& e, time_point now, command_sink& out) noexcept {
        if (e.timer != rightsizing_timer) {
            return;
        }
        out.append(arm_timer{rightsizing_timer, saturating_add(now, config_.rightsizing_period)});
        std::int64_t const change = rightsized();
        if (change != 0) {
            fifo_cpu_count_ = static_cast<std::uint32_t>(fifo_cpu_count_ + change);
            tasks_.for_each([&](task_id id, entry& task) { place(id, task, out); });
        }
    }

    void handle(stopping const&, time_point, command_sink& out) noexcept {
        tasks_.for_each([&](task_id id, entry& task) {
            if (task.fifo) {
                out.append(set_policy{id, sched_policy::normal, 0});
            }
            if (has_halves()) {
                out.append(set_affinity{id, cpu_mask::all()});
            }
        });
    }

    /// The limit of a task that arrives now.
    [[nodiscard]] duration limit() const noexcept { return limit_; }

    /// The CPUs of the FIFO half are 0 .. fifo_cpu_count() - 1.
    [[nodiscard]] std::uint32_t fifo_cpu_count() const noexcept { return fifo_cpu_count_; }

  private:
    static constexpr timer_id rightsizing_timer{0};

    struct entry {
        duration limit{}; ///< CPU time at which it leaves the FIFO half
        bool fifo = true;
        bool runnable = true;
    };

    [[nodiscard]] bool has_halves() const noexcept { return cpu_count_ > 1; }

    /// Confines a task to the CPUs of its half.
    void place(task_id id, entry const& task, command_sink& out) const noexcept {
        if (has_halves()) {
            out.append(set_affinity{id, task.fifo
                                            ? cpu_mask::range(cpu_id{0}, fifo_cpu_count_)
                                            : cpu_mask::range(cpu_id{fifo_cpu_count_}, cpu_count_ - fifo_cpu_count_)});
        }
    }

    void set_runnable(task_id id, bool runnable) noexcept {
        if (entry* const task = tasks_.find(id); task != nullptr && task->runnable != runnable) {
            task->runnable = runnable;
            std::uint64_t& count = runnable_[task->fifo];
            count = runnable ? count + 1 : count - 1;
        }
    }

    /// By how many CPUs the FIFO half should change: -1, 0 or 1.
    [[nodiscard]] std::int64_t rightsized() const noexcept {
        auto const fifo_cpus = static_cast<std::int64_t>(fifo_cpu_count_);
        auto const fair_cpus = static_cast<std::int64_t>(cpu_count_) - fifo_cpus;
        // runnable / cpus compared across the halves, both sides times fifo_cpus x fair_cpus.
        std::int64_t const lead =
            static_cast<std::int64_t>(runnable_[1]) * fair_cpus - static_cast<std::int64_t>(runnable_[0]) * fifo_cpus;
        if (lead > fifo_cpus * fair_cpus && fair_cpus > 1) {
            return 1;
        }
        if (-lead > fifo_cpus * fair_cpus && fifo_cpus > 1) {
            return -1;
        }
        return 0;
    }

    /// Takes the CPU time of a finished task into the window, and the limit from the window.
    void remember(duration cpu_time) noexcept {
        if (recent_.full()) {
            sorted_.erase(std::lower_bound(sorted_.begin(), sorted_.end(), recent_.front()));
        }
        recent_.push_back(cpu_time); // drops the oldest, where full
        sorted_.insert(std::upper_bound(sorted_.begin(), sorted_.end(), cpu_time), cpu_time);
        if (recent_.full()) {
            limit_ = std::max(percentile<duration>(sorted_, config_.adaptive_share), duration{1});
        }
    }

    config config_;
    duration limit_;
    std::uint32_t cpu_count_ = 1;
    std::uint32_t fifo_cpu_count_ = 1;
    std::uint64_t runnable_[2] = {0, 0}; ///< tasks of the fair half, of the FIFO half
    task_map<entry> tasks_;
    boost::circular_buffer<duration> recent_; ///< CPU times in order of exit
    std::vector<duration> sorted_;            ///< the same, ascending
};

static_assert(scheduling_agent<hybrid>);

} // namespace hpcsched::cpu

#endif
