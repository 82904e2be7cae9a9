// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_CPU_SFS_HPP
#define HPCSCHED_CPU_SFS_HPP

#include <hpcsched/core/assert.hpp>
#include <hpcsched/core/ids.hpp>
#include <hpcsched/core/task_map.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/cpu/scheduling_agent.hpp>
#include <hpcsched/cpu/sfs_config.hpp>
#include <hpcsched/cpu/task.hpp>

#include <boost/circular_buffer.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace hpcsched::cpu {

/// Smart function scheduler: a short real-time slice for every new task, the kernel's fair class for the rest.
///
/// One FIFO queue for all tasks; one worker per CPU. A free worker takes the head of the queue and
/// runs it under SCHED_FIFO ("FILTER") until
/// * it exits;
/// * it has used up its slice S: it goes to the fair class for good;
/// * it blocks: it gives up the worker, and when it wakes it joins the tail of the queue with the rest of its slice.
///
/// A task whose delay in the queue is O x S or more when its turn comes stays in the fair class for good. S is the mean
/// of the last N inter-arrival times, times the number of CPUs. Queued tasks are in the fair class, so they run
/// wherever no FILTER task does.
///
/// Real-time tasks are subject to the kernel's throttling (95 % of each second by default), or its fair server.
///
/// \complexity O(1) per event, amortised; O(tasks) for `stopping`. Allocates only beyond the most tasks seen so far
/// \thread_safety none; confine to the driver's thread
/// \source Fu, Liu, Wang, Cheng, Chen, "SFS: Smart OS scheduling for serverless functions", SC'22: the FILTER policy,
///         its adaptive slice, I/O and overload handling. Deviations:
///         * Events replace polling: blocking, exits and ends of slices are known when they happen; `poll_period`
///           brings the paper's granularity back (each worker's decisions fall on multiples of P since it took its
///           task), not the cost of polling.
///         * A slice is CPU time, counted from the last time that the kernel told the task's CPU time (its arrival or
///           wake-up): what a queued task got meanwhile in the fair class counts too.
///         * The delay of a task that comes back from blocking counts from its wake-up; the paper does not say.
///         * A task that blocks while queued keeps its place and, if it is still blocked when its turn comes, loses it
///           and is queued again when it wakes, as a worker of the paper would find it sleeping at once.
///         * The first window holds N - 1 intervals, as the first arrival has none; its mean is over those.
///         * Workers do not pin their tasks unless asked: the kernel moves real-time tasks to free CPUs by itself, and
///           no FILTER task waits for a CPU that something else holds.
class sfs {
  public:
    using config = sfs_config;

    sfs() : sfs(config{}) {}

    /// \pre validate(c) succeeds
    explicit sfs(config const& c) : config_{c}, slice_{c.initial_slice} {
        HPCSCHED_ASSERT(validate(c).has_value());
        if (slice_ < c.slice_floor) {
            slice_ = c.slice_floor;
        }
    }

    void handle(started const& e, time_point, command_sink&) noexcept {
        HPCSCHED_ASSERT(e.cpu_count >= 1);
        workers_.assign(e.cpu_count, worker{});
        idle_.reserve(e.cpu_count);
        for (std::uint32_t w = e.cpu_count; w > 0; --w) {
            idle_.push_back(w - 1);
        }
    }

    void handle(task_arrived const& e, time_point now, command_sink& out) noexcept {
        entry& task = tasks_.insert(e.task, entry{});
        task.cpu_time = e.cpu_time;
        count_arrival(now);
        if (config_.quirks.queue_in_real_time) {
            set_real_time(e.task, task, config_.queue_priority, out);
        }
        join_queue(e.task, task, now);
        dispatch(now, out);
        if (config_.actuator == sfs_actuator::ranks && task.where != place::worker) {
            out.append(set_rank{e.task, rank_of_the_rest}); // unranked it would come before FILTER
        }
    }

    void handle(task_blocked const& e, time_point now, command_sink& out) noexcept {
        entry* const task = tasks_.find(e.task);
        if (task == nullptr) {
            return;
        }
        task->cpu_time = e.cpu_time;
        task->blocked = true;
        if (task->where == place::worker) {
            notice(task->worker, now, out);
        }
    }

