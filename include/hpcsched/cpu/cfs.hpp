// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_CPU_CFS_HPP
#define HPCSCHED_CPU_CFS_HPP

#include <hpcsched/core/assert.hpp>
#include <hpcsched/core/result.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/cpu/detail/pairing_heap.hpp>
#include <hpcsched/cpu/detail/ticket_queue.hpp>
#include <hpcsched/cpu/scheduling_class.hpp>
#include <hpcsched/cpu/task.hpp>
#include <hpcsched/cpu/weights.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace hpcsched::cpu {

/// The times of CFS. The defaults are those of a machine with 8 CPUs or more.
struct cfs_config {
    duration latency{24'000'000};           ///< in which each of a few runnable tasks runs once; > 0
    duration min_granularity{3'000'000};    ///< shortest slice; > 0
    duration wakeup_granularity{4'000'000}; ///< how far ahead a running task must be to be preempted on wake-up; >= 0

    /// Linux's defaults on a machine of `cpus`: 6 ms, 0.75 ms and 1 ms, times 1 + log2(cpus) up to 4.
    /// \pre cpus >= 1
    [[nodiscard]] static constexpr cfs_config for_cpus(std::uint32_t cpus) noexcept {
        std::int64_t const factor = cpu_count_factor(cpus);
        return {.latency = duration{6'000'000} * factor,
                .min_granularity = duration{750'000} * factor,
                .wakeup_granularity = duration{1'000'000} * factor};
    }
};

/// Checks the ranges that `cfs_config` names.
/// \error names the field and what is allowed
[[nodiscard]] inline result<void> validate(cfs_config const& c) {
    if (c.latency <= duration{0} || c.min_granularity <= duration{0}) {
        return error{"cfs: latency and min_granularity must be longer than 0"};
    }
    if (c.wakeup_granularity < duration{0}) {
        return error{"cfs: wakeup_granularity must not be negative"};
    }
    return {};
}

/// The order of the stock kernel: least virtual runtime first; neither ranks nor slices of a task's own.
struct vruntime_order {
    static constexpr bool heeds_rank = false;
    static constexpr bool heeds_slice = false;
};

/// The order of ALPS's kernel: lower `task_info::rank` first (0, not ranked, before all), then virtual runtime; and a
/// task with a slice of its own keeps the CPU until it has run for it without a break.
struct rank_order {
    static constexpr bool heeds_rank = true;
    static constexpr bool heeds_slice = true;
};

/// Linux's completely fair scheduler, the fair class until 6.5: the run queue of one CPU.
///
/// A task ages by the time it runs, divided by its weight (its virtual runtime), and the youngest runs:
/// * The period is `latency`, or `min_granularity` per task where that is longer. A task's slice is its share by weight
///   of the period, at least `min_granularity`.
/// * The slice ends at the tick. A task that is then still the youngest goes on. One whose slice has grown since,
/// because
///   others left, goes on unless it is a whole slice older than the youngest.
/// * A task that wakes is not older than it was, and at most half a `latency` younger than the youngest
///   (GENTLE_FAIR_SLEEPERS). A new one is one slice older (START_DEBIT).
/// * A waking or new task preempts if it is younger than the running one by more than `wakeup_granularity`, in the
///   virtual time of its own weight.
/// * A task that changes queues keeps its age relative to `min_vruntime`, the age of the youngest, which never falls.
///   Where it sleeps between, the queue left is taken to have aged on at the rate of its last load.
///
/// With `rank_order`, the wake-up rule stays that of ages, and then the first in rank order runs; no rule takes the CPU
/// from a task that has not run for its own slice, after which the stock rules hold.
///
/// Virtual times are integers, rounded up; slices are rounded down.
///
/// \complexity O(1) to enqueue, O(log waiting) amortised to pick and dequeue
/// \source Linux 5.15, in its effect, and for `rank_order` ALPS (ATC'24), section 5.3, listings 1 to 4 (the hooks in
///         entity_before and __schedule; wake-up preemption is not hooked). Deviations: one level, no groups; no
///         buddies; the slice is computed when the task is picked, not at every tick, so tasks that join later shorten
///         only the next one; in ALPS's kernel not even real-time tasks preempt a slice, here they do, and the slice
///         then begins anew.
template <class Order>
class basic_cfs {
  public:
    struct entity : detail::ticket_hook, detail::pairing_hook<entity> {
        task_info const* task = nullptr;
        std::int64_t vruntime = 0;           ///< its age, virtual nanoseconds
        std::int64_t weight = nice_0_weight; ///< by its nice
        std::uint64_t sequence = 0;          ///< the task's own: ends every tie
        duration ran{};                      ///< since it was last switched to
        std::int64_t age_when_left = 0;      ///< relative to the min_vruntime of the queue it left
        std::int64_t load_when_left = 0;     ///< of that queue, without it
        std::int64_t queue_when_left = -1;   ///< the CPU of that queue
        std::int32_t rank = 0;
        bool is_known = false; ///< this state belongs to the task of that sequence
    };
    using config = cfs_config;

