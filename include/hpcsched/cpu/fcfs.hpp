// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_CPU_FCFS_HPP
#define HPCSCHED_CPU_FCFS_HPP

#include <hpcsched/cpu/scheduling_class.hpp>

#include <boost/intrusive/list.hpp>

#include <cstddef>

namespace hpcsched::cpu {

/// First come, first served, without preemption: one queue for all CPUs, each task runs until it blocks or exits.
///
/// \complexity O(1) for every operation; O(waiting) to pick where affinity forbids the first task
/// \source any text on queueing, G/G/c
class fcfs {
  public:
    struct entity : boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::safe_link>> {
        task_info const* task = nullptr;
    };
    struct config {};

    static constexpr run_queue_scope scope = run_queue_scope::global;
    static constexpr slice_enforcement enforcement = slice_enforcement::exact;
    [[nodiscard]] static constexpr bool serves(sched_policy) noexcept { return true; }

    fcfs() = default;
    explicit fcfs(config const&) {}

    void enqueue(entity& e, enqueue_reason why, time_point) noexcept {
        // A task that gave way to a higher class has not had its turn: it goes back to the head.
        if (why == enqueue_reason::preempted) {
            queue_.push_front(e);
        } else {
            queue_.push_back(e);
        }
        ++waiting_;
    }

    void dequeue(entity& e, dequeue_reason, time_point) noexcept {
        if (e.is_linked()) {
            unlink(e);
        }
    }

    [[nodiscard]] pick<entity> pick_next(cpu_id cpu, time_point) noexcept {
        for (entity& e : queue_) {
            if (e.task->may_run_on(cpu)) {
                unlink(e);
                return {.next = &e};
            }
        }
        return {};
    }

    void account(entity&, cpu_id, duration, time_point) noexcept {}

    [[nodiscard]] bool preempts(entity const&, entity const&, time_point) const noexcept { return false; }

    [[nodiscard]] std::size_t waiting_count() const noexcept { return waiting_; }

  private:
    void unlink(entity& e) noexcept {
        queue_.erase(queue_.iterator_to(e));
        --waiting_;
    }

    boost::intrusive::list<entity, boost::intrusive::constant_time_size<false>> queue_;
    std::size_t waiting_ = 0;
};

static_assert(scheduling_class<fcfs>);

} // namespace hpcsched::cpu

#endif
