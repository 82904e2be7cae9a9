// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_CPU_LINUX_STEERING_HPP
#define HPCSCHED_CPU_LINUX_STEERING_HPP

#include <hpcsched/core/assert.hpp>
#include <hpcsched/core/result.hpp>
#include <hpcsched/core/task_map.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/cpu/scheduling_agent.hpp>
#include <hpcsched/cpu_linux/backend.hpp>
#include <hpcsched/cpu_linux/kernel_facts.hpp>
#include <hpcsched/cpu_linux/live_kernel.hpp>
#include <hpcsched/cpu_linux/process.hpp>
#include <hpcsched/cpu_linux/urgent_thread.hpp>
#include <hpcsched/cpu_linux/watchdog.hpp>

#include <algorithm>
#include <concepts>
#include <cstdint>
#include <optional>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace hpcsched::cpu_linux {

struct steering_config {
    live_kernel_config kernel{};
    std::uint32_t cpu_count = 0; ///< CPUs that the steered tasks share; 0: those that this process may run on
    bool with_watchdog = true;   ///< a child restores the tasks if this process dies; started anew if it dies itself
    int own_priority = 98;       ///< real-time priority of the thread that steers, where allowed; 0: as it is
};

/// What steering has cost and met so far.
struct steering_counts {
    std::uint64_t events = 0;       ///< told to the agent
    std::uint64_t commands = 0;     ///< that the agent gave
    std::uint64_t requests = 0;     ///< to the kernel, for a task
    std::uint64_t not_allowed = 0;  ///< of these, refused: privileges are missing
    std::uint64_t not_possible = 0; ///< of these, refused: the kernel cannot
};

/// Told of every exit. One that takes a `live_run` as well, and when it ended, is told of each, where
/// `live_kernel_config::tells_runs` asks for them.
template <class O>
concept exit_observer = std::invocable<O&, task_id, live_record const&>;

/// Steers real processes with an agent of `cpu`: the live counterpart of `cpu_sim::machine`.
///
///     auto steering = cpu_linux::steering<cpu::serpt>::start(cpu::serpt{}).value();
///     steering.admit(process, function);            // as often as processes start
///     steering.work_until(deadline);                // or: poll descriptor(), then work()
///
/// Events reach the agent in order, with the time at which the kernel saw them; the commands that it gives at one event
/// are carried out together, one request per task. On destruction every task is given back.
///
/// \tparam Agent    any `cpu::scheduling_agent`, the same type as in the simulator
/// \tparam Backend  how its wishes reach the kernel
/// \thread_safety none; confine to one thread
template <cpu::scheduling_agent Agent, kernel_backend Backend = realtime_bands>
class steering {
  public:
    /// \error the backend or the sensor does not work here: why, and what would help
    [[nodiscard]] static result<steering> start(Agent agent, steering_config const& config = {},
                                                Backend backend = Backend{}) {
        kernel_facts const facts = probe_kernel();
        if (auto const usable = Backend::check(facts); usable.has_error()) {
            return usable.error();
        }
        if constexpr (class_backend<Backend>) {
            if (auto const opened = backend.open(); opened.has_error()) {
                return opened.error();
            }
        }
        auto kernel = live_kernel::open(config.kernel);
        if (kernel.has_error()) {
            return kernel.error();
        }
        std::optional<watchdog> guard;
        if (config.with_watchdog) {
            auto started = watchdog::start();
            if (started.has_error()) {
                return started.error();
            }
            guard.emplace(std::move(*started));
        }
        steering made{std::move(agent), std::move(backend), std::move(*kernel), std::move(guard)};
        if (config.own_priority > 0) {
            made.urgency_ = urgent_thread{config.own_priority};
        }
        made.tell(cpu::started{config.cpu_count != 0 ? config.cpu_count : facts.cpu_count}, now());
        return made;
    }

    steering(steering&& other) noexcept
        : agent_{std::move(other.agent_)}, backend_{std::move(other.backend_)}, kernel_{std::move(other.kernel_)},
          guard_{std::move(other.guard_)}, urgency_{std::move(other.urgency_)}, tasks_{std::move(other.tasks_)},
          changed_{std::move(other.changed_)}, counts_{other.counts_}, last_{other.last_},
          guard_seen_{other.guard_seen_}, most_urgent_{other.most_urgent_}, is_on_{std::exchange(other.is_on_, false)} {
    }
    steering& operator=(steering&&) = delete;