    void handle(task_woke const& e, time_point now, command_sink& out) noexcept {
        entry* const task = tasks_.find(e.task);
        if (task == nullptr) {
            return;
        }
        task->cpu_time = e.cpu_time;
        task->blocked = false;
        if (task->where == place::asleep) {
            if (config_.quirks.wake_ups_are_arrivals) {
                count_arrival(now);
            }
            join_queue(e.task, *task, now);
            dispatch(now, out);
        }
    }

    void handle(task_exited const& e, time_point now, command_sink& out) noexcept {
        entry const* const task = tasks_.find(e.task);
        if (task == nullptr) {
            return;
        }
        bool const on_worker = task->where == place::worker;
        std::uint32_t const w = task->worker;
        tasks_.erase(e.task); // its place in the queue, if any, is found empty when its turn comes
        if (on_worker) {
            workers_[w].task_is_gone = true;
            notice(w, now, out);
        }
    }

    void handle(timer_fired const& e, time_point now, command_sink& out) noexcept {
        if (e.timer.value < workers_.size()) {
            worker& w = workers_[e.timer.value];
            if (w.look_at <= now) {
                w.look_at = never;
                look(e.timer.value, now, out);
            }
        } else {
            take_back_overloaded(now, out);
        }
    }

    void handle(cpu_timer_fired const& e, time_point now, command_sink& out) noexcept {
        entry* const task = tasks_.find(e.task);
        if (task == nullptr) {
            return;
        }
        task->cpu_time = e.cpu_time;
        // A timer may be noticed late, when the task has left its worker, or has come back and its slice ends later.
        if (task->where == place::worker) {
            notice(task->worker, now, out);
        }
    }

    void handle(stopping const&, time_point, command_sink& out) noexcept {
        tasks_.for_each([&](task_id id, entry& task) {
            set_normal(id, task, out);
            unpin(id, task, out);
            if (config_.actuator == sfs_actuator::ranks) {
                out.append(set_rank{id, 0});
            }
        });
    }

    /// S, the slice of a task that begins now.
    [[nodiscard]] duration slice() const noexcept { return slice_; }

    /// O x S, the delay in the queue from which on a task bypasses FILTER; `unlimited` where O is 0.
    [[nodiscard]] duration delay_limit() const noexcept {
        if (config_.overload_factor == 0 || slice_ > unlimited / config_.overload_factor) {
            return unlimited;
        }
        return slice_ * config_.overload_factor;
    }

  private:
    static constexpr duration come_back_after{1'000'000}; ///< quirk: time and slice of a task judged overloaded
    static constexpr std::int32_t rank_of_filter = 1;
    static constexpr std::int32_t rank_of_the_rest = 2;

    enum class place : std::uint8_t {
        queue,
        worker,
        asleep,     ///< blocked, not queued; joins the queue when it wakes
        overloaded, ///< quirk: about to be queued again
        released,   ///< in the kernel's hands for good
    };

    struct entry {
        duration cpu_time{};                ///< as last told by the kernel
        std::optional<duration> slice_left; ///< nothing: a whole S
        time_point queued_at{};
        std::uint32_t worker = 0;
        place where = place::queue;
        bool blocked = false;
        bool before_others = false; ///< in real time, or of the rank of FILTER
        bool pinned = false;
        bool came_back = false; ///< quirk: has been judged overloaded once
    };

    struct worker {
        task_id task{};
        time_point taken_at{};
        duration slice{};
        duration cpu_time_before{}; ///< of the task, when it was taken
        time_point look_at = never; ///< next poll, where something is to be seen
        bool task_is_gone = false;
    };

    struct overloaded_task {
        task_id task{};
        time_point back_at{};
    };

    // --- the window of inter-arrival times -----------------------------------------------------------------

