// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_TESTS_CPU_ONE_CPU_HPP
#define HPCSCHED_TESTS_CPU_ONE_CPU_HPP

#include <hpcsched/core/time.hpp>
#include <hpcsched/cpu/scheduling_class.hpp>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

namespace hpcsched::cpu {

/// A CPU, one scheduling class and a clock: as much of a kernel as it takes to see what the class does.
/// Simultaneous events: the running task stops, tasks arrive and wake in order of arrival, the slice ends.
template <scheduling_class C>
class one_cpu {
  public:
    /// One stretch of time in which a task ran.
    struct run {
        std::size_t task = 0;
        duration from{};
        duration to{};

        friend bool operator==(run const&, run const&) = default;
    };

    struct task {
        task_info info{};
        typename C::entity entity{};
        duration work = unlimited; ///< until it exits
        duration run_length{};     ///< CPU time between two sleeps; 0: it never sleeps
        duration sleep_length{};
        duration run_left = unlimited; ///< until it sleeps
        time_point due = never;        ///< absent: when it arrives or wakes; never: gone
        time_point exit = never;
        bool has_arrived = false;
    };

    explicit one_cpu(typename C::config const& config = {}, duration tick = duration{4'000'000})
        : queue_{config}, tick_{tick} {}

    /// A task that will arrive at `at` (now, by default); attributes are set through the reference before it does.
    task& add(duration work = unlimited, time_point at = time_point{}) {
        auto& t = *tasks_.emplace_back(std::make_unique<task>());
        t.info.sequence = tasks_.size() - 1;
        t.info.id.index = static_cast<std::uint32_t>(tasks_.size() - 1);
        t.info.arrival = std::max(at, now_);
        t.info.remaining = work;
        t.work = work;
        t.due = t.info.arrival;
        t.entity.task = &t.info;
        return t;
    }

    /// A task that runs for `run_length` and then sleeps for `sleep_length`, over and over.
    task& add_sleeper(duration run_length, duration sleep_length, time_point at = time_point{}) {
        auto& t = add(unlimited, at);
        t.run_length = run_length;
        t.sleep_length = sleep_length;
        t.run_left = run_length;
        return t;
    }

    /// Changes what the class may know of a runnable task.
    template <class Mutate>
    void change(task& t, Mutate&& mutate) {
        settle();
        bool const was_running = current_ == &t;
        queue_.dequeue(t.entity, dequeue_reason::changed, now_);
        current_ = was_running ? nullptr : current_;
        mutate(t.info);
        queue_.enqueue(t.entity, enqueue_reason::changed, now_);
        reschedule_if(current_ == nullptr || queue_.preempts(t.entity, current_->entity, now_));
    }

    /// Takes the CPU away from this class for a while, as a higher class does.
    void be_starved(duration length) {
        settle();
        put_back(enqueue_reason::preempted);
        now_ += length;
        settled_ = now_;
        choose();
    }

    void run_for(duration length) { run_until(now_ + length); }

    void run_until(time_point end) {
        while (next_event() <= end) {
            now_ = next_event();
            step();
        }
        now_ = end;
        settle();
    }

    [[nodiscard]] task& at(std::size_t i) { return *tasks_[i]; }
    [[nodiscard]] C& queue() { return queue_; }
    [[nodiscard]] task* current() { return current_; }
    [[nodiscard]] time_point now() const { return now_; }
    [[nodiscard]] std::vector<run> const& runs() const { return runs_; }

    /// Who ran when, in milliseconds: "0:0-2.5 1:2.5-4".
    [[nodiscard]] std::string history() const {
        std::ostringstream out;
        for (run const& r : runs_) {
            out << (out.tellp() > 0 ? " " : "") << r.task << ':' << to_milliseconds(r.from) << '-'
                << to_milliseconds(r.to);
        }
        return out.str();
    }

    /// The tasks in the order in which they got the CPU.
    [[nodiscard]] std::vector<std::size_t> order() const {
        std::vector<std::size_t> tasks;
        for (run const& r : runs_) {
            tasks.push_back(r.task);
        }
        return tasks;
    }

