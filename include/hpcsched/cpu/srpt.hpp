// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_CPU_SRPT_HPP
#define HPCSCHED_CPU_SRPT_HPP

#include <hpcsched/core/time.hpp>
#include <hpcsched/cpu/detail/pairing_heap.hpp>
#include <hpcsched/cpu/scheduling_class.hpp>
#include <hpcsched/cpu/task.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>

namespace hpcsched::cpu {

/// The length that a `basic_shortest_first` goes by; the shortest runs. A stateless function of what is known of a
/// task, which does not change while the task waits.
template <class L>
concept task_length = std::default_initializable<L> && requires(task_info const& task) {
    { L{}(task) } noexcept -> std::same_as<duration>;
};

/// CPU time that a task still needs.
struct remaining_time {
    [[nodiscard]] constexpr duration operator()(task_info const& task) const noexcept { return task.remaining; }
};

/// CPU time that a task needs in all.
struct total_time {
    [[nodiscard]] constexpr duration operator()(task_info const& task) const noexcept {
        return task.cpu_time + task.remaining;
    }
};

/// Serves the shortest task first, by a length known from the start: an oracle.
///
/// One queue for all CPUs and no slices. Equal lengths are served in order of arrival, and none preempts its equal.
/// Where it is not preemptive, a task that gave way to a higher class comes back before all others.
///
/// \complexity O(1) to enqueue, O(log waiting) amortised to pick; O(waiting) to pick where affinity forbids the first
template <task_length Length, bool Preemptive>
class basic_shortest_first {
  public:
    struct entity : detail::pairing_hook<entity> {
        task_info const* task = nullptr;
        duration length{};          ///< when it was enqueued
        std::uint64_t sequence = 0; ///< the task's own: ends every tie
        bool has_begun = false;     ///< not preemptive: gave way to a higher class and comes back first
    };
    struct config {};

    static constexpr run_queue_scope scope = run_queue_scope::global;
    static constexpr slice_enforcement enforcement = slice_enforcement::exact;
    static constexpr bool never_preempts = !Preemptive;
    [[nodiscard]] static constexpr bool serves(sched_policy) noexcept { return true; }

    basic_shortest_first() = default;
    explicit basic_shortest_first(config const&) {}

    void enqueue(entity& e, enqueue_reason why, time_point) noexcept {
        e.length = Length{}(*e.task);
        e.sequence = e.task->sequence;
        e.has_begun = !Preemptive && (why == enqueue_reason::preempted || why == enqueue_reason::slice_expired);
        heap_.push(e);
        ++waiting_;
    }

    void dequeue(entity& e, dequeue_reason, time_point) noexcept {
        if (e.in_heap()) {
            leave(e);
        }
    }

    [[nodiscard]] pick<entity> pick_next(cpu_id cpu, time_point) noexcept {
        entity* next = heap_.top();
        if (next != nullptr && !next->task->may_run_on(cpu)) {
            next = heap_.first_if([cpu](entity const& e) { return e.task->may_run_on(cpu); });
        }
        if (next != nullptr) {
            leave(*next);
        }
        return {.next = next};
    }

    void account(entity&, cpu_id, duration, time_point) noexcept {}

    [[nodiscard]] bool preempts(entity const& a, entity const& b, time_point) const noexcept {
        return Preemptive && Length{}(*a.task) < Length{}(*b.task);
    }

    [[nodiscard]] std::size_t waiting_count() const noexcept { return waiting_; }

  private:
    struct is_before {
        [[nodiscard]] bool operator()(entity const& a, entity const& b) const noexcept {
            if constexpr (!Preemptive) {
                if (a.has_begun != b.has_begun) {
                    return a.has_begun;
                }
            }
            return a.length != b.length ? a.length < b.length : a.sequence < b.sequence;
        }
    };

    void leave(entity& e) noexcept {
        heap_.erase(e);
        --waiting_;
    }

    detail::pairing_heap<entity, is_before> heap_;
    std::size_t waiting_ = 0;
};

/// Shortest remaining processing time: on one CPU, the least mean turnaround that any scheduler can reach.
/// \source Schrage, "A proof of the optimality of the shortest remaining processing time discipline" (1968)
using srpt = basic_shortest_first<remaining_time, true>;

/// Preemptive shortest job first: the task of the least total time runs, however much of it is done.
/// \source Harchol-Balter, "Performance Modeling and Design of Computer Systems" (2013), chapter 32
using psjf = basic_shortest_first<total_time, true>;

/// Shortest job first without preemption.
/// \source Harchol-Balter, "Performance Modeling and Design of Computer Systems" (2013), chapter 31
using sjf = basic_shortest_first<total_time, false>;

static_assert(scheduling_class<srpt>);
static_assert(scheduling_class<psjf>);
static_assert(nonpreemptive_class<sjf>);

} // namespace hpcsched::cpu

#endif