    void count_arrival(time_point now) noexcept {
        if (previous_arrival_) {
            interval_sum_ += in_config_units(now - *previous_arrival_);
            ++interval_count_;
        }
        ++arrival_count_;
        bool const window_ends = arrival_count_ == config_.window;
        if (!(window_ends && previous_arrival_ && config_.quirks.last_interval_twice)) {
            previous_arrival_ = now;
        }
        if (window_ends) {
            if (config_.adaptive && interval_count_ > 0) {
                adapt_slice();
            }
            arrival_count_ = 0;
            interval_count_ = 0;
            interval_sum_ = duration{0};
        }
    }

    [[nodiscard]] duration in_config_units(duration length) const noexcept {
        return config_.quirks.whole_milliseconds ? std::chrono::floor<std::chrono::milliseconds>(length) : length;
    }

    /// S = mean interval x CPUs, rounded down to the nanosecond without overflow of the product.
    void adapt_slice() noexcept {
        auto const cpus = static_cast<std::int64_t>(workers_.size());
        duration const mean = interval_sum_ / interval_count_;
        if (config_.quirks.whole_milliseconds) {
            slice_ = in_config_units(mean) * cpus;
        } else {
            slice_ = mean * cpus + (interval_sum_ % interval_count_) * cpus / interval_count_;
        }
        if (slice_ < config_.slice_floor) {
            slice_ = config_.slice_floor;
        }
    }

    // --- the queue ---------------------------------------------------------------------------------------------

    void join_queue(task_id id, entry& task, time_point now) noexcept {
        task.where = place::queue;
        task.queued_at = now;
        push(queue_, id);
    }

    /// Gives idle workers the heads of the queue.
    void dispatch(time_point now, command_sink& out) noexcept {
        while (!idle_.empty() && !queue_.empty()) {
            task_id const id = queue_.front();
            queue_.pop_front();
            entry* const task = tasks_.find(id);
            if (task == nullptr) {
                continue; // exited in the fair class while it was queued
            }
            if (now - task->queued_at >= delay_limit()) {
                bypass(id, *task, now, out);
            } else if (task->blocked) {
                task->where = place::asleep;
            } else {
                take(id, *task, now, out);
            }
        }
    }

    void bypass(task_id id, entry& task, time_point now, command_sink& out) noexcept {
        if (!config_.quirks.overload_comes_back || task.came_back) {
            task.where = place::released;
            return;
        }
        task.where = place::overloaded;
        task.came_back = true;
        overloaded_task const judged{id, now + come_back_after};
        if (overloaded_.empty()) {
            out.append(arm_timer{come_back_timer(), judged.back_at});
        }
        push(overloaded_, judged);
    }

    void take_back_overloaded(time_point now, command_sink& out) noexcept {
        while (!overloaded_.empty() && overloaded_.front().back_at <= now) {
            task_id const id = overloaded_.front().task;
            overloaded_.pop_front();
            if (entry* const task = tasks_.find(id)) {
                task->slice_left = come_back_after;
                if (task->blocked) {
                    task->where = place::asleep;
                } else {
                    if (config_.quirks.wake_ups_are_arrivals) {
                        count_arrival(now);
                    }
                    join_queue(id, *task, now);
                }
            }
        }
        if (!overloaded_.empty()) {
            out.append(arm_timer{come_back_timer(), overloaded_.front().back_at});
        }
        dispatch(now, out);
    }

    [[nodiscard]] timer_id come_back_timer() const noexcept {
        return timer_id{static_cast<std::uint32_t>(workers_.size())};
    }

    // --- the workers -------------------------------------------------------------------------------------------

    void take(task_id id, entry& task, time_point now, command_sink& out) noexcept {
        std::uint32_t const w = idle_.back();
        idle_.pop_back();
        duration const slice = task.slice_left.value_or(slice_);
        workers_[w] = worker{.task = id, .taken_at = now, .slice = slice, .cpu_time_before = task.cpu_time};
        task.where = place::worker;
        task.worker = w;
        if (config_.pin_workers) {
            cpu_mask cpu;
            cpu.add(cpu_id{w});
            out.append(set_affinity{id, cpu});
            task.pinned = true;
        }
        if (config_.actuator == sfs_actuator::ranks) {
            out.append(set_rank{id, rank_of_filter});
            out.append(set_slice{id, slice});
            task.before_others = true;
        } else {
            set_real_time(id, task, config_.filter_priority, out);
        }
        if (config_.quirks.slice_by_wall_clock) {
            look_not_before(w, saturating_add(now, slice), out);
        } else {
            out.append(arm_cpu_timer{id, slice > unlimited - task.cpu_time ? unlimited : task.cpu_time + slice});
        }
    }

