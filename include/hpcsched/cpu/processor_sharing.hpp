// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_CPU_PROCESSOR_SHARING_HPP
#define HPCSCHED_CPU_PROCESSOR_SHARING_HPP

#include <hpcsched/core/assert.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/cpu/detail/pairing_heap.hpp>
#include <hpcsched/cpu/scheduling_class.hpp>
#include <hpcsched/cpu/task.hpp>
#include <hpcsched/cpu/weights.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>

namespace hpcsched::cpu {

/// Egalitarian processor sharing: of k tasks on n CPUs each has, at every moment, min(1, n/k) of a CPU. What CFS and
/// EEVDF are as their slices go to 0 and switches cost nothing.
///
/// It keeps one number, the CPU time that a task present from the start would have had (its virtual time); a task with
/// work w that joins at virtual time v is done at v + w. Virtual time counts in 2^-32 ns and is rounded down whenever a
/// task comes or goes, so it lags by less than 1 ns in 4 billion such events; a task that lacks less than 1/4096 ns is
/// done. Nice, rank and affinity are not looked at.
///
/// \complexity O(1) to enqueue and to look at the next completion, O(log tasks) amortised to dequeue
/// \source Kleinrock, "Time-shared systems: a theoretical treatment" (1967); on n CPUs, limited processor sharing with
///         at most one CPU per task
class processor_sharing {
  public:
    struct entity : detail::pairing_hook<entity> {
        task_info const* task = nullptr;
        detail::uint128 finish{};   ///< virtual time at which its work is done, in 2^-32 ns
        duration work{};            ///< that it joined with
        std::uint64_t sequence = 0; ///< the task's own: ends every tie
    };
    struct config {};

    [[nodiscard]] static constexpr bool serves(sched_policy) noexcept { return true; }

    processor_sharing() = default;
    explicit processor_sharing(config const&) {}

    void set_capacity(std::size_t cpus, time_point now) noexcept {
        advance(now);
        capacity_ = cpus;
    }

    /// \pre work > 0
    void enqueue(entity& e, duration work, time_point now) noexcept {
        HPCSCHED_ASSERT(work > duration{0});
        advance(now);
        e.finish = virtual_now_ + (static_cast<detail::uint128>(work.count()) << fraction_bits);
        e.work = work;
        e.sequence = e.task->sequence;
        heap_.push(e);
        ++count_;
    }

    duration dequeue(entity& e, time_point now) noexcept {
        advance(now);
        heap_.erase(e);
        --count_;
        duration const missing{static_cast<std::int64_t>(divide_up(missing_of(e), std::uint64_t{1} << fraction_bits))};
        if (count_ == 0) {
            virtual_now_ = 0;
        }
        return std::max(e.work - missing, duration{0});
    }

    [[nodiscard]] time_point next_completion() const noexcept {
        if (count_ == 0 || capacity_ == 0) {
            return never;
        }
        detail::uint128 missing = missing_of(*heap_.top());
        std::uint64_t share = std::uint64_t{1} << fraction_bits;
        if (count_ > capacity_) {
            missing *= count_;
            share *= capacity_;
        }
        detail::uint128 const left = divide_up(missing, share);
        constexpr auto end_of_time = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
        return left > end_of_time ? never : saturating_add(now_, duration{static_cast<std::int64_t>(left)});
    }

    [[nodiscard]] entity* next_completed() const noexcept { return heap_.top(); }

    [[nodiscard]] std::size_t task_count() const noexcept { return count_; }

  private:
    static constexpr unsigned fraction_bits = 32;
    static constexpr std::uint64_t tolerance = std::uint64_t{1} << (fraction_bits - 12);

    struct is_before {
        [[nodiscard]] bool operator()(entity const& a, entity const& b) const noexcept {
            return a.finish != b.finish ? a.finish < b.finish : a.sequence < b.sequence;
        }
    };

    /// Dividing 128 bits costs several times what dividing 64 bits does, which nearly always suffices.
    static detail::uint128 divide_up(detail::uint128 a, std::uint64_t b) noexcept {
        if (a <= std::numeric_limits<std::uint64_t>::max() - b) {
            return (static_cast<std::uint64_t>(a) + (b - 1)) / b;
        }
        return (a + (b - 1)) / b;
    }

    /// The virtual time that `e` lacks; 0 if less than the tolerance. Half of the tolerance is taken off the rest, so
    /// that at the completion foretold the rounding of virtual time cannot make a task lack something.
    [[nodiscard]] detail::uint128 missing_of(entity const& e) const noexcept {
        return e.finish > virtual_now_ + tolerance ? e.finish - virtual_now_ - tolerance / 2 : 0;
    }

    void advance(time_point now) noexcept {
        HPCSCHED_ASSERT(now >= now_);
        auto const passed = static_cast<std::uint64_t>((now - now_).count());
        now_ = now;
        if (count_ == 0) {
            return;
        }
        if (count_ <= capacity_) {
            virtual_now_ += static_cast<detail::uint128>(passed) << fraction_bits;
            return;
        }
        detail::uint128 const cpu_time = (static_cast<detail::uint128>(passed) * capacity_) << fraction_bits;
        virtual_now_ += cpu_time <= std::numeric_limits<std::uint64_t>::max()
                            ? static_cast<std::uint64_t>(cpu_time) / count_
                            : cpu_time / count_;
    }

    detail::pairing_heap<entity, is_before> heap_;
    std::size_t count_ = 0;
    std::size_t capacity_ = 0;
    time_point now_{};
    detail::uint128 virtual_now_ = 0; ///< in 2^-32 ns; 0 while there are no tasks
};

static_assert(fluid_class<processor_sharing>);

} // namespace hpcsched::cpu

#endif
