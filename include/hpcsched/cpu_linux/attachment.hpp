// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_CPU_LINUX_ATTACHMENT_HPP
#define HPCSCHED_CPU_LINUX_ATTACHMENT_HPP

#include <hpcsched/core/ids.hpp>
#include <hpcsched/core/result.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/cpu/scheduling_agent.hpp>
#include <hpcsched/cpu_linux/backend.hpp>
#include <hpcsched/cpu_linux/live_kernel.hpp>
#include <hpcsched/cpu_linux/process.hpp>
#include <hpcsched/cpu_linux/process_rule.hpp>
#include <hpcsched/cpu_linux/process_watch.hpp>
#include <hpcsched/cpu_linux/steering.hpp>

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace hpcsched::cpu_linux {

struct attachment_config {
    std::optional<process_rule_config> find{}; ///< whom to steer; nothing: those that `begin` names
    process_watch_config watch{};
    steering_config steering{};
    std::set<process_id> leave_alone{}; ///< never steered, besides process 1, this process and its watchdog
};

/// What has been seen of one function. Times are sums over its finished invocations.
struct function_figures {
    std::string name{};
    std::uint64_t running = 0; ///< invocations that have begun and not ended
    std::uint64_t finished = 0;
    duration cpu_time{};
    duration turnaround{}; ///< from where it was first seen to its end
    std::uint64_t context_switches = 0;
    std::uint64_t preemptions = 0;
};

/// One invocation that runs now.
struct invocation_figures {
    process_id process = 0;
    function_id function{};
    time_point begin{};  ///< when it was first seen
    duration cpu_time{}; ///< so far
    scheduling given{};  ///< what was last asked of the kernel
};

/// Steers processes that others start: finds them by a rule, or is told of them, and runs any agent on them.
///
///     auto attached = cpu_linux::attachment<cpu::serpt>::start(
///         cpu::serpt{}, {.find = process_rule_config{.cgroup = "/docker"}}).value();
///     for (;;) {
///         // wait until one of the two descriptors is readable, with poll, epoll or Asio
///         attached.work();
///     }
///
/// An invocation is a process, from its start or from when it is found to its exit. A platform that keeps processes for
/// one invocation after the other tells of each by `begin` and `end`, and needs no rule.
///
/// A process that executes another program, or is moved to another control group, is asked anew who it is: it may
/// become another function, or be let go.
/// \thread_safety none; confine to one thread
template <cpu::scheduling_agent Agent, kernel_backend Backend = realtime_bands>
class attachment {
  public:
    /// \error the rule, the sensor or the backend does not work: why, and what would help
    [[nodiscard]] static result<attachment> start(Agent agent, attachment_config config = {},
                                                  Backend backend = Backend{}) {
        auto steered = steering<Agent, Backend>::start(std::move(agent), config.steering, std::move(backend));
        if (steered.has_error()) {
            return steered.error();
        }
        attachment made{std::move(*steered), std::move(config.leave_alone)};
        if (config.find) {
            auto rule = process_rule::make(*config.find);
            if (rule.has_error()) {
                return rule.error();
            }
            auto watch = process_watch::open(config.watch);
            if (watch.has_error()) {
                return watch.error();
            }
            made.rule_.emplace(std::move(*rule));
            made.watch_.emplace(std::move(*watch));
        }
        return made;
    }

    /// Takes in what has happened: who has started, who has ended, what the agent wants. Does not wait.
    void work() {
        auto const on_exit = [this](task_id task, live_record const& record) { count_exit(task, record); };
        steered_.work(on_exit);
        while (watch_) {
            std::optional<process_id> const found = watch_->next();
            if (!found) {
                break;
            }
            look_at(*found);
            steered_.work(on_exit); // many may start at once: those that run are not to wait for them
        }
    }

    /// Readable while there is work: that of the steering, and that of finding processes (-1: none).
    [[nodiscard]] int steering_descriptor() const noexcept { return steered_.descriptor(); }
    [[nodiscard]] int watch_descriptor() const noexcept { return watch_ ? watch_->descriptor() : -1; }

    /// `process` begins an invocation of `function`. If it still ran another, that ends.
    /// \error the process is gone, or this user may not watch it
    result<task_id> begin(process_id process, std::string const& function) {
        end(process);
        return admit(process, function, counted_from::admission);
    }

    /// The invocation that `process` runs ends, and the process lives on, watched until the next. \return whether it
    /// ran one
    bool end(process_id process) {
        auto const task = take_running(process);
        if (task) {
            auto const cpu_time = steered_.rest(*task);
            count_end(*task, cpu_time);
            if (cpu_time) {
                resting_[process] = *task;
            }
        }
        return task.has_value();
    }

    /// All functions seen so far, by their `function_id`.
    [[nodiscard]] std::vector<function_figures> const& functions() const noexcept { return functions_; }

    /// What runs now, the longest first.
    /// \complexity one look at the CPU time of each
    [[nodiscard]] std::vector<invocation_figures> invocations() const {
        std::vector<invocation_figures> all;
        all.reserve(invocations_.size());
        for (auto const& [task, ran] : invocations_) {
            all.push_back({.process = ran.process,
                           .function = ran.function,
                           .begin = ran.begin,
                           .cpu_time = steered_.cpu_time(task).value_or(duration{0}),
                           .given = steered_.scheduling_of(task).value_or(scheduling{})});
        }
        std::ranges::sort(all, {}, &invocation_figures::begin);
        return all;
    }

    [[nodiscard]] steering<Agent, Backend> const& steered() const noexcept { return steered_; }

    /// Ends the steering; every process gets its own scheduling back.
    void stop() { steered_.stop(); }

  private:
    struct invocation {
        process_id process = 0;
        function_id function{};
        time_point begin{};
    };

    attachment(steering<Agent, Backend> steered, std::set<process_id> leave_alone)
        : steered_{std::move(steered)}, leave_alone_{std::move(leave_alone)} {
        leave_alone_.insert({1, own_process()});
    }

    /// Who has started, or may be somebody else now.
    void look_at(process_id process) {
        if (leave_alone_.contains(process) || process == steered_.watchdog_process()) {
            return;
        }
        auto const facts = facts_of(process);
        std::optional<std::string> const name =
            facts.has_value() ? rule_->function_of(*facts) : std::optional<std::string>{};
        if (auto const known = task_of_.find(process); known != task_of_.end()) {
            function_id const before = invocations_.at(known->second).function;
            if (facts.has_error() || (name && functions_[before.value].name == *name)) {
                return; // its exit is told by the steering
            }
            if (auto const task = take_running(process)) { // it is somebody else now
                count_end(*task, steered_.release(*task));
            }
        }
        if (name) {
            (void)admit(process, *name, counted_from::start); // if it is gone by now, so be it
        }
    }

    result<task_id> admit(process_id process, std::string const& name, counted_from from) {
        auto const made = ids_.emplace(name, function_id{static_cast<std::uint32_t>(functions_.size())});
        function_id const function = made.first->second;
        if (made.second) {
            functions_.push_back({.name = name});
        }
        time_point const begin = now();
        auto task = renew(process, function);
        if (task.has_error()) {
            task = steered_.admit(process, function, from);
        }
        if (task.has_value()) {
            task_of_[process] = *task;
            invocations_[*task] = {process, function, begin};
            ++functions_[function.value].running;
        }
        return task;
    }

    /// \error it does not rest
    result<task_id> renew(process_id process, function_id function) {
        auto const rests = resting_.find(process);
        if (rests == resting_.end()) {
            return error{"does not rest"};
        }
        task_id const task = rests->second;
        resting_.erase(rests);
        return steered_.renew(task, function);
    }

    /// The task that `process` runs, which is none any more.
    std::optional<task_id> take_running(process_id process) {
        auto const known = task_of_.find(process);
        if (known == task_of_.end()) {
            return std::nullopt;
        }
        task_id const task = known->second;
        task_of_.erase(known);
        return task;
    }

    /// \param cpu_time  nothing: it is gone, and nobody knows what it had
    void count_end(task_id task, std::optional<duration> cpu_time) {
        auto const ran = invocations_.find(task);
        function_figures& function = functions_[ran->second.function.value];
        --function.running;
        if (cpu_time) {
            ++function.finished;
            function.cpu_time += *cpu_time;
            function.turnaround += now() - ran->second.begin;
        }
        invocations_.erase(ran);
    }

    void count_exit(task_id task, live_record const& record) {
        if (auto const rests = resting_.find(record.process); rests != resting_.end() && rests->second == task) {
            resting_.erase(rests);
        }
        auto const ran = invocations_.find(task);
        if (ran == invocations_.end()) {
            return;
        }
        function_figures& function = functions_[ran->second.function.value];
        --function.running;
        ++function.finished;
        function.cpu_time += record.cpu_time;
        function.turnaround += record.exit - ran->second.begin;
        function.context_switches += record.context_switches;
        function.preemptions += record.preemptions;
        if (auto const known = task_of_.find(ran->second.process); known != task_of_.end() && known->second == task) {
            task_of_.erase(known);
        }
        invocations_.erase(ran);
    }

    steering<Agent, Backend> steered_;
    std::optional<process_rule> rule_;
    std::optional<process_watch> watch_;
    std::set<process_id> leave_alone_;
    std::map<std::string, function_id> ids_;
    std::vector<function_figures> functions_;
    std::map<process_id, task_id> task_of_;
    std::map<process_id, task_id> resting_; ///< the last task of those that serve one after the other
    std::map<task_id, invocation> invocations_;
};

} // namespace hpcsched::cpu_linux

#endif