    /// Something happened to the task of worker `w`: looks at it now, or at the next poll.
    void notice(std::uint32_t w, time_point now, command_sink& out) noexcept {
        if (config_.poll_period == duration{0}) {
            look(w, now, out);
        } else {
            look_not_before(w, now, out);
        }
    }

    /// Arms the timer of worker `w` for its first poll that is not before `at`, unless an earlier one is armed.
    void look_not_before(std::uint32_t w, time_point at, command_sink& out) noexcept {
        worker& self = workers_[w];
        if (config_.poll_period > duration{0}) {
            duration const late = (at - self.taken_at) % config_.poll_period;
            at = late == duration{0} ? at : saturating_add(at, config_.poll_period - late);
        }
        if (at < self.look_at) {
            self.look_at = at;
            out.append(arm_timer{timer_id{w}, at});
        }
    }

    /// The worker's decision (the paper's cases: finished, slice used up, blocked, or go on).
    void look(std::uint32_t w, time_point now, command_sink& out) noexcept {
        worker& self = workers_[w];
        if (!self.task_is_gone) {
            entry& task = tasks_.at(self.task);
            duration const used =
                config_.quirks.slice_by_wall_clock ? now - self.taken_at : task.cpu_time - self.cpu_time_before;
            if (used >= self.slice) {
                task.where = place::released;
                set_normal(self.task, task, out);
            } else if (task.blocked) {
                // Its CPU timer stays armed: it is armed anew before the slice goes on, and ignored until then.
                task.where = place::asleep;
                task.slice_left = self.slice - used;
                if (config_.quirks.queue_in_real_time) {
                    set_real_time(self.task, task, config_.queue_priority, out);
                } else {
                    set_normal(self.task, task, out);
                }
            } else {
                if (config_.quirks.slice_by_wall_clock) {
                    look_not_before(w, saturating_add(self.taken_at, self.slice), out);
                }
                return;
            }
            unpin(self.task, task, out);
        }
        self = worker{};
        idle_.push_back(w);
        dispatch(now, out);
    }

    // --- what the kernel is asked for --------------------------------------------------------------------------

    static void set_real_time(task_id id, entry& task, int priority, command_sink& out) noexcept {
        out.append(set_policy{id, sched_policy::fifo, priority});
        task.before_others = true;
    }

    void set_normal(task_id id, entry& task, command_sink& out) const noexcept {
        if (!std::exchange(task.before_others, false)) {
            return;
        }
        if (config_.actuator == sfs_actuator::ranks) {
            out.append(set_rank{id, rank_of_the_rest});
            out.append(set_slice{id, duration{0}});
        } else {
            out.append(set_policy{id, sched_policy::normal, 0});
        }
    }

    static void unpin(task_id id, entry& task, command_sink& out) noexcept {
        if (task.pinned) {
            out.append(set_affinity{id, cpu_mask::all()});
            task.pinned = false;
        }
    }

    /// Appends to a ring that doubles when it is full: no allocation in steady state.
    template <class Item>
    static void push(boost::circular_buffer<Item>& ring, Item const& item) {
        if (ring.full()) {
            ring.set_capacity(ring.capacity() == 0 ? 64 : 2 * ring.capacity());
        }
        ring.push_back(item);
    }

    config config_;
    duration slice_;
    task_map<entry> tasks_;
    boost::circular_buffer<task_id> queue_;
    boost::circular_buffer<overloaded_task> overloaded_;
    std::vector<worker> workers_;
    std::vector<std::uint32_t> idle_; ///< the one on top is used next
    std::optional<time_point> previous_arrival_;
    duration interval_sum_{};
    std::uint32_t interval_count_ = 0;
    std::uint32_t arrival_count_ = 0;
};

static_assert(scheduling_agent<sfs>);

} // namespace hpcsched::cpu

#endif
