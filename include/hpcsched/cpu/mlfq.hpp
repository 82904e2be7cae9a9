// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_CPU_MLFQ_HPP
#define HPCSCHED_CPU_MLFQ_HPP

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
#include <string>

namespace hpcsched::cpu {

/// Multi-level feedback queue: guesses from what a task has used so far that it will go on for as long, and so serves
/// short tasks first without knowing them.
///
/// 1. The highest level (level 0) that has a waiting task runs; within a level, round robin.
/// 2. A task arrives at level 0. Level i has a quantum of `quantum` x 2^i.
/// 3. A task that has used up its quantum at a level goes to the tail of the next lower one, whether it used it in one
///    run or in many with waits between; at the lowest level it goes to the tail of that with a new quantum.
/// 4. A task that wakes, or preempts, is of its old level; one that gave way goes back to the head of its level.
/// 5. Every `boost_period`, at its multiples on the run's time line, all tasks go to level 0 with a new quantum, the
///    waiting ones in order of level and place; a running one at the end of its run. So none starves.
///
/// A waiting task preempts a running one of a lower level.
///
/// \complexity O(1) for every operation; O(waiting) per boost, to pick where affinity forbids the first tasks, and to
///             enqueue a task whose attributes changed
/// \source Corbato, Merwin-Daggett, Daley, "An experimental time-sharing system" (1962); the rules as in R. and
///         A. Arpaci-Dusseau, "Operating Systems: Three Easy Pieces", chapter 8. Deviation: the quanta double from
///         level to level, as in the former; the defaults are this library's.
class mlfq {
  public:
    static constexpr std::size_t level_count_max = 32;

    struct entity : detail::ticket_hook {
        task_info const* task = nullptr;
        duration quantum_left{};
        std::uint64_t sequence = 0; ///< of the task that this state belongs to
        std::int64_t boost = -1;    ///< the boost that it has seen; -1: this state belongs to no task
        std::uint8_t level = 0;
    };
    struct config {
        std::uint32_t level_count = 8;        ///< 1 .. level_count_max
        duration quantum{10'000'000};         ///< of level 0; > 0
        duration boost_period{1'000'000'000}; ///< > 0; `unlimited`: never
    };

    static constexpr run_queue_scope scope = run_queue_scope::global;
    static constexpr slice_enforcement enforcement = slice_enforcement::exact;
    [[nodiscard]] static constexpr bool serves(sched_policy) noexcept { return true; }

    mlfq() = default;

    /// \pre validate(c) holds
    explicit mlfq(config const& c);

    void enqueue(entity& e, enqueue_reason why, time_point now) noexcept;
    void dequeue(entity& e, dequeue_reason why, time_point now) noexcept;
    [[nodiscard]] pick<entity> pick_next(cpu_id cpu, time_point now) noexcept;

    void account(entity& e, cpu_id, duration ran, time_point) noexcept { e.quantum_left -= ran; }

    [[nodiscard]] bool preempts(entity const& a, entity const& b, time_point) const noexcept {
        return level_of(a) < level_of(b);
    }

    [[nodiscard]] std::size_t waiting_count() const noexcept { return waiting_; }

    /// The level of a task that is known here: 0 is the highest.
    [[nodiscard]] std::uint32_t level_of(entity const& e) const noexcept { return e.boost == boost_ ? e.level : 0; }

  private:
    [[nodiscard]] duration quantum_of(std::size_t level) const noexcept {
        return config_.quantum * (std::int64_t{1} << level);
    }
    void boost_if_due(time_point now) noexcept;
    void bring_up_to_date(entity& e) noexcept;
    void leave(entity& e) noexcept;