    static constexpr run_queue_scope scope = run_queue_scope::per_cpu;
    static constexpr slice_enforcement enforcement = slice_enforcement::at_tick;
    [[nodiscard]] static constexpr bool serves(sched_policy policy) noexcept { return policy == sched_policy::normal; }

    basic_cfs() = default;

    /// \pre validate(c) holds
    explicit basic_cfs(config const& c) : config_{c} { HPCSCHED_ASSERT(validate(c).has_value()); }

    void enqueue(entity& e, enqueue_reason why, time_point now) noexcept {
        bool const was_picked = why == enqueue_reason::preempted || why == enqueue_reason::slice_expired;
        HPCSCHED_ASSERT(was_picked == (picked_ == &e));
        if (was_picked) {
            picked_ = nullptr;
            incumbent_ = &e;
            slice_has_ended_ = why == enqueue_reason::slice_expired;
            e.left_at = now;
        } else {
            join(e, why, now);
        }
        order_.push(e);
        coldness_.push_back(e);
        ++waiting_;
        raise_min_vruntime();
        must_yield_ = must_yield_ || (picked_ != nullptr && takes_cpu_from(e, *picked_));
    }

    void dequeue(entity& e, dequeue_reason, time_point now) noexcept {
        if (picked_ == &e) {
            picked_ = nullptr;
        } else {
            incumbent_ = incumbent_ == &e ? nullptr : incumbent_;
            leave_line(e);
        }
        load_ -= e.weight;
        e.age_when_left = e.vruntime - min_vruntime_;
        e.load_when_left = load_;
        e.queue_when_left = cpu_;
        e.left_at = now;
        raise_min_vruntime();
    }

    [[nodiscard]] pick<entity> pick_next(cpu_id cpu, time_point now) noexcept {
        HPCSCHED_ASSERT(picked_ == nullptr);
        cpu_ = cpu.value;
        bool const must_yield = std::exchange(must_yield_, false);
        entity* incumbent = std::exchange(incumbent_, nullptr);
        if (incumbent != nullptr && incumbent->left_at != now) {
            incumbent = nullptr; // a higher class has run meanwhile
        }
        entity* next = order_.top();
        if (next != nullptr && !next->task->may_run_on(cpu)) {
            next = order_.first_if([cpu](entity const& e) { return e.task->may_run_on(cpu); });
        }
        if (next == nullptr) {
            return {};
        }
        if (incumbent != nullptr && slice_has_ended_ && !must_yield && goes_on(*incumbent, *next, cpu)) {
            next = incumbent;
        }
        if (next != incumbent) {
            next->ran = duration{0};
        }
        leave_line(*next);
        picked_ = next;
        return {.next = next, .slice = slice_of_run(*next)};
    }

    void account(entity& e, cpu_id, duration ran, time_point) noexcept {
        HPCSCHED_ASSERT(picked_ == &e);
        e.vruntime += virtual_time(ran, e.weight);
        e.ran += ran;
        raise_min_vruntime();
    }

    [[nodiscard]] bool preempts(entity const& a, entity const& b, time_point) const noexcept {
        return takes_cpu_from(a, b);
    }

    [[nodiscard]] std::size_t waiting_count() const noexcept { return waiting_; }

    /// The task that has waited longest since it ran or joined: its caches are the coldest.
    /// \complexity O(1); O(waiting) where affinity forbids the first
    [[nodiscard]] entity* migration_candidate(cpu_id to) noexcept { return coldness_.first_for(to); }

    /// The age of the youngest runnable task (with `rank_order`: of the first), as far as it never fell; virtual
    /// nanoseconds.
    [[nodiscard]] std::int64_t min_vruntime() const noexcept { return min_vruntime_; }

  private:
    struct is_before {
        [[nodiscard]] bool operator()(entity const& a, entity const& b) const noexcept {
            if constexpr (Order::heeds_rank) {
                if (a.rank != b.rank) {
                    return a.rank < b.rank;
                }
            }
            return a.vruntime != b.vruntime ? a.vruntime < b.vruntime : a.sequence < b.sequence;
        }
    };

    /// The slice of a task of `weight` among `count` tasks of that `load`, itself included.
    [[nodiscard]] duration share_of_period(std::int64_t weight, std::size_t count, std::int64_t load) const noexcept {
        duration const period = std::max(config_.latency, config_.min_granularity * static_cast<std::int64_t>(count));
        return std::max(config_.min_granularity, duration{detail::multiply_divide(period.count(), weight, load)});
    }

    /// Whether `e` still has the CPU by its own slice, whatever the stock rules say.
    [[nodiscard]] static bool holds_own_slice(entity const& e) noexcept {
        return Order::heeds_slice && e.ran < e.task->slice;
    }