    ~steering() { stop(); }

    /// Steers `process`, which runs `function`, from now on.
    /// \error the process is gone, or this user may not watch it
    result<task_id> admit(process_id process, function_id function, counted_from from = counted_from::start) {
        HPCSCHED_ASSERT(is_on_);
        return begin(kernel_.admit(process, from), function);
    }

    /// Ends the steering of one task, whose process lives on: it gets its own scheduling back. The agent is told that
    /// it has exited, and learns from its CPU time as from that of a whole invocation.
    /// \return its CPU time; nothing where it is gone
    std::optional<duration> release(task_id id) {
        auto const cpu_time = finish(id);
        kernel_.dismiss(id);
        return cpu_time;
    }

    /// `release` of a task whose process may be given another by `renew`: it stays watched, at no cost.
    /// \return its CPU time; nothing where it is gone
    std::optional<duration> rest(task_id id) {
        auto const cpu_time = finish(id);
        if (cpu_time) {
            kernel_.rest(id);
        }
        return cpu_time;
    }

    /// `admit` of a process that rests, for what it does from now on, and without a look into /proc.
    /// \error the process is gone
    result<task_id> renew(task_id resting, function_id function) {
        HPCSCHED_ASSERT(is_on_);
        return begin(kernel_.renew(resting), function);
    }

    /// Handles all events at hand; does not wait.
    template <exit_observer Observer>
    void work(Observer&& observer) {
        while (std::optional<timed_event> const event = kernel_.next()) {
            std::visit([&](auto const& what) { handle(what, event->at, observer); }, event->what);
        }
        if (guard_ && last_ - guard_seen_ >= guard_period) {
            guard_seen_ = last_;
            (void)guard_->revive(); // if there is no process to be had now, there may be one later
        }
    }
    void work() {
        work([](task_id, live_record const&) {});
    }

    /// Handles events as they come, until `end` or until `done()` says so after one of them.
    template <exit_observer Observer, std::predicate Done>
    void work_until(time_point end, Observer&& observer, Done&& done) {
        for (work(observer); !done(); work(observer)) {
            time_point const at = now();
            if (at >= end) {
                return;
            }
            kernel_.wait(end - at);
        }
    }

    /// Readable while events are at hand.
    [[nodiscard]] int descriptor() const noexcept { return kernel_.descriptor(); }

    /// Ends the steering: the agent gives back what it changed, and so does the driver for what it did not.
    void stop() {
        if (!std::exchange(is_on_, false)) {
            return;
        }
        tell(cpu::stopping{}, now());
        tasks_.for_each([&](task_id id, entry& task) {
            give_back(id, task);
            kernel_.dismiss(id);
        });
    }

    [[nodiscard]] Agent const& agent() const noexcept { return agent_; }
    [[nodiscard]] sensor sensor_in_use() const noexcept { return kernel_.in_use(); }
    [[nodiscard]] std::size_t task_count() const noexcept { return kernel_.task_count(); }
    [[nodiscard]] std::uint64_t lost_event_count() const noexcept { return kernel_.lost_event_count(); }
    [[nodiscard]] steering_counts const& counts() const noexcept { return counts_; }

    /// CPU time of a task so far; nothing where it is gone.
    [[nodiscard]] std::optional<duration> cpu_time(task_id task) const { return kernel_.cpu_time(task); }

    /// The watchdog's process, if there is one.
    [[nodiscard]] std::optional<process_id> watchdog_process() const noexcept {
        return guard_ ? std::optional{guard_->process()} : std::nullopt;
    }

    /// What was last asked of the kernel for a task; nothing where it is gone.
    [[nodiscard]] std::optional<scheduling> scheduling_of(task_id task) const noexcept {
        entry const* const known = tasks_.find(task);
        return known == nullptr ? std::nullopt : std::optional{known->given};
    }