    config config_{};
    std::array<detail::ticket_queue<entity>, level_count_max> levels_;
    std::uint32_t occupied_ = 0; ///< the levels that are not empty
    std::size_t waiting_ = 0;
    std::int64_t boost_ = 0; ///< number of the last boost
};

/// Checks the ranges that `mlfq::config` names.
/// \error names the field and what is allowed
[[nodiscard]] inline result<void> validate(mlfq::config const& c) {
    if (c.level_count < 1 || c.level_count > mlfq::level_count_max) {
        return error{"mlfq: level_count is " + std::to_string(c.level_count) + ": give 1 to " +
                     std::to_string(mlfq::level_count_max)};
    }
    if (c.quantum <= duration{0}) {
        return error{"mlfq: quantum must be longer than 0"};
    }
    if (c.quantum > unlimited / (std::int64_t{1} << (c.level_count - 1))) {
        return error{"mlfq: quantum is too long to be doubled level_count - 1 times"};
    }
    if (c.boost_period <= duration{0}) {
        return error{"mlfq: boost_period must be longer than 0; give `unlimited` for no boosts"};
    }
    return {};
}

inline mlfq::mlfq(config const& c) : config_{c} {
    HPCSCHED_ASSERT(validate(c).has_value());
}

inline void mlfq::enqueue(entity& e, enqueue_reason why, time_point now) noexcept {
    boost_if_due(now);
    if (why == enqueue_reason::arrived || e.boost < 0 || e.sequence != e.task->sequence) {
        e.boost = -1;
        e.sequence = e.task->sequence;
        e.left_at = never;
    }
    bool const goes_on = e.boost == boost_ && e.quantum_left > duration{0};
    bring_up_to_date(e);
    auto& line = levels_[e.level];
    if (goes_on && (why == enqueue_reason::preempted || why == enqueue_reason::slice_expired)) {
        line.push_front(e);
    } else if (goes_on && why == enqueue_reason::changed && e.left_at == now) {
        line.put_back(e);
    } else {
        line.push_back(e);
    }
    e.left_at = never;
    occupied_ |= std::uint32_t{1} << e.level;
    ++waiting_;
}

/// Gives a task the level and the quantum that it has by now.
inline void mlfq::bring_up_to_date(entity& e) noexcept {
    if (e.boost != boost_) {
        e.boost = boost_;
        e.level = 0;
        e.quantum_left = quantum_of(0);
    } else if (e.quantum_left <= duration{0}) {
        e.level = static_cast<std::uint8_t>(std::min<std::uint32_t>(e.level + 1U, config_.level_count - 1));
        e.quantum_left = quantum_of(e.level);
    }
}

inline void mlfq::dequeue(entity& e, dequeue_reason why, time_point now) noexcept {
    boost_if_due(now);
    e.left_at = why == dequeue_reason::changed ? now : never;
    if (e.is_queued) {
        leave(e);
    }
}

inline void mlfq::leave(entity& e) noexcept {
    levels_[e.level].erase(e);
    if (levels_[e.level].empty()) {
        occupied_ &= ~(std::uint32_t{1} << e.level);
    }
    --waiting_;
}

inline pick<mlfq::entity> mlfq::pick_next(cpu_id cpu, time_point now) noexcept {
    boost_if_due(now);
    for (std::uint32_t levels = occupied_; levels != 0; levels &= levels - 1) {
        if (entity* const next = levels_[static_cast<std::size_t>(std::countr_zero(levels))].first_for(cpu)) {
            leave(*next);
            return {.next = next, .slice = next->quantum_left};
        }
    }
    return {};
}

/// Sends the waiting tasks to level 0, if the time has come; the others follow when they are enqueued.
inline void mlfq::boost_if_due(time_point now) noexcept {
    if (config_.boost_period == unlimited) {
        return;
    }
    std::int64_t const due = now.time_since_epoch() / config_.boost_period;
    if (due == boost_) {
        return;
    }
    boost_ = due;
    for (std::size_t level = 1; level < config_.level_count; ++level) {
        levels_[0].append(levels_[level]);
    }
    levels_[0].for_each([this](entity& e) {
        e.boost = boost_;
        e.level = 0;
        e.quantum_left = quantum_of(0);
    });
    occupied_ = waiting_ == 0 ? 0U : 1U;
}

static_assert(scheduling_class<mlfq>);

} // namespace hpcsched::cpu

#endif