    /// The rule of wake-up preemption.
    [[nodiscard]] bool takes_cpu_from(entity const& a, entity const& b) const noexcept {
        return !holds_own_slice(b) && b.vruntime - a.vruntime > virtual_time(config_.wakeup_granularity, a.weight) &&
               is_before{}(*order_.top(), b);
    }

    /// The rule of the tick, for a task whose slice has ended but which was given it when more tasks waited.
    [[nodiscard]] bool goes_on(entity const& e, entity const& first, cpu_id cpu) const noexcept {
        if (!e.task->may_run_on(cpu) || holds_own_slice(e)) {
            return e.task->may_run_on(cpu);
        }
        duration const slice = share_of_period(e.weight, waiting_, load_);
        return e.ran < slice && (e.ran < config_.min_granularity || e.vruntime - first.vruntime <= slice.count());
    }

    /// For how long the task just picked runs until the tick may take the CPU from it.
    [[nodiscard]] duration slice_of_run(entity const& e) const noexcept {
        if (holds_own_slice(e)) {
            return e.task->slice - e.ran;
        }
        if (waiting_ == 0) {
            return share_of_period(e.weight, 2, 2 * e.weight); // as if an equal joined at once
        }
        duration const slice = share_of_period(e.weight, waiting_ + 1, load_);
        if (e.ran >= slice) {
            return config_.min_granularity; // and yet it is the first: it is looked at tick by tick
        }
        std::int64_t const until_old = slice.count() - (e.vruntime - order_.top()->vruntime) + 1;
        duration const until_older_by_slice =
            until_old <= 0 ? duration{1} : std::max(real_time(until_old, e.weight), duration{1});
        return std::min(slice - e.ran, std::max(until_older_by_slice, config_.min_granularity - e.ran));
    }

    /// Gives `e`, which comes from elsewhere, its age in this queue.
    void join(entity& e, enqueue_reason why, time_point now) noexcept {
        bool const is_known = why != enqueue_reason::arrived && e.is_known && e.sequence == e.task->sequence;
        e.is_known = true;
        e.sequence = e.task->sequence;
        e.rank = e.task->rank;
        e.weight = weight_of_nice(e.task->nice);
        e.ran = duration{0};
        load_ += e.weight;
        if (why == enqueue_reason::arrived) {
            duration const slice = share_of_period(e.weight, waiting_ + (picked_ != nullptr ? 2 : 1), load_);
            e.vruntime = min_vruntime_ + virtual_time(slice, e.weight);
        } else if (!is_known) {
            e.vruntime = min_vruntime_;
        } else if (why == enqueue_reason::woke) {
            bool const is_back = e.queue_when_left == cpu_;
            std::int64_t const age = is_back ? e.vruntime : min_vruntime_ + e.age_when_left - aged_meanwhile(e, now);
            e.vruntime = std::max(age, min_vruntime_ - config_.latency.count() / 2);
        } else {
            e.vruntime = min_vruntime_ + e.age_when_left;
        }
    }

    /// By how much the queue that `e` left has aged since, if its load has stayed the same.
    [[nodiscard]] static std::int64_t aged_meanwhile(entity const& e, time_point now) noexcept {
        return e.load_when_left == 0 ? 0 : virtual_time(now - e.left_at, e.load_when_left);
    }

    void leave_line(entity& e) noexcept {
        order_.erase(e);
        coldness_.erase(e);
        --waiting_;
    }

    void raise_min_vruntime() noexcept {
        entity const* const first = order_.top();
        if (picked_ == nullptr && first == nullptr) {
            return;
        }
        entity const& one = picked_ != nullptr ? *picked_ : *first;
        entity const& other = first != nullptr ? *first : *picked_;
        min_vruntime_ = std::max(min_vruntime_, std::min(one.vruntime, other.vruntime));
    }

    config config_{};
    detail::pairing_heap<entity, is_before> order_; ///< the waiting tasks, the next to run first
    detail::ticket_queue<entity> coldness_;         ///< the same, the longest waiting first
    std::size_t waiting_ = 0;
    entity* picked_ = nullptr;
    entity* incumbent_ = nullptr;  ///< gave the CPU back, and nothing was picked since
    bool slice_has_ended_ = false; ///< of the incumbent, which is why it gave the CPU back
    bool must_yield_ = false;      ///< a task has joined that takes the CPU from the picked one
    std::int64_t load_ = 0;        ///< the weights of the waiting and the picked
    std::int64_t min_vruntime_ = 0;
    std::int64_t cpu_ = -2; ///< whose queue this is, once known
};

/// The fair class of Linux until 6.5.
using cfs = basic_cfs<vruntime_order>;

/// The fair class of ALPS's patched kernel.
using ranked_cfs = basic_cfs<rank_order>;

static_assert(scheduling_class<cfs>);
static_assert(scheduling_class<ranked_cfs>);

} // namespace hpcsched::cpu

#endif
