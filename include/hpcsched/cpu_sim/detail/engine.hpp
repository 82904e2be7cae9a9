// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_CPU_SIM_DETAIL_ENGINE_HPP
#define HPCSCHED_CPU_SIM_DETAIL_ENGINE_HPP

#include <hpcsched/core/assert.hpp>
#include <hpcsched/core/result.hpp>
#include <hpcsched/cpu_sim/detail/agent_port.hpp>
#include <hpcsched/cpu_sim/observer.hpp>
#include <hpcsched/cpu_sim/run_summary.hpp>
#include <hpcsched/workload/invocation.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace hpcsched::cpu_sim::detail {

/// One run of a machine with an agent and an observer.
///
/// One event at a time: settle what ran, change the queues, tell the agent, then let every CPU that was touched
/// choose again.
template <class Agent, class Observer, class... Classes>
class engine : agent_port<Agent, Observer, Classes...> {
    using below = agent_port<Agent, Observer, Classes...>;
    using typename below::classes_type;
    using typename below::cpu_type;
    using typename below::queued_event;
    using typename below::queued_kind;
    using typename below::task_type;

    using below::cpus_;
    using below::deadlines_;
    using below::events_;
    using below::flush;
    using below::is_steered;
    using below::last_is_fluid;
    using below::now_;
    using below::observer_;
    using below::settle;
    using below::summary_;
    using below::tasks_;
    using below::tell;

  public:
    template <class Config>
    engine(Config const& config, Agent& agent, Observer& observer) : below{config, agent, observer} {}

    /// Runs the whole stream; every task has exited afterwards, or the source's error is returned.
    template <class Source>
    [[nodiscard]] result<run_summary> run(Source& source) {
        tell(cpu::started{this->config_.cpu_count});
        do {
            if (!take_next(source)) {
                return std::move(failure_);
            }
            work_until_arrival();
        } while (arrive());
        tell(cpu::stopping{});
        summary_.makespan = summary_.task_count == 0 ? duration{0} : last_exit_ - first_arrival_;
        return summary_;
    }

  private:
    /// Handles all events up to the next arrival, which comes after what is simultaneous with it; without one, all
    /// until no task is left.
    void work_until_arrival() {
        cpu_id due = this->pending_.pop(); // to choose again
        for (;;) {
            flush(due);
            time_point const cpu_event = deadlines_.next_time();
            time_point const fluid_event = next_fluid_completion();
            time_point const queued = events_.next_time();
            time_point const first = earlier(earlier(cpu_event, fluid_event), queued);
            if (first > next_arrival_) {
                return;
            }
            if (next_arrival_ == never) {
                if (tasks_.alive() == 0) {
                    return;
                }
                HPCSCHED_ASSERT(first != never); // a task is alive, so something will happen
            }
            HPCSCHED_ASSERT(first >= now_);
            now_ = first;
            ++summary_.event_count;
            // The order of simultaneous events: CPUs (lower first), the fluid class, the queue by phase.
            if (cpu_event == first) {
                due = on_cpu_event(cpu_id{static_cast<std::uint32_t>(deadlines_.earliest())});
                continue;
            }
            if (last_is_fluid && fluid_event == first) {
                on_fluid_event();
            } else {
                on_queued_event();
            }
            due = this->pending_.pop();
        }
    }

    /// Reads the next invocation, which is checked for what the run relies on; false: `failure_` says what is wrong.
    template <class Source>
    [[nodiscard]] bool take_next(Source& source) {
        result<bool> more = source.next(next_);
        if (more.has_error()) {
            failure_ = std::move(more).error();
            return false;
        }
        if (!*more) {
            next_arrival_ = never;
            return true;
        }
        if (next_.arrival < now_) {
            failure_ = error{"the workload's arrivals go back in time: sort it by arrival"};
            return false;
        }
        if (next_.service <= duration{0}) {
            failure_ = error{"the workload holds an invocation without service time: give it at least 1 ns"};
            return false;
        }
        next_arrival_ = next_.arrival;
        return true;
    }

