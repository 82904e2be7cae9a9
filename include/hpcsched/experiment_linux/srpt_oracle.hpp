// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_EXPERIMENT_LINUX_SRPT_ORACLE_HPP
#define HPCSCHED_EXPERIMENT_LINUX_SRPT_ORACLE_HPP

#include <hpcsched/core/assert.hpp>
#include <hpcsched/core/task_map.hpp>
#include <hpcsched/cpu/scheduling_agent.hpp>

#include <cstddef>
#include <cstdint>
#include <set>
#include <tuple>
#include <utility>
#include <vector>

namespace hpcsched::experiment_linux {

/// Shortest remaining processing time on a real kernel: what an agent could do that knew every demand.
///
/// As many tasks as there are CPUs, those with the least left, are SCHED_FIFO; the others wait in the fair class. It is
/// told the demand of each task by its function, so every invocation must be a function of its own.
/// \complexity O(CPUs + log tasks) per event
/// \thread_safety none; confine to the driver's thread
class srpt_oracle {
  public:
    /// \param demands  CPU time that the one task of each function needs, by `function_id::value`
    explicit srpt_oracle(std::vector<duration> demands, int rt_priority = 50)
        : demands_{std::move(demands)}, rt_priority_{rt_priority} {}

    void handle(cpu::started const& e, time_point, cpu::command_sink&) noexcept { seats_.resize(e.cpu_count); }
    void handle(cpu::task_arrived const& e, time_point now, cpu::command_sink& out) noexcept {
        HPCSCHED_ASSERT(e.function.value < demands_.size());
        tasks_.insert(e.task,
                      entry{.demand = demands_[e.function.value], .cpu_time = e.cpu_time, .order = ++arrivals_});
        wait(e.task);
        fill_seats(now, out);
    }
    void handle(cpu::task_blocked const& e, time_point now, cpu::command_sink& out) noexcept {
        if (entry* const t = tasks_.find(e.task)) {
            leave(e.task, *t);
            t->cpu_time = e.cpu_time;
            out.append(cpu::set_policy{e.task, cpu::sched_policy::normal, 0});
            fill_seats(now, out);
        }
    }
    void handle(cpu::task_woke const& e, time_point now, cpu::command_sink& out) noexcept {
        if (entry* const t = tasks_.find(e.task)) {
            leave(e.task, *t); // a sleep may have gone by unseen
            t->cpu_time = e.cpu_time;
            wait(e.task);
            fill_seats(now, out);
        }
    }
    void handle(cpu::task_exited const& e, time_point now, cpu::command_sink& out) noexcept {
        if (entry* const t = tasks_.find(e.task)) {
            leave(e.task, *t);
            tasks_.erase(e.task);
            fill_seats(now, out);
        }
    }
    void handle(cpu::timer_fired const&, time_point, cpu::command_sink&) noexcept {}
    void handle(cpu::cpu_timer_fired const&, time_point, cpu::command_sink&) noexcept {}
    void handle(cpu::stopping const&, time_point, cpu::command_sink& out) noexcept {
        tasks_.for_each([&](task_id id, entry const& t) {
            if (t.seat != no_seat) {
                out.append(cpu::set_policy{id, cpu::sched_policy::normal, 0});
            }
        });
    }

  private:
    static constexpr std::size_t no_seat = ~std::size_t{0};

    struct entry {
        duration demand{};
        duration cpu_time{}; ///< as of the last event, or of `seated_at`
        std::uint64_t order = 0;
        std::size_t seat = no_seat;
        time_point seated_at{};
    };
    struct seat {
        task_id task{};
        bool taken = false;
    };
    using waiting_key = std::tuple<duration, std::uint64_t, task_id>; ///< what is left, then the order of arrival

    [[nodiscard]] static waiting_key key_of(task_id id, entry const& t) noexcept {
        return {t.demand - t.cpu_time, t.order, id};
    }

    void wait(task_id id) { waiting_.insert(key_of(id, tasks_.at(id))); }

    void leave(task_id id, entry& t) noexcept {
        if (t.seat != no_seat) {
            seats_[t.seat].taken = false;
            t.seat = no_seat;
        } else {
            waiting_.erase(key_of(id, t));
        }
    }

    void fill_seats(time_point now, cpu::command_sink& out) {
        while (!waiting_.empty()) {
            auto const [left, order, id] = *waiting_.begin();
            std::size_t at = 0;
            while (at < seats_.size() && seats_[at].taken) {
                ++at;
            }
            if (at == seats_.size()) {
                at = longest_seat(now);
                entry& t = tasks_.at(seats_[at].task);
                if (t.demand - t.cpu_time <= left) {
                    return;
                }
                out.append(cpu::set_policy{seats_[at].task, cpu::sched_policy::normal, 0});
                leave(seats_[at].task, t);
                wait(seats_[at].task);
            }
            waiting_.erase(waiting_.begin());
            seats_[at] = {id, true};
            entry& next = tasks_.at(id);
            next.seat = at;
            next.seated_at = now;
            out.append(cpu::set_policy{id, cpu::sched_policy::fifo, rt_priority_});
        }
    }

    /// The seat whose task has most left. Seated tasks have had a CPU of their own since they sat down.
    [[nodiscard]] std::size_t longest_seat(time_point now) noexcept {
        std::size_t longest = 0;
        duration most{-1};
        for (std::size_t i = 0; i < seats_.size(); ++i) {
            entry& t = tasks_.at(seats_[i].task);
            t.cpu_time = std::min(t.cpu_time + (now - std::exchange(t.seated_at, now)), t.demand);
            if (t.demand - t.cpu_time > most) {
                most = t.demand - t.cpu_time;
                longest = i;
            }
        }
        return longest;
    }

    std::vector<duration> demands_;
    int rt_priority_;
    std::uint64_t arrivals_ = 0;
    task_map<entry> tasks_;
    std::vector<seat> seats_;
    std::set<waiting_key> waiting_;
};

static_assert(cpu::scheduling_agent<srpt_oracle>);

} // namespace hpcsched::experiment_linux

#endif