    /// CPU time of all tasks.
    [[nodiscard]] duration busy() const {
        duration sum{};
        for (auto const& t : tasks_) {
            sum += t->info.cpu_time;
        }
        return sum;
    }

    /// The share of the CPU time of all tasks that task `i` received.
    [[nodiscard]] double share(std::size_t i) const {
        return static_cast<double>(tasks_[i]->info.cpu_time.count()) / static_cast<double>(busy().count());
    }

  private:
    [[nodiscard]] time_point next_event() {
        time_point first = current_ == nullptr ? retry_at_ : std::min(run_end(), slice_end());
        for (auto const& t : tasks_) {
            first = std::min(first, t->due);
        }
        return std::max(first, now_);
    }

    [[nodiscard]] time_point run_end() const {
        return saturating_add(settled_, std::min(current_->work, current_->run_left));
    }

    [[nodiscard]] time_point slice_end() const {
        if (queue_.waiting_count() == 0 || slice_end_ == never) {
            return never;
        }
        if (C::enforcement == slice_enforcement::exact) {
            return slice_end_;
        }
        auto const from = std::max(std::max(slice_end_, now_), picked_at_ + duration{1}).time_since_epoch();
        return time_point{(from + tick_ - duration{1}) / tick_ * tick_};
    }

    void settle() {
        if (current_ == nullptr || settled_ == now_) {
            settled_ = now_;
            return;
        }
        duration const ran = now_ - settled_;
        current_->info.cpu_time += ran;
        for (duration* const left : {&current_->work, &current_->run_left, &current_->info.remaining}) {
            *left -= *left == unlimited ? duration{0} : ran;
        }
        if (!runs_.empty() && &at(runs_.back().task) == current_ && runs_.back().to == settled_.time_since_epoch()) {
            runs_.back().to = now_.time_since_epoch();
        } else {
            runs_.push_back({current_->info.id.index, settled_.time_since_epoch(), now_.time_since_epoch()});
        }
        settled_ = now_;
        queue_.account(current_->entity, cpu_id{}, ran, now_);
    }

    void step() {
        settle();
        if (current_ != nullptr && (current_->work == duration{0} || current_->run_left == duration{0})) {
            stop();
            return;
        }
        for (auto const& t : tasks_) {
            if (t->due == now_) {
                t->due = never;
                queue_.enqueue(t->entity, t->has_arrived ? enqueue_reason::woke : enqueue_reason::arrived, now_);
                t->has_arrived = true;
                bool const takes_cpu = current_ == nullptr || queue_.preempts(t->entity, current_->entity, now_);
                reschedule_if(takes_cpu);
                return;
            }
        }
        reschedule_if(true);
    }

    void stop() {
        task& t = *current_;
        current_ = nullptr;
        if (t.work == duration{0}) {
            t.exit = now_;
            queue_.dequeue(t.entity, dequeue_reason::exited, now_);
        } else {
            queue_.dequeue(t.entity, dequeue_reason::blocked, now_);
            t.run_left = t.run_length;
            t.due = now_ + t.sleep_length;
        }
        choose();
    }

    void reschedule_if(bool wanted) {
        if (wanted) {
            put_back(slice_end_ <= now_ ? enqueue_reason::slice_expired : enqueue_reason::preempted);
            choose();
        }
    }

    void put_back(enqueue_reason why) {
        if (current_ != nullptr) {
            queue_.enqueue(current_->entity, why, now_);
            current_ = nullptr;
        }
    }

    void choose() {
        auto const picked = queue_.pick_next(cpu_id{}, now_);
        retry_at_ = picked.retry_at;
        slice_end_ = saturating_add(now_, picked.slice);
        picked_at_ = now_;
        settled_ = now_;
        current_ = nullptr;
        if (picked.next != nullptr) {
            current_ = tasks_[picked.next->task->id.index].get();
        }
    }

    C queue_;
    duration tick_;
    std::vector<std::unique_ptr<task>> tasks_;
    task* current_ = nullptr;
    time_point now_{};
    time_point settled_{};
    time_point picked_at_{};
    time_point slice_end_ = never;
    time_point retry_at_ = never;
    std::vector<run> runs_;
};

} // namespace hpcsched::cpu

#endif