    // --- the life of a task ------------------------------------------------------------------------------------

    /// The invocation read last arrives; false: there is none.
    [[nodiscard]] bool arrive() {
        if (next_arrival_ == never) {
            return false;
        }
        now_ = next_arrival_;
        ++summary_.event_count;
        task_type& t = tasks_.acquire();
        initialise(t, next_);
        if (summary_.task_count++ == 0) {
            first_arrival_ = now_;
        }
        observer_.on_arrival(t.id, t.function, now_);
        this->enqueue(t, cpu::enqueue_reason::arrived);
        tell(cpu::task_arrived{t.id, t.function, duration{0}});
        return true;
    }

    void initialise(task_type& t, workload::invocation const& from) {
        t.function = from.function;
        t.sequence = summary_.task_count;
        t.arrival = from.arrival;
        t.cpu_time = duration{0};
        t.remaining = from.service;
        t.demand = from.service;
        t.first_run = never;
        t.cpu = cpu_id{};
        t.stop_at = from.service;
        t.segments_left = from.blocking.size();
        if (t.segments_left > 0) { // seldom, so what the last task left there stays
            t.segments = from.blocking;
            t.stop_at = t.segments.front().after_cpu;
        }
        t.service = from.service;
        t.blocked = duration{0};
        t.memory_mb = from.memory_mb;
        t.context_switches = 0;
        t.preemptions = 0;
        t.migrations = 0;
        if constexpr (is_steered) {
            reset_attributes(t);
        }
    }

    /// Makes what an agent may have changed for the last task of this slot what it is for every new one.
    static void reset_attributes(task_type& t) {
        t.policy = cpu::sched_policy::normal;
        t.rt_priority = 0;
        t.nice = 0;
        t.rank = 0;
        t.slice = duration{0};
        t.cpu_timer_at = unlimited;
        t.class_index = task_type::default_class;
        if (t.affinity != nullptr) {
            t.affinity = nullptr;
            t.own_affinity.reset();
        }
    }

    /// The current task of `cpu` has come to its next stop: it blocks or exits.
    void leave_cpu(cpu_id cpu, task_type& t) {
        if (t.segments_left == 0) {
            vacate(cpu, t, cpu::dequeue_reason::exited, switch_reason::exited);
            exit(t);
        } else {
            vacate(cpu, t, cpu::dequeue_reason::blocked, switch_reason::blocked);
            ++t.context_switches;
            ++summary_.context_switches;
            block(t);
        }
    }

    void vacate(cpu_id cpu, task_type& t, cpu::dequeue_reason why, switch_reason seen) {
        this->dequeue(t, why);
        cpus_[cpu.value].current = nullptr;
        cpus_[cpu.value].last_sequence = t.sequence;
        if constexpr (is_steered) {
            this->set_idle(cpu, true); // the agent may send a task here before the CPU chooses
            this->mark(cpu);
        }
        observer_.on_stop(cpu, t.id, seen, now_);
    }

    /// `t` has done the work up to its next segment and is in no queue.
    void block(task_type& t) {
        workload::blocking_segment const& segment = t.segments[t.segments.size() - t.segments_left];
        --t.segments_left;
        duration const next_stop =
            t.segments_left == 0 ? t.service : t.segments[t.segments.size() - t.segments_left].after_cpu;
        t.stop_at = t.cpu_time + (next_stop - segment.after_cpu);
        t.state = task_state::blocked;
        t.blocked += segment.length;
        this->push(saturating_add(now_, segment.length), queued_kind::wake, t.id.index, t.id.generation);
        tell(cpu::task_blocked{t.id, t.cpu_time});
    }

    void on_wake(task_type& t) {
        t.state = task_state::waiting;
        this->enqueue(t, cpu::enqueue_reason::woke);
        tell(cpu::task_woke{t.id, t.cpu_time});
    }

