// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_CPU_EEVDF_HPP
#define HPCSCHED_CPU_EEVDF_HPP

#include <hpcsched/core/assert.hpp>
#include <hpcsched/core/result.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/cpu/detail/deadline_tree.hpp>
#include <hpcsched/cpu/detail/ticket_queue.hpp>
#include <hpcsched/cpu/scheduling_class.hpp>
#include <hpcsched/cpu/task.hpp>
#include <hpcsched/cpu/weights.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>

namespace hpcsched::cpu {

/// Linux's fair class since 6.6, earliest eligible virtual deadline first: the run queue of one CPU.
///
/// Each task ages by the time it runs, divided by its weight (its virtual runtime). The average of these ages over the
/// runnable tasks, by weight, the running one included, is the virtual time of the queue. A task's *lag* is the virtual
/// time less its age; it is *eligible* while it is not older than the average. It asks for slices: its *deadline* is
/// its age plus its slice, divided by its weight; when it has aged past that, the next begins. Of the eligible tasks
/// the one with the earliest deadline runs. So weights decide on the share, and slices only on how it is cut up.
///
/// * Slice: `task_info::slice`, within 0.1 .. 100 ms; where it is 0, `base_slice`.
/// * A task picked is protected: none preempts it on wake-up while it is eligible and has not run for its slice
///   (RUN_TO_PARITY), or, with `protects_shortest_slice`, for the shortest slice of all runnable tasks. There the tick
///   takes the CPU from it, else at the end of its slice.
/// * A task with a shorter slice than that of the running one overrides the protection (PREEMPT_SHORT).
/// * A task that becomes runnable preempts if it is then the one to run.
/// * Lag is kept over sleep and migration (PLACE_LAG), clamped to the longer of two slices and a tick. A negative lag
///   decays while the task sleeps, at the rate at which the queue's virtual time went on when it left.
/// * A new task starts without lag and with half a slice (PLACE_DEADLINE_INITIAL); one that wakes, with a whole one;
///   one that migrates or whose attributes change keeps what it has left of its own (PLACE_REL_DEADLINE).
///
/// Virtual times are integers: ages are rounded up, averages down. Eligibility is exact, in 128 bits.
///
/// \complexity O(log waiting) expected for every operation; O(waiting) to pick where affinity forbids the first
/// \source Stoica, Abdel-Wahab, "Earliest eligible virtual deadline first" (1995), and Linux 6.18, in its effect (6.12:
///         `config::linux_6_12`). Deviations: one level, no groups; DELAY_DEQUEUE, which leaves a task with negative
///         lag in the queue as it sleeps, is the decay described above, so that task's weight does not count meanwhile;
///         the end of protection is computed when the task is picked, so a task with a shorter slice that joins later
///         without preempting does not bring forward the next tick's decision.
class eevdf {
  public:
    struct entity : detail::ticket_hook, detail::deadline_hook<entity> {
        task_info const* task = nullptr;
        std::int64_t weight = nice_0_weight;
        std::int64_t protected_until = 0;    ///< virtual runtime up to which it is not preempted; while picked
        std::int64_t lag_when_left = 0;      ///< virtual nanoseconds
        std::int64_t deadline_when_left = 0; ///< relative to its vruntime; 0: it begins a new slice
        std::int64_t load_when_left = 0;     ///< of the queue it left, itself included
        bool used_up_slice = false;          ///< since it was picked
        bool is_asleep = false;
        bool is_known = false; ///< this state belongs to the task of that sequence
    };

    struct config {
        duration base_slice{2'800'000};      ///< slice of a task that asks for none; > 0
        duration tick{4'000'000};            ///< that of the machine: lag may reach it; > 0
        bool run_to_parity = true;           ///< a picked task is protected from preemption
        bool preempt_short = true;           ///< but not from those with shorter slices
        bool protects_shortest_slice = true; ///< only for as long as the shortest slice, as since 6.17