  private:
    static constexpr duration guard_period{1'000'000'000};

    struct entry {
        process_key process{};
        scheduling original{}; ///< what it had before, which stands for the default
        scheduling wanted{};
        scheduling given{};
        bool has_changed = false;
        bool is_leaving = false;                 ///< and was seen off
        std::optional<cpu::cpu_mask> own_cpus{}; ///< that it had, while the agent has it on others
    };

    steering(Agent agent, Backend backend, live_kernel kernel, std::optional<watchdog> guard)
        : agent_{std::move(agent)}, backend_{std::move(backend)}, kernel_{std::move(kernel)}, guard_{std::move(guard)} {
    }

    result<task_id> begin(result<task_id> const& id, function_id function) {
        if (id.has_error()) {
            return id.error();
        }
        entry task{.process = *kernel_.process_of(*id)};
        if (auto const found = get_scheduling(task.process.id); found.has_value()) {
            task.original = *found;
        }
        if constexpr (class_backend<Backend>) {
            if (guard_) {
                guard_->note(id->index, task.process, task.original);
            }
            count(backend_.admit(task.process.id));
            if constexpr (tracing_backend<Backend>) {
                if (auto const trace = guard_ ? backend_.trace_of(task.process.id) : std::nullopt) {
                    (void)guard_->note_file(id->index, *trace);
                }
            }
        }
        tasks_.insert(*id, task);
        tell(cpu::task_arrived{*id, function, kernel_.cpu_time(*id).value_or(duration{0})}, now());
        return *id;
    }

    template <class Event, class Observer>
    void handle(Event const& event, time_point at, Observer& observer) {
        if constexpr (std::is_same_v<Event, live_exit>) {
            if (tasks_.contains(event.event.task)) { // else it was at rest
                end(event.event, at);
            }
            observer(event.event.task, event.record);
        } else if constexpr (std::is_same_v<Event, live_run>) {
            if constexpr (std::invocable<Observer&, live_run const&, time_point>) {
                observer(event, at);
            }
        } else if constexpr (std::is_same_v<Event, live_leaving>) {
            see_off(event.task);
        } else {
            tell(event, at);
        }
    }

    /// Tells the agent that a task whose process lives on has exited, and leaves it as it was.
    std::optional<duration> finish(task_id id) {
        entry* const task = tasks_.find(id);
        auto const cpu_time = task == nullptr ? std::nullopt : kernel_.cpu_time(id);
        if (cpu_time) {
            tell(cpu::task_exited{id, *cpu_time}, now());
            give_back(id, *task);
            tasks_.erase(id);
        }
        return cpu_time;
    }

    void end(cpu::task_exited const& event, time_point at) {
        if (guard_) {
            guard_->strike(event.task.index);
        }
        tell(event, at);
        if constexpr (class_backend<Backend>) {
            if (entry const* const task = tasks_.find(event.task)) {
                backend_.forget(task->process.id);
            }
        }
        tasks_.erase(event.task);
    }

    template <class Event>
    void tell(Event const& event, time_point at) {
        last_ = at < last_ ? last_ : at; // the contract of an agent: time never decreases
        ++counts_.events;
        agent_.handle(event, last_, commands_);
        for (cpu::command const& each : commands_.items()) {
            ++counts_.commands;
            std::visit([&](auto const& what) { take(what); }, each);
        }
        commands_.clear();
        for (task_id const id : changed_) {
            if (entry* const task = tasks_.find(id)) {
                task->has_changed = false;
                bring_about(id, *task);
            }
        }
        changed_.clear();
    }

    template <class Change>
    void alter(task_id id, Change&& change) {
        if (entry* const task = tasks_.find(id)) {
            change(*task);
            if (!std::exchange(task->has_changed, true)) {
                changed_.push_back(id);
            }
        }
    }
    void take(cpu::set_policy const& c) {
        alter(c.task, [&](entry& t) {
            t.wanted.policy = c.policy;
            t.wanted.rt_priority = c.rt_priority;
        });
    }
    void take(cpu::set_nice const& c) {
        alter(c.task, [&](entry& t) { t.wanted.nice = c.nice; });
    }
    void take(cpu::set_slice const& c) {
        alter(c.task, [&](entry& t) { t.wanted.slice = c.slice; });
    }
    void take(cpu::set_rank const& c) {
        alter(c.task, [&](entry& t) { t.wanted.rank = c.rank; });
    }
    void take(cpu::set_affinity const& c) {
        if (entry* const task = tasks_.find(c.task)) {
            c.cpus == cpu::cpu_mask::all() ? give_cpus_back(c.task, *task) : give_cpus(c.task, *task, c.cpus);
        }
    }

    /// Of the CPUs that it had, those that the agent wants.
    void give_cpus(task_id id, entry& task, cpu::cpu_mask const& wanted) {
        if (!task.own_cpus) {
            auto const found = get_affinity(task.process.id);
            if (found.has_error()) {
                count(outcome::gone);
                return;
            }
            task.own_cpus = *found;
            if (guard_) {
                guard_->note(id.index, task.process, task.original);
                guard_->note_cpus(id.index, *found);
            }
        }
        cpu::cpu_mask const cpus = wanted & *task.own_cpus;
        count(cpus.count() == 0 ? outcome::not_possible : set_affinity(task.process.id, cpus));
    }

    void give_cpus_back(task_id id, entry& task) {
        if (!task.own_cpus) {
            return;
        }
        count(set_affinity(task.process.id, *task.own_cpus));
        task.own_cpus.reset();
        if (!class_backend<Backend> && guard_ && task.given == scheduling{}) {
            guard_->strike(id.index);
        }
    }
    void take(cpu::arm_timer const& c) { kernel_.arm(c); }
    void take(cpu::cancel_timer const& c) { kernel_.cancel(c); }
    void take(cpu::arm_cpu_timer const& c) { kernel_.arm(c); }
    void take(cpu::cancel_cpu_timer const& c) { kernel_.cancel(c); }

    /// Asks the kernel for what is wanted, if that is not what it has. The watchdog knows before the kernel does.
    void bring_about(task_id id, entry& task) {
        if (task.wanted == task.given) {
            return;
        }
        auto const process = kernel_.steered(id);
        if (!process || task.is_leaving ||
            (is_real_time(task.given) && !is_real_time(task.wanted) && kernel_.is_exiting(id))) {
            task.wanted = task.given; // as in `see_off`
            return;
        }
        bool const is_default = task.wanted == scheduling{};
        if (guard_ && !is_default) {
            guard_->note(id.index, task.process, task.original);
        }
        outcome const came = backend_.apply(*process, is_default ? task.original : task.wanted);
        count(came);
        if (came == outcome::done) {
            task.given = task.wanted;
            most_urgent_ = std::max(most_urgent_, is_real_time(task.given) ? task.given.rt_priority : 0);
        } else {
            task.wanted = task.given;
        }
        if (!class_backend<Backend> && guard_ && is_default && !task.own_cpus && came != outcome::not_allowed) {
            guard_->strike(id.index);
        }
    }

    /// Who exits takes locks of the kernel that others wait for with real-time priority, which those locks do not
    /// inherit. It needs a CPU for a moment only, and where real time has them all it would get none to let go.
    void see_off(task_id id) {
        entry* const task = tasks_.find(id);
        if (class_backend<Backend> || task == nullptr || most_urgent_ == 0) {
            return;
        }
        task->wanted.policy = cpu::sched_policy::fifo;
        task->wanted.rt_priority = std::min(most_urgent_ + 1, cpu::rt_priority_max);
        bring_about(id, *task);
        task->is_leaving = true;
    }

    /// Leaves a task with what it had before it was steered.
    void give_back(task_id id, entry& task) {
        give_cpus_back(id, task);
        if constexpr (class_backend<Backend>) {
            count(backend_.release(task.process.id, task.original));
            if (guard_) {
                guard_->strike(id.index);
            }
        } else {
            task.wanted = scheduling{};
            bring_about(id, task);
        }
    }

    [[nodiscard]] static bool is_real_time(scheduling const& s) noexcept {
        return s.policy == cpu::sched_policy::fifo || s.policy == cpu::sched_policy::rr;
    }

    void count(outcome came) noexcept {
        ++counts_.requests;
        counts_.not_allowed += came == outcome::not_allowed ? 1U : 0U;
        counts_.not_possible += came == outcome::not_possible ? 1U : 0U;
    }

    Agent agent_;
    Backend backend_;
    live_kernel kernel_;
    std::optional<watchdog> guard_;
    urgent_thread urgency_;
    task_map<entry> tasks_;
    cpu::command_buffer commands_;
    std::vector<task_id> changed_; ///< by the commands of one event, in order
    steering_counts counts_;
    time_point last_{};
    time_point guard_seen_{};
    int most_urgent_ = 0; ///< the highest real-time priority that was given; 0: none
    bool is_on_ = true;
};

} // namespace hpcsched::cpu_linux

#endif
