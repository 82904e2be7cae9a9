// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_CPU_RT_HPP
#define HPCSCHED_CPU_RT_HPP

#include <hpcsched/core/assert.hpp>
#include <hpcsched/core/result.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/cpu/detail/ticket_queue.hpp>
#include <hpcsched/cpu/scheduling_class.hpp>
#include <hpcsched/cpu/task.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace hpcsched::cpu {

/// Linux's real-time class: SCHED_FIFO and SCHED_RR in 99 bands of priority.
///
/// The highest non-empty band runs. Within a band:
/// * a task that arrives, wakes, or comes from another class joins at the tail;
/// * one that gave way to a higher priority (or to the fair server) goes back to the head, an RR task with the rest of
///   its slice;
/// * an RR task that has used up its slice goes to the tail with a new one; a FIFO task has no slice;
/// * one whose priority was raised goes to the tail of its new band, one whose priority was lowered to the head, and
/// one
///   of unchanged priority keeps its place (`sched(7)`, "SCHED_FIFO: First in-first out scheduling").
///
/// A waiting task preempts a running one of strictly lower priority. A task under SCHED_OTHER, which comes here only
/// where the kernel has no class for it, is a FIFO task below all bands.
///
/// Throttling, where `config::rt_runtime` is not `unlimited`: on each CPU, real-time tasks run for at most `rt_runtime`
/// in each period. Periods of all CPUs begin at the multiples of `rt_period` on the run's time line. What was used
/// beyond the share, up to a tick, is taken off the share of the next period. While a CPU is throttled, `pick_next`
/// gives it null and the beginning of the period in which it may run again.
///
/// \complexity O(1) for every operation; O(waiting) to pick where affinity forbids the first tasks, and to enqueue a
///             task whose attributes changed
/// \source Linux, SCHED_FIFO and SCHED_RR as `sched(7)` specifies them. Deviations: one queue for the machine stands
///         for the per-CPU queues and the pushing and pulling between them, whose aim it is that the c CPUs run the c
///         highest priorities; the period of the throttle is not started by the first task; a throttled CPU's tasks
///         may run on another CPU.
class rt {
  public:
    struct entity : detail::ticket_hook {
        task_info const* task = nullptr;
        duration slice_left{};      ///< of its RR slice; <= 0: used up, or none yet
        std::uint64_t sequence = 0; ///< of the task that this state belongs to
        std::int8_t priority = -1;  ///< the band it was in last; -1: none
    };

    struct config {
        duration rr_slice{100'000'000};  ///< > 0
        duration rt_runtime = unlimited; ///< per CPU and period, > 0 and <= rt_period; `unlimited`: no throttling
        duration rt_period{1'000'000'000};

        /// Linux until 6.11: real-time tasks get 950 ms of each second. Since 6.12 they are not throttled, and a
        /// server of the kernel's sees to it that the other classes get their 50 ms.
        [[nodiscard]] static constexpr config throttled() noexcept {
            return config{.rt_runtime = duration{950'000'000}};
        }
    };

    static constexpr run_queue_scope scope = run_queue_scope::global;
    static constexpr slice_enforcement enforcement = slice_enforcement::at_tick;
    [[nodiscard]] static constexpr bool serves(sched_policy policy) noexcept { return policy != sched_policy::normal; }

    rt() : rt{config{}} {}

    /// \pre validate(c) holds
    explicit rt(config const& c);

    void enqueue(entity& e, enqueue_reason why, time_point now) noexcept;
    void dequeue(entity& e, dequeue_reason why, time_point now) noexcept;
    [[nodiscard]] pick<entity> pick_next(cpu_id cpu, time_point now) noexcept;
    void account(entity& e, cpu_id cpu, duration ran, time_point now) noexcept;

    [[nodiscard]] bool preempts(entity const& a, entity const& b, time_point) const noexcept {
        return a.task->rt_priority > b.task->rt_priority;
    }

    [[nodiscard]] std::size_t waiting_count() const noexcept { return waiting_; }

  private:
    /// What real-time tasks have used of one CPU.
    struct usage {
        duration used{};         ///< in the period, and left over from earlier ones
        std::int64_t period = 0; ///< its number
    };

    [[nodiscard]] bool throttles() const noexcept { return config_.rt_runtime != unlimited; }
    [[nodiscard]] std::int64_t period_of(time_point now) const noexcept {
        return now.time_since_epoch() / config_.rt_period;
    }
    usage& renew(cpu_id cpu, std::int64_t period) noexcept;
    void charge(cpu_id cpu, duration ran, time_point now) noexcept;
    [[nodiscard]] entity* first_for(cpu_id cpu) noexcept;
    void place(entity& e, enqueue_reason why, int previous, bool is_back_at_once) noexcept;
    void leave(entity& e) noexcept;