        /// Linux 6.18 on a machine of `cpus`: base slice 0.7 ms x (1 + log2(cpus)), at most 2.8 ms.
        /// \pre cpus >= 1
        [[nodiscard]] static constexpr config for_cpus(std::uint32_t cpus) noexcept {
            return config{.base_slice = duration{700'000} * cpu_count_factor(cpus)};
        }

        /// Linux 6.12 on a machine of `cpus`: 0.75 ms instead, and protection lasts as long as the slice.
        /// \pre cpus >= 1
        [[nodiscard]] static constexpr config linux_6_12(std::uint32_t cpus) noexcept {
            return config{.base_slice = duration{750'000} * cpu_count_factor(cpus), .protects_shortest_slice = false};
        }
    };

    static constexpr duration slice_min{100'000};     ///< of those that tasks ask for
    static constexpr duration slice_max{100'000'000}; ///< of those that tasks ask for

    static constexpr run_queue_scope scope = run_queue_scope::per_cpu;
    static constexpr slice_enforcement enforcement = slice_enforcement::at_tick;
    [[nodiscard]] static constexpr bool serves(sched_policy policy) noexcept { return policy == sched_policy::normal; }

    eevdf() = default;

    /// \pre validate(c) holds
    explicit eevdf(config const& c);

    void enqueue(entity& e, enqueue_reason why, time_point now) noexcept;
    void dequeue(entity& e, dequeue_reason why, time_point now) noexcept;
    [[nodiscard]] pick<entity> pick_next(cpu_id cpu, time_point) noexcept;
    void account(entity& e, cpu_id, duration ran, time_point) noexcept;
    [[nodiscard]] bool preempts(entity const& a, entity const& b, time_point) const noexcept;

    [[nodiscard]] std::size_t waiting_count() const noexcept { return waiting_; }

    /// The task that has waited longest since it ran or joined: its caches are the coldest.
    /// \complexity O(1); O(waiting) where affinity forbids the first
    [[nodiscard]] entity* migration_candidate(cpu_id to) noexcept { return coldness_.first_for(to); }

    /// The average age of the runnable tasks by weight, rounded down; 0 where there are none.
    [[nodiscard]] std::int64_t average_vruntime() const noexcept;

    /// Whether a runnable task is not older than the average.
    [[nodiscard]] bool is_eligible(entity const& e) const noexcept { return is_young(e.vruntime); }

  private:
    [[nodiscard]] bool is_young(std::int64_t vruntime) const noexcept {
        return static_cast<detail::int128>(vruntime) * load_ <= sum_;
    }
    [[nodiscard]] duration slice_of(task_info const& task) const noexcept {
        return task.slice == duration{0} ? config_.base_slice : std::clamp(task.slice, slice_min, slice_max);
    }
    [[nodiscard]] entity* best_waiting() const noexcept {
        return line_.earliest_if([this](std::int64_t vruntime) { return is_young(vruntime); });
    }
    [[nodiscard]] entity const* best_with(entity const& picked) const noexcept;
    [[nodiscard]] entity* best_waiting_on(cpu_id cpu) noexcept;
    [[nodiscard]] static std::int64_t lag_by_now(entity const& e, time_point now) noexcept;
    void join(entity& e, enqueue_reason why, time_point now) noexcept;
    void leave_line(entity& e) noexcept;

    config config_{};
    detail::deadline_tree<entity> line_;    ///< the waiting tasks by deadline
    detail::ticket_queue<entity> coldness_; ///< the same, the longest waiting first
    std::size_t waiting_ = 0;
    entity* picked_ = nullptr;
    std::int64_t load_ = 0;  ///< the weights of the waiting and the picked
    detail::int128 sum_ = 0; ///< their ages times their weights
};

/// Checks the ranges that `eevdf::config` names.
/// \error names the field and what is allowed
[[nodiscard]] inline result<void> validate(eevdf::config const& c) {
    if (c.base_slice <= duration{0}) {
        return error{"eevdf: base_slice must be longer than 0: Linux uses 0.7 to 2.8 ms"};
    }
    if (c.tick <= duration{0}) {
        return error{"eevdf: tick must be longer than 0: give the machine's"};
    }
    return {};
}

inline eevdf::eevdf(config const& c) : config_{c} {
    HPCSCHED_ASSERT(validate(c).has_value());
}

inline std::int64_t eevdf::average_vruntime() const noexcept {
    if (load_ == 0) {
        return 0;
    }
    bool const is_small =
        sum_ >= std::numeric_limits<std::int64_t>::min() && sum_ <= std::numeric_limits<std::int64_t>::max();
    std::int64_t const quotient =
        is_small ? static_cast<std::int64_t>(sum_) / load_ : static_cast<std::int64_t>(sum_ / load_);
    return static_cast<detail::int128>(quotient) * load_ > sum_ ? quotient - 1 : quotient;
}

inline void eevdf::enqueue(entity& e, enqueue_reason why, time_point now) noexcept {
    bool const was_picked = why == enqueue_reason::preempted || why == enqueue_reason::slice_expired;
    HPCSCHED_ASSERT(was_picked == (picked_ == &e));
    if (was_picked) {
        picked_ = nullptr;
    } else {
        join(e, why, now);
    }
    line_.insert(e);
    coldness_.push_back(e);
    ++waiting_;
    if (picked_ != nullptr && config_.protects_shortest_slice && e.slice < picked_->slice) {
        picked_->protected_until =
            std::min(picked_->protected_until, picked_->vruntime + virtual_time(e.slice, picked_->weight));
    }
}

/// Gives `e`, which comes from elsewhere, its age and its deadline in this queue.
inline void eevdf::join(entity& e, enqueue_reason why, time_point now) noexcept {
    bool const is_known = why != enqueue_reason::arrived && e.is_known && e.sequence == e.task->sequence;
    std::int64_t const old_weight = e.weight;
    e.is_known = true;
    e.sequence = e.task->sequence;
    e.weight = weight_of_nice(e.task->nice);
    e.slice = slice_of(*e.task);
    std::int64_t const average = average_vruntime();
    e.vruntime = average;
    if (is_known && load_ > 0) {
        // Joining draws the average towards the task, so it has to start further off to end up with its lag.
        std::int64_t const lag = detail::multiply_divide(lag_by_now(e, now), old_weight, e.weight);
        e.vruntime -= detail::multiply_divide(lag, load_ + e.weight, load_);
    }
    bool const keeps_deadline = is_known && why != enqueue_reason::woke && e.deadline_when_left > 0;
    std::int64_t const whole = virtual_time(e.slice, e.weight);
    e.deadline = e.vruntime;
    e.deadline += keeps_deadline ? detail::multiply_divide_up(e.deadline_when_left, old_weight, e.weight)
                                 : (why == enqueue_reason::arrived ? (whole + 1) / 2 : whole);
    e.is_asleep = false;
    load_ += e.weight;
    sum_ += static_cast<detail::int128>(e.vruntime) * e.weight;
}

/// The lag with which `e` left, less what has decayed of a negative one in its sleep.
inline std::int64_t eevdf::lag_by_now(entity const& e, time_point now) noexcept {
    if (!e.is_asleep || e.lag_when_left >= 0) {
        return e.lag_when_left;
    }
    std::int64_t const decayed = virtual_time(now - e.left_at, e.load_when_left);
    return decayed >= -e.lag_when_left ? 0 : e.lag_when_left + decayed;
}

inline void eevdf::dequeue(entity& e, dequeue_reason why, time_point now) noexcept {
    std::int64_t const lag_limit = virtual_time(std::max(2 * e.slice, config_.tick), e.weight);
    e.lag_when_left = std::clamp(average_vruntime() - e.vruntime, -lag_limit, lag_limit);
    e.load_when_left = load_;
    e.is_asleep = why == dequeue_reason::blocked;
    e.deadline_when_left = e.is_asleep ? 0 : e.deadline - e.vruntime;
    e.left_at = now;
    if (picked_ == &e) {
        picked_ = nullptr;
    } else {
        leave_line(e);
    }
    load_ -= e.weight;
    sum_ -= static_cast<detail::int128>(e.vruntime) * e.weight;
}

inline void eevdf::leave_line(entity& e) noexcept {
    line_.erase(e);
    coldness_.erase(e);
    --waiting_;
}

/// What would run if `picked` had to justify itself: it, or a waiting task.
inline eevdf::entity const* eevdf::best_with(entity const& picked) const noexcept {
    entity const* const waiting = best_waiting();
    bool const stays = is_eligible(picked) && (waiting == nullptr || line_.is_before(picked, *waiting));
    return stays || waiting == nullptr ? &picked : waiting;
}

inline pick<eevdf::entity> eevdf::pick_next(cpu_id cpu, time_point) noexcept {
    HPCSCHED_ASSERT(picked_ == nullptr);
    entity* next = best_waiting();
    if (next != nullptr && !next->task->may_run_on(cpu)) {
        next = best_waiting_on(cpu);
    }
    if (next == nullptr) {
        return {};
    }
    leave_line(*next);
    picked_ = next;
    next->used_up_slice = false;
    next->protected_until = next->deadline;
    if (config_.protects_shortest_slice && line_.least_slice() < next->slice) {
        next->protected_until =
            std::min(next->deadline, next->vruntime + virtual_time(line_.least_slice(), next->weight));
    }
    duration const slice = real_time(next->protected_until - next->vruntime, next->weight);
    return {.next = next, .slice = std::max(slice, duration{1})};
}

/// The earliest eligible deadline among the tasks that may run on `cpu`; if none is eligible, the earliest deadline.
inline eevdf::entity* eevdf::best_waiting_on(cpu_id cpu) noexcept {
    entity* best = nullptr;
    coldness_.for_each([&](entity& e) {
        if (!e.task->may_run_on(cpu)) {
            return;
        }
        bool const is_better =
            best == nullptr || (is_eligible(e) != is_eligible(*best) ? is_eligible(e) : line_.is_before(e, *best));
        best = is_better ? &e : best;
    });
    return best;
}

inline void eevdf::account(entity& e, cpu_id, duration ran, time_point) noexcept {
    HPCSCHED_ASSERT(picked_ == &e);
    std::int64_t const aged = virtual_time(ran, e.weight);
    e.vruntime += aged;
    sum_ += static_cast<detail::int128>(aged) * e.weight;
    if (e.vruntime >= e.deadline) {
        e.deadline = e.vruntime + virtual_time(e.slice, e.weight);
        e.used_up_slice = e.used_up_slice || waiting_ > 0; // alone, it begins the next one unnoticed
    }
}

inline bool eevdf::preempts(entity const& a, entity const& b, time_point) const noexcept {
    if (b.used_up_slice) {
        return best_with(b) != &b;
    }
    bool const is_protected = config_.run_to_parity && is_eligible(b) && b.vruntime < b.protected_until &&
                              !(config_.preempt_short && a.slice < b.slice);
    return !is_protected && best_with(b) == &a;
}

static_assert(scheduling_class<eevdf>);

} // namespace hpcsched::cpu

#endif
