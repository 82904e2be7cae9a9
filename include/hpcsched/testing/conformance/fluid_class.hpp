// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_TESTING_CONFORMANCE_FLUID_CLASS_HPP
#define HPCSCHED_TESTING_CONFORMANCE_FLUID_CLASS_HPP

#include <hpcsched/core/random.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/cpu/scheduling_class.hpp>
#include <hpcsched/cpu/task.hpp>

#include <boost/random/uniform_int_distribution.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace hpcsched::testing {

/// What `check_fluid_class` puts a class through.
struct fluid_conformance {
    std::uint64_t seed = 1;
    std::uint32_t cpu_count_max = 4;
    std::uint32_t step_count = 5000;
    std::uint32_t alive_max = 24; ///< most tasks at one time, >= 1
};

namespace detail {

/// Gives a fluid class drawn work and keeps account of the CPU time that there was.
template <cpu::fluid_class C>
class drawn_work {
  public:
    /// \param reversed  entities lie in the opposite order in memory, and each task has a fresh one
    drawn_work(typename C::config const& config, fluid_conformance const& options, bool reversed)
        : options_{options}, draws_{options.seed, "fluid conformance"}, class_{config}, slots_(options.alive_max),
          reversed_{reversed} {
        for (slot& s : slots_) {
            s.entity.emplace();
        }
        set_capacity(1);
    }

    /// Draws one thing to happen, if no task is done before.
    void step() {
        ++step_;
        duration const wish{draw(4) == 0 ? 0 : static_cast<std::int64_t>(draw(std::uint64_t{1} << draw(24)))};
        time_point const next = class_.next_completion();
        check_forecast(next);
        if (next != never && next <= now_ + wish) {
            complete(next);
            return;
        }
        pass(now_ + wish);
        slot& s = at(draw(slots_.size()));
        if (draw(12) == 0) {
            set_capacity(draw(options_.cpu_count_max + 1));
        } else if (!s.is_in) {
            join(s);
        } else if (draw(4) == 0) {
            leave(s);
        }
    }

    /// Lets every task complete, then compares the CPU time that there was with the work done.
    void drain() {
        set_capacity(options_.cpu_count_max);
        while (alive_ > 0 && violations_.empty()) {
            ++step_;
            time_point const next = class_.next_completion();
            check_forecast(next);
            if (next == never) {
                report("foretells no completion though " + std::to_string(alive_) + " tasks have CPUs");
                return;
            }
            complete(next);
        }
        check_balance();
    }

    [[nodiscard]] std::vector<std::string> const& violations() const noexcept { return violations_; }
    [[nodiscard]] std::vector<std::string> const& answers() const noexcept { return answers_; }

  private:
    static constexpr std::size_t violation_max = 20;

    struct slot {
        cpu::task_info info{};
        std::optional<typename C::entity> entity;
        duration work{};
        time_point joined{};
        bool is_in = false;
    };

    [[nodiscard]] std::uint64_t draw(std::uint64_t below) {
        return boost::random::uniform_int_distribution<std::uint64_t>{0, below - 1}(draws_);
    }
    [[nodiscard]] slot& at(std::size_t i) { return slots_[reversed_ ? slots_.size() - 1 - i : i]; }
    [[nodiscard]] static std::string name(slot const& s) { return "task " + std::to_string(s.info.sequence); }

    void report(std::string const& what) {
        if (violations_.size() < violation_max) {
            violations_.push_back("step " + std::to_string(step_) + " at " +
                                  std::to_string(now_.time_since_epoch().count()) + " ns: " + what);
        }
    }

    /// Lets time pass, in which min(tasks, capacity) CPUs are busy.
    void pass(time_point to) {
        available_ += (to - now_) * static_cast<std::int64_t>(std::min<std::uint64_t>(alive_, capacity_));
        now_ = to;
    }

    void set_capacity(std::uint64_t cpus) {
        capacity_ = cpus;
        class_.set_capacity(cpus, now_);
    }

    void join(slot& s) {
        s.info = {};
        s.info.sequence = next_sequence_++;
        if (reversed_) {
            s.entity.emplace();
        }
        s.entity->task = &s.info;
        s.work = duration{1 + static_cast<std::int64_t>(draw(std::uint64_t{1} << (1 + draw(26))))};
        s.joined = now_;
        s.is_in = true;
        ++alive_;
        class_.enqueue(*s.entity, s.work, now_);
    }

