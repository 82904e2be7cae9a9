// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_CPU_FCFS_HPP
#define HPCSCHED_CPU_FCFS_HPP

#include <hpcsched/core/time.hpp>
#include <hpcsched/cpu/detail/ticket_queue.hpp>
#include <hpcsched/cpu/scheduling_class.hpp>
#include <hpcsched/cpu/task.hpp>

#include <cstddef>

namespace hpcsched::cpu {

/// First come, first served, without preemption: one queue for all CPUs, each task runs until it blocks or exits.
///
/// A task that gave way to a higher class has not had its turn and goes back to the head. One whose attributes
/// change keeps its place; one that changes over from another class joins at the tail.
///
/// \complexity O(1) for every operation; O(waiting) to pick where affinity forbids the first task, and to enqueue a
///             task whose attributes changed
/// \source any text on queueing, G/G/c
class fcfs {
  public:
    struct entity : detail::ticket_hook {
        task_info const* task = nullptr;
    };
    struct config {};

    static constexpr run_queue_scope scope = run_queue_scope::global;
    static constexpr slice_enforcement enforcement = slice_enforcement::exact;
    static constexpr bool never_preempts = true;
    [[nodiscard]] static constexpr bool serves(sched_policy) noexcept { return true; }

    fcfs() = default;
    explicit fcfs(config const&) {}

    void enqueue(entity& e, enqueue_reason why, time_point now) noexcept {
        if (why == enqueue_reason::preempted || why == enqueue_reason::slice_expired) {
            queue_.push_front(e);
        } else if (why == enqueue_reason::changed && e.left_at == now) {
            queue_.put_back(e);
        } else {
            queue_.push_back(e);
        }
        ++waiting_;
    }

    void dequeue(entity& e, dequeue_reason why, time_point now) noexcept {
        e.left_at = why == dequeue_reason::changed ? now : never;
        if (e.is_queued) {
            leave(e);
        }
    }

    [[nodiscard]] pick<entity> pick_next(cpu_id cpu, time_point) noexcept {
        entity* const next = queue_.first_for(cpu);
        if (next != nullptr) {
            leave(*next);
        }
        return {.next = next};
    }

    void account(entity&, cpu_id, duration, time_point) noexcept {}

    [[nodiscard]] bool preempts(entity const&, entity const&, time_point) const noexcept { return false; }

    [[nodiscard]] std::size_t waiting_count() const noexcept { return waiting_; }

  private:
    void leave(entity& e) noexcept {
        queue_.erase(e);
        --waiting_;
    }

    detail::ticket_queue<entity> queue_;
    std::size_t waiting_ = 0;
};

static_assert(nonpreemptive_class<fcfs>);

} // namespace hpcsched::cpu

#endif
