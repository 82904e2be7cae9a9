// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_TESTING_CONFORMANCE_SCHEDULING_AGENT_HPP
#define HPCSCHED_TESTING_CONFORMANCE_SCHEDULING_AGENT_HPP

#include <hpcsched/core/ids.hpp>
#include <hpcsched/core/random.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/cpu/scheduling_agent.hpp>
#include <hpcsched/cpu/scheduling_agent_io.hpp>
#include <hpcsched/cpu/task.hpp>

#include <boost/random/uniform_int_distribution.hpp>

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace hpcsched::testing {

/// What `check_scheduling_agent` puts an agent through.
struct agent_conformance {
    std::uint64_t seed = 1;
    std::uint32_t cpu_count = 4;       ///< 1 .. cpu_mask::cpu_count_max
    std::uint32_t function_count = 10; ///< >= 1
    std::uint32_t step_count = 5000;   ///< about as many events, and as many again for timers
    std::uint32_t alive_max = 40;      ///< most tasks alive at one time, >= 1
};

namespace detail {

/// A kernel that behaves like none, but legally: draws who comes, runs, blocks, wakes and goes, delivers timers when
/// due or later, and keeps what the agent asked for.
class drawn_kernel {
  public:
    using event = std::variant<cpu::started, cpu::task_arrived, cpu::task_blocked, cpu::task_woke, cpu::task_exited,
                               cpu::timer_fired, cpu::cpu_timer_fired, cpu::stopping>;

    explicit drawn_kernel(agent_conformance const& options) : options_{options}, draws_{options.seed, "conformance"} {}

    [[nodiscard]] time_point now() const noexcept { return now_; }

    /// Lets time pass and tasks run.
    void advance() {
        duration const step{draw(4) == 0 ? 0 : static_cast<std::int64_t>(draw(std::uint64_t{1} << (10 + draw(18))))};
        now_ += step;
        std::int64_t capacity = step.count() * options_.cpu_count;
        for (std::size_t i = 0, first = alive_.empty() ? 0 : draw(alive_.size()); i < alive_.size(); ++i) {
            task& t = alive_[(first + i) % alive_.size()];
            if (!t.blocked) {
                std::int64_t const ran = std::min(capacity, draw(3) == 0 ? step.count() / 2 : step.count());
                t.cpu_time += duration{ran};
                cpu_time_of_all_ += duration{ran};
                capacity -= ran;
            }
        }
        timers_are_late_ = draw(4) == 0;
        cpu_timers_are_late_ = draw(4) == 0;
    }

    /// Draws the next thing that a task does; nothing, where it cannot.
    [[nodiscard]] std::optional<event> task_event() {
        if (alive_.empty() || (draw(3) == 0 && alive_.size() < options_.alive_max)) {
            return arrival();
        }
        std::size_t const i = draw(alive_.size());
        task& t = alive_[i];
        switch (draw(4)) {
        case 0:
            if (!t.blocked) {
                return exit(i);
            }
            [[fallthrough]];
        case 1:
        case 2:
            t.blocked = !t.blocked;
            if (t.blocked) {
                return cpu::task_blocked{t.id, t.cpu_time};
            }
            return cpu::task_woke{t.id, t.cpu_time};
        default:
            return std::nullopt;
        }
    }

    /// A timer that is due, unless timers are late this time.
    [[nodiscard]] std::optional<event> timer_event() {
        for (auto const& [timer, deadline] : timers_) {
            if (deadline <= now_ && !timers_are_late_) {
                timer_id const due = timer;
                timers_.erase(due);
                return cpu::timer_fired{due, cpu_time_of_all_};
            }
        }
        for (task& t : alive_) {
            if (t.cpu_timer && *t.cpu_timer <= t.cpu_time && !cpu_timers_are_late_) {
                t.cpu_timer.reset();
                return cpu::cpu_timer_fired{t.id, t.cpu_time};
            }
        }
        return std::nullopt;
    }

    /// Carries a command out.
    /// \return what is wrong with it; empty: nothing
    [[nodiscard]] std::string obey(cpu::command const& what) {
        return std::visit([this](auto const& c) { return obey_one(c); }, what);
    }

    /// What is not as the kernel's default, for each task that is not.
    [[nodiscard]] std::vector<std::string> not_restored() const {
        std::vector<std::string> found;
        for (task const& t : alive_) {
            auto const check = [&](bool restored, char const* what) {
                if (!restored) {
                    found.push_back("task " + cpu::detail::text(t.id) + " is left with " + what);
                }
            };
            check(t.policy == cpu::sched_policy::normal, "a real-time policy");
            check(t.nice == 0, "a nice value");
            check(t.rank == 0, "a rank");
            check(t.slice == duration{0}, "a slice");
            check(usable_cpus(t.affinity) == options_.cpu_count, "an affinity");
        }
        return found;
    }

  private:
    struct task {
        task_id id{};
        duration cpu_time{};
        bool blocked = false;
        std::optional<duration> cpu_timer;
        cpu::sched_policy policy = cpu::sched_policy::normal;
        int nice = 0;
        std::int32_t rank = 0;
        duration slice{};
        cpu::cpu_mask affinity = cpu::cpu_mask::all();
    };

    [[nodiscard]] std::uint64_t draw(std::uint64_t below) {
        return boost::random::uniform_int_distribution<std::uint64_t>{0, below - 1}(draws_);
    }

    event arrival() {
        task_id id{static_cast<std::uint32_t>(generations_.size()), 0};
        if (free_.empty()) {
            generations_.push_back(0);
        } else {
            id.index = free_.back();
            id.generation = ++generations_[id.index];
            free_.pop_back();
        }
        // Now and then the agent comes late: the task has run before.
        duration const before{draw(10) == 0 ? static_cast<std::int64_t>(draw(1'000'000'000)) : 0};
        task fresh;
        fresh.id = id;
        fresh.cpu_time = before;
        alive_.push_back(fresh);
        return cpu::task_arrived{id, function_id{static_cast<std::uint32_t>(draw(options_.function_count))}, before};
    }

    event exit(std::size_t i) {
        cpu::task_exited const gone{alive_[i].id, alive_[i].cpu_time};
        free_.push_back(gone.task.index);
        alive_.erase(alive_.begin() + static_cast<std::ptrdiff_t>(i));
        return gone;
    }

    [[nodiscard]] task* find(task_id id) {
        auto const found = std::find_if(alive_.begin(), alive_.end(), [id](task const& t) { return t.id == id; });
        return found == alive_.end() ? nullptr : &*found;
    }

    [[nodiscard]] std::uint32_t usable_cpus(cpu::cpu_mask const& mask) const {
        std::uint32_t count = 0;
        for (std::uint32_t cpu = 0; cpu < options_.cpu_count; ++cpu) {
            count += mask.contains(cpu_id{cpu}) ? 1U : 0U;
        }
        return count;
    }

    /// Carries out a command that names a task, if that task is alive and `broken_rule` finds none.
    template <class Command, class Apply>
    std::string obey_task(Command const& c, char const* broken_rule, Apply apply) {
        task* const t = find(c.task);
        if (t == nullptr) {
            return "names a task that has exited or never arrived";
        }
        if (broken_rule != nullptr) {
            return broken_rule;
        }
        apply(*t);
        return {};
    }

    std::string obey_one(cpu::set_policy const& c) {
        bool const normal = c.policy == cpu::sched_policy::normal;
        bool const in_range = normal ? c.rt_priority == 0
                                     : c.rt_priority >= cpu::rt_priority_min && c.rt_priority <= cpu::rt_priority_max;
        return obey_task(c, in_range ? nullptr : "rt_priority is 1 .. 99 under fifo and rr, 0 under normal",
                         [&](task& t) { t.policy = c.policy; });
    }
    std::string obey_one(cpu::set_nice const& c) {
        bool const in_range = c.nice >= cpu::nice_min && c.nice <= cpu::nice_max;
        return obey_task(c, in_range ? nullptr : "nice is -20 .. 19", [&](task& t) { t.nice = c.nice; });
    }
    std::string obey_one(cpu::set_slice const& c) {
        return obey_task(c, c.slice >= duration{0} ? nullptr : "a slice is not negative",
                         [&](task& t) { t.slice = c.slice; });
    }
    std::string obey_one(cpu::set_rank const& c) {
        return obey_task(c, c.rank >= 0 ? nullptr : "a rank is not negative", [&](task& t) { t.rank = c.rank; });
    }
    std::string obey_one(cpu::set_affinity const& c) {
        return obey_task(c, usable_cpus(c.cpus) > 0 ? nullptr : "leaves the task no CPU of this machine",
                         [&](task& t) { t.affinity = c.cpus; });
    }
    std::string obey_one(cpu::arm_cpu_timer const& c) {
        return obey_task(c, c.cpu_time >= duration{0} ? nullptr : "CPU time is not negative",
                         [&](task& t) { t.cpu_timer = c.cpu_time; });
    }
    std::string obey_one(cpu::cancel_cpu_timer const& c) {
        return obey_task(c, nullptr, [](task& t) { t.cpu_timer.reset(); });
    }
    std::string obey_one(cpu::arm_timer const& c) {
        timers_[c.timer] = c.deadline;
        return {};
    }
    std::string obey_one(cpu::cancel_timer const& c) {
        timers_.erase(c.timer);
        return {};
    }

    agent_conformance options_;
    random_stream draws_;
    time_point now_{};
    duration cpu_time_of_all_{};
    std::vector<task> alive_;
    std::vector<std::uint32_t> generations_; ///< by index
    std::vector<std::uint32_t> free_;        ///< indices to use again
    std::map<timer_id, time_point> timers_;
    bool timers_are_late_ = false;
    bool cpu_timers_are_late_ = false;
};

} // namespace detail

/// Drives an agent through drawn but legal events and checks the rules of `cpu::scheduling_agent`:
///
/// * deterministic: a second agent, made alike, told the same and now and then moved, answers the same;
/// * commands name only tasks alive, and their values are in range;
/// * timers do not fire for ever while time stands still;
/// * after `stopping`, every task alive has the kernel's defaults back.
///
/// \param make_agent  called twice; returns agents that are equal
/// \return the rules that were broken, with the event and the command: at most 20; empty: none
/// \complexity O(steps x tasks alive)
template <std::invocable MakeAgent>
    requires cpu::scheduling_agent<std::invoke_result_t<MakeAgent&>>
[[nodiscard]] std::vector<std::string> check_scheduling_agent(MakeAgent make_agent,
                                                              agent_conformance const& options = {}) {
    using agent = std::invoke_result_t<MakeAgent&>;
    constexpr std::size_t violation_max = 20;
    constexpr std::uint32_t timers_at_once_max = 1000;

    std::vector<std::string> violations;
    detail::drawn_kernel kernel{options};
    agent first = make_agent();
    agent second = make_agent();
    cpu::command_buffer commands;
    cpu::command_buffer second_commands;
    std::uint64_t event_count = 0;

    auto const report = [&](std::string const& what) {
        if (violations.size() < violation_max) {
            violations.push_back("event " + std::to_string(event_count) + " at " +
                                 cpu::detail::exact_text(kernel.now().time_since_epoch()) + ": " + what);
        }
    };
    auto const deliver = [&](detail::drawn_kernel::event const& e) {
        ++event_count;
        commands.clear();
        second_commands.clear();
        std::visit([&](auto const& one) { first.handle(one, kernel.now(), commands); }, e);
        if (event_count % 7 == 0) {
            agent moved = std::move(second);
            second = std::move(moved);
        }
        std::visit([&](auto const& one) { second.handle(one, kernel.now(), second_commands); }, e);
        if (!std::ranges::equal(commands.items(), second_commands.items())) {
            report("an equal agent answers otherwise to equal events");
        }
        for (cpu::command const& c : commands.items()) {
            if (std::string const wrong = kernel.obey(c); !wrong.empty()) {
                report(cpu::to_string(c) + ": " + wrong);
            }
        }
    };

    deliver(cpu::started{options.cpu_count});
    for (std::uint32_t step = 0; step < options.step_count; ++step) {
        kernel.advance();
        std::uint32_t timers_at_once = 0;
        while (auto const due = kernel.timer_event()) {
            deliver(*due);
            if (++timers_at_once == timers_at_once_max) {
                report("timers are armed for the past for ever");
                return violations;
            }
        }
        if (auto const next = kernel.task_event()) {
            deliver(*next);
        }
    }
    deliver(cpu::stopping{});
    for (std::string const& what : kernel.not_restored()) {
        report(what);
    }
    return violations;
}

} // namespace hpcsched::testing

#endif