    duration leave(slot& s) {
        duration const done = class_.dequeue(*s.entity, now_);
        answers_.push_back("step " + std::to_string(step_) + ": " + name(s) + " leaves with " +
                           std::to_string(done.count()) + " ns done");
        if (done < duration{0} || done > s.work) {
            report("of its " + std::to_string(s.work.count()) + " ns " + name(s) + " is said to have done " +
                   std::to_string(done.count()));
        } else if (done > now_ - s.joined) {
            report(name(s) + " is said to have done more than it had time for: more than one CPU");
        }
        done_ += done;
        ++leaves_;
        --alive_;
        s.is_in = false;
        return done;
    }

    void complete(time_point at_time) {
        typename C::entity* const e = class_.next_completed();
        auto const s = std::find_if(slots_.begin(), slots_.end(), [e](slot& x) { return x.is_in && &*x.entity == e; });
        if (s == slots_.end()) {
            report("next_completed is not a task that it serves");
            return;
        }
        pass(std::max(at_time, now_));
        if (leave(*s) != s->work) {
            report(name(*s) + " has not done its work at the completion foretold");
        }
    }

    void check_forecast(time_point next) {
        if (class_.task_count() != alive_) {
            report("task_count is " + std::to_string(class_.task_count()) + ", but it serves " +
                   std::to_string(alive_));
        }
        if ((class_.next_completed() == nullptr) != (alive_ == 0)) {
            report("next_completed is null exactly where there is no task");
        }
        if (next < now_) {
            report("foretells a completion in the past");
        }
        if (next != never && (alive_ == 0 || capacity_ == 0)) {
            report("foretells a completion though there is " + std::string{alive_ == 0 ? "no task" : "no CPU"});
        }
    }

    /// What was done is what there was, but for less than a nanosecond of rounding per task and CPU.
    void check_balance() {
        duration const lost = available_ - done_;
        duration const tolerated{static_cast<std::int64_t>(2 * leaves_ + 1)};
        if (lost < -tolerated || lost > tolerated) {
            report("of " + std::to_string(available_.count()) + " ns of CPU time the tasks got " +
                   std::to_string(done_.count()) + ": work is not conserved");
        }
    }

    fluid_conformance options_;
    random_stream draws_;
    C class_;
    std::vector<slot> slots_;
    bool reversed_;
    time_point now_{};
    std::uint64_t capacity_ = 0;
    std::uint64_t alive_ = 0;
    std::uint64_t leaves_ = 0;
    duration available_{}; ///< CPU time that tasks could have had
    duration done_{};      ///< CPU time that they are said to have had
    std::uint64_t next_sequence_ = 0;
    std::uint64_t step_ = 0;
    std::vector<std::string> violations_;
    std::vector<std::string> answers_;
};

} // namespace detail

/// Drives a fluid class through drawn but legal calls and checks the rules of `cpu::fluid_class`:
///
/// * no task gets more than one CPU, nor more than its work; at the completion foretold, its work is done;
/// * work is conserved: what the tasks get is what min(tasks, capacity) CPUs give, to the rounding;
/// * a completion is foretold where there are tasks and CPUs, never in the past, and of a task that is served;
/// * deterministic, and blind to addresses and to the past of an entity.
///
/// \return the rules that were broken, with step and time: at most 20; empty: none
/// \complexity O(steps x tasks) and what the class takes
template <cpu::fluid_class C>
[[nodiscard]] std::vector<std::string> check_fluid_class(typename C::config const& config = {},
                                                         fluid_conformance const& options = {}) {
    detail::drawn_work<C> first{config, options, false};
    detail::drawn_work<C> second{config, options, true};
    for (detail::drawn_work<C>* const run : {&first, &second}) {
        for (std::uint32_t i = 0; i < options.step_count && run->violations().empty(); ++i) {
            run->step();
        }
        run->drain();
    }
    std::vector<std::string> violations = first.violations().empty() ? second.violations() : first.violations();
    if (violations.empty() && first.answers() != second.answers()) {
        violations.push_back("equal calls on an equal object, with other addresses and fresh entities, are answered "
                             "otherwise");
    }
    return violations;
}

} // namespace hpcsched::testing

#endif