    void exit(task_type& t) {
        last_exit_ = now_;
        observer_.on_exit(task_record{.task = t.id,
                                      .sequence = t.sequence,
                                      .function = t.function,
                                      .arrival = t.arrival,
                                      .first_run = t.first_run,
                                      .exit = now_,
                                      .service = t.service,
                                      .cpu_time = t.cpu_time,
                                      .blocked = t.blocked,
                                      .memory_mb = t.memory_mb,
                                      .context_switches = t.context_switches,
                                      .preemptions = t.preemptions,
                                      .migrations = t.migrations},
                          now_);
        t.state = task_state::gone;
        tell(cpu::task_exited{t.id, t.cpu_time});
        tasks_.release(t);
    }

    // --- events ------------------------------------------------------------------------------------------------

    /// Something on `cpu` has come due.
    /// \return the CPU that has to choose first: this one where no agent has its say before
    [[nodiscard]] cpu_id on_cpu_event(cpu_id cpu) {
        settle(cpu);
        if (task_type* const t = cpus_[cpu.value].current) {
            on_task_due(cpu, *t);
        } else if constexpr (is_steered) {
            this->mark(cpu); // a throttled class may be served again
        }
        return is_steered ? this->pending_.pop() : cpu;
    }

    void on_task_due(cpu_id cpu, task_type& t) {
        bool const done = t.cpu_time >= t.stop_at && cpus_[cpu.value].run_since <= now_;
        if constexpr (is_steered) {
            if (t.cpu_time >= t.cpu_timer_at && !(done && t.segments_left == 0)) {
                t.cpu_timer_at = unlimited;
                this->arm(cpu);
                this->fire_cpu_timer(t);
                return;
            }
        }
        if (done) {
            leave_cpu(cpu, t);
            return;
        }
        this->update_fair_server(cpu);
        if constexpr (is_steered) {
            this->mark(cpu);
        }
    }

    [[nodiscard]] time_point next_fluid_completion() noexcept {
        if constexpr (last_is_fluid) {
            return this->fluid().next_completion();
        } else {
            return never;
        }
    }

    /// The first task of the fluid class has done its work: up to its CPU timer, its next segment, or its exit.
    void on_fluid_event() {
        if constexpr (last_is_fluid) {
            task_type& t = this->task_of(*this->fluid().next_completed());
            this->leave_fluid(t);
            if (t.cpu_time < t.stop_at) {
                bool const due = t.cpu_time >= t.cpu_timer_at;
                t.cpu_timer_at = due ? unlimited : t.cpu_timer_at;
                this->enter_fluid(t);
                if (due) {
                    tell(cpu::cpu_timer_fired{t.id, t.cpu_time});
                }
            } else if (t.segments_left > 0) {
                block(t);
            } else {
                exit(t);
            }
        }
    }

    void on_queued_event() {
        queued_event const e = events_.pop().payload;
        if (e.kind == queued_kind::wake) {
            on_wake(*tasks_.find(task_id{e.subject, e.generation}));
        } else if (e.kind == queued_kind::balance) {
            on_balance();
        } else if constexpr (is_steered) {
            this->on_agent_event(e);
        }
    }

    /// Moves waiting tasks from the longest queues to the shortest, until they differ by less than two.
    /// \source Linux balances each CPU in turn by load averages. Deviation: all CPUs at once, by runnable tasks.
    void on_balance() {
        if constexpr (classes_type::any_per_cpu) {
            this->balance_armed_ = false;
            for (std::uint32_t moves = 0; moves < this->config_.cpu_count && this->even_out(); ++moves) {
                flush();
            }
            this->arm_balance();
        }
    }

    workload::invocation next_;
    time_point next_arrival_ = never; ///< `never` when the stream has ended
    error failure_;
    time_point first_arrival_{};
    time_point last_exit_{};
};

} // namespace hpcsched::cpu_sim::detail

#endif
