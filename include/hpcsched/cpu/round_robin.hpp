// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_CPU_ROUND_ROBIN_HPP
#define HPCSCHED_CPU_ROUND_ROBIN_HPP

#include <hpcsched/core/assert.hpp>
#include <hpcsched/core/result.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/cpu/detail/ticket_queue.hpp>
#include <hpcsched/cpu/scheduling_class.hpp>
#include <hpcsched/cpu/task.hpp>

#include <cstddef>
#include <cstdint>

namespace hpcsched::cpu {

/// Round robin: one queue for all CPUs; each task runs for at most a quantum and rejoins at the tail.
///
/// A task that gave way to a higher class goes back to the head with the rest of its quantum. One that blocks has a
/// new quantum when it wakes. One whose attributes change keeps its place and its quantum.
///
/// \complexity O(1) for every operation; O(waiting) to pick where affinity forbids the first task, and to enqueue a
///             task whose attributes changed
/// \source any text on operating systems; as the quantum goes to 0 it becomes `processor_sharing`
class round_robin {
  public:
    struct entity : detail::ticket_hook {
        task_info const* task = nullptr;
        duration quantum_left{};
    };
    struct config {
        duration quantum{10'000'000}; ///< > 0
    };

    static constexpr run_queue_scope scope = run_queue_scope::global;
    static constexpr slice_enforcement enforcement = slice_enforcement::exact;
    static constexpr bool never_preempts = true;
    [[nodiscard]] static constexpr bool serves(sched_policy) noexcept { return true; }

    round_robin() = default;

    /// \pre validate(c) holds
    explicit round_robin(config const& c);

    void enqueue(entity& e, enqueue_reason why, time_point now) noexcept {
        bool const gave_way = why == enqueue_reason::preempted || why == enqueue_reason::slice_expired;
        bool const is_back_at_once = why == enqueue_reason::changed && e.left_at == now;
        bool const goes_on = (gave_way || is_back_at_once) && e.quantum_left > duration{0};
        if (!goes_on) {
            e.quantum_left = config_.quantum;
            queue_.push_back(e);
        } else if (gave_way) {
            queue_.push_front(e);
        } else {
            queue_.put_back(e);
        }
        e.left_at = never;
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
        if (next == nullptr) {
            return {};
        }
        leave(*next);
        return {.next = next, .slice = next->quantum_left};
    }

    void account(entity& e, cpu_id, duration ran, time_point) noexcept { e.quantum_left -= ran; }

    [[nodiscard]] bool preempts(entity const&, entity const&, time_point) const noexcept { return false; }

    [[nodiscard]] std::size_t waiting_count() const noexcept { return waiting_; }

  private:
    void leave(entity& e) noexcept {
        queue_.erase(e);
        --waiting_;
    }

    config config_{};
    detail::ticket_queue<entity> queue_;
    std::size_t waiting_ = 0;
};

/// Checks the range that `round_robin::config` names.
/// \error names the field and what is allowed
[[nodiscard]] inline result<void> validate(round_robin::config const& c) {
    if (c.quantum <= duration{0}) {
        return error{"round_robin: quantum must be longer than 0"};
    }
    return {};
}

inline round_robin::round_robin(config const& c) : config_{c} {
    HPCSCHED_ASSERT(validate(c).has_value());
}

static_assert(nonpreemptive_class<round_robin>);

} // namespace hpcsched::cpu

#endif