    config config_;
    std::array<detail::ticket_queue<entity>, rt_priority_max + 1> bands_; ///< by priority
    std::array<std::uint64_t, 2> occupied_{};                             ///< the bands that are not empty
    std::size_t waiting_ = 0;
    std::vector<usage> usage_; ///< by CPU; empty without throttling
};

/// Checks the ranges that `rt::config` names.
/// \error names the field and what is allowed
[[nodiscard]] inline result<void> validate(rt::config const& c) {
    if (c.rr_slice <= duration{0}) {
        return error{"rt: rr_slice must be longer than 0: Linux uses 100 ms"};
    }
    if (c.rt_runtime == unlimited) {
        return {};
    }
    if (c.rt_runtime <= duration{0}) {
        return error{"rt: rt_runtime must be longer than 0: Linux uses 950 ms; give `unlimited` for no throttling"};
    }
    if (c.rt_period < c.rt_runtime) {
        return error{"rt: rt_period must not be shorter than rt_runtime: Linux uses 1 s"};
    }
    return {};
}

inline rt::rt(config const& c) : config_{c}, usage_(c.rt_runtime == unlimited ? 0 : cpu_mask::cpu_count_max) {
    HPCSCHED_ASSERT(validate(c).has_value());
}

inline void rt::enqueue(entity& e, enqueue_reason why, time_point now) noexcept {
    int const priority = e.task->rt_priority;
    HPCSCHED_ASSERT(priority >= 0 && priority <= rt_priority_max);
    bool const is_known = why != enqueue_reason::arrived && e.priority >= 0 && e.sequence == e.task->sequence;
    int const previous = is_known ? e.priority : -1;
    if (!is_known) {
        e.slice_left = duration{0};
        e.sequence = e.task->sequence;
    }
    e.priority = e.task->rt_priority;
    place(e, why, previous, is_known && e.left_at == now);
    if (e.slice_left <= duration{0}) {
        e.slice_left = config_.rr_slice;
    }
    e.left_at = never;
    auto const band = static_cast<std::size_t>(priority);
    occupied_[band / 64] |= std::uint64_t{1} << (band % 64);
    ++waiting_;
}

/// Lets `e` join its band, at the end that `why` gives it.
inline void rt::place(entity& e, enqueue_reason why, int previous, bool is_back_at_once) noexcept {
    auto& band = bands_[static_cast<std::size_t>(e.priority)];
    bool const gave_way = why == enqueue_reason::preempted || why == enqueue_reason::slice_expired;
    bool const used_up = e.task->policy == sched_policy::rr && e.slice_left <= duration{0};
    bool const changed = why == enqueue_reason::changed && is_back_at_once;
    if (changed && e.priority == previous) {
        band.put_back(e);
    } else if ((gave_way && !used_up) || (changed && e.priority < previous)) {
        band.push_front(e);
    } else {
        band.push_back(e);
    }
}

inline void rt::dequeue(entity& e, dequeue_reason why, time_point now) noexcept {
    e.left_at = why == dequeue_reason::changed ? now : never;
    if (e.is_queued) {
        leave(e);
    }
}

inline void rt::leave(entity& e) noexcept {
    auto const band = static_cast<std::size_t>(e.priority);
    bands_[band].erase(e);
    if (bands_[band].empty()) {
        occupied_[band / 64] &= ~(std::uint64_t{1} << (band % 64));
    }
    --waiting_;
}

inline rt::entity* rt::first_for(cpu_id cpu) noexcept {
    for (std::size_t word = occupied_.size(); word-- > 0;) {
        for (std::uint64_t bits = occupied_[word]; bits != 0;) {
            auto const bit = static_cast<std::size_t>(std::bit_width(bits) - 1);
            if (entity* const e = bands_[word * 64 + bit].first_for(cpu)) {
                return e;
            }
            bits &= ~(std::uint64_t{1} << bit);
        }
    }
    return nullptr;
}

inline pick<rt::entity> rt::pick_next(cpu_id cpu, time_point now) noexcept {
    entity* const next = waiting_ == 0 ? nullptr : first_for(cpu);
    if (next == nullptr) {
        return {};
    }
    duration slice = next->task->policy == sched_policy::rr ? next->slice_left : unlimited;
    if (throttles()) {
        usage const& u = renew(cpu, period_of(now));
        if (u.used >= config_.rt_runtime) {
            // Each period takes one share off; the CPU runs again in the first that begins with some of it left.
            std::int64_t const periods = u.used / config_.rt_runtime;
            return {.retry_at = time_point{config_.rt_period * (u.period + periods)}};
        }
        slice = std::min(slice, config_.rt_runtime - u.used);
    }
    leave(*next);
    return {.next = next, .slice = slice};
}

inline void rt::account(entity& e, cpu_id cpu, duration ran, time_point now) noexcept {
    HPCSCHED_ASSERT(!e.is_queued);
    e.slice_left -= e.task->policy == sched_policy::rr ? ran : duration{0};
    if (throttles()) {
        charge(cpu, ran, now);
    }
}

/// Takes off what the periods that began since have given.
inline rt::usage& rt::renew(cpu_id cpu, std::int64_t period) noexcept {
    HPCSCHED_ASSERT(cpu.value < usage_.size());
    usage& u = usage_[cpu.value];
    std::int64_t const begun = period - u.period;
    HPCSCHED_ASSERT(begun >= 0);
    u.used = begun > u.used / config_.rt_runtime ? duration{0} : u.used - config_.rt_runtime * begun;
    u.period = period;
    return u;
}

/// Adds what ran in the `ran` before `now`, each part to its period.
inline void rt::charge(cpu_id cpu, duration ran, time_point now) noexcept {
    duration const end = now.time_since_epoch();
    duration const start = std::max(end - ran, config_.rt_period * usage_[cpu.value].period);
    std::int64_t const first = start / config_.rt_period;
    std::int64_t const last = end / config_.rt_period;
    if (first == last) {
        renew(cpu, last).used += end - start;
        return;
    }
    renew(cpu, first).used += config_.rt_period * (first + 1) - start;
    // A period run through leaves the share overdrawn by what the period is longer.
    usage& u = renew(cpu, first + 1);
    u.used += (config_.rt_period - config_.rt_runtime) * (last - first - 1);
    u.period = last;
    u.used += end - config_.rt_period * last;
}

static_assert(scheduling_class<rt>);

} // namespace hpcsched::cpu

#endif
