// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_CPU_SIM_DETAIL_DISPATCHER_HPP
#define HPCSCHED_CPU_SIM_DETAIL_DISPATCHER_HPP

#include <hpcsched/cpu_sim/detail/placement.hpp>
#include <hpcsched/cpu_sim/observer.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace hpcsched::cpu_sim::detail {

/// Who runs: each CPU that was marked puts its task back, if it still has one, and takes what its classes give it.
template <bool IsSteered, class Observer, class... Classes>
class dispatcher : protected placement<IsSteered, Classes...> {
  protected:
    using below = placement<IsSteered, Classes...>;
    using typename below::classes_type;
    using typename below::cpu_type;
    using typename below::task_type;
    template <std::size_t K>
    using queues_at = typename below::template queues_at<K>;
    template <std::size_t K>
    using index = typename below::template index<K>;

    using below::class_count;
    using below::config_;
    using below::cpus_;
    using below::now_;
    using below::pending_;
    using below::summary_;

    template <class Config>
    dispatcher(Config const& config, Observer& observer) : below{config}, observer_{observer} {}

    /// Lets every marked CPU choose, `first` before them; choosing may mark others.
    void flush(cpu_id first) {
        for (cpu_id cpu = first; cpu != pending_cpus::nobody; cpu = pending_.pop()) {
            choose(cpu);
        }
    }
    void flush() { flush(pending_.pop()); }

    void choose(cpu_id cpu) {
        cpus_[cpu.value].must_choose = false;
        put_back(cpu);
        bool found = pick(cpu);
        if constexpr (classes_type::any_per_cpu) {
            found = found || (this->steal_for(cpu) && pick(cpu));
        }
        if (!found) {
            stop_outgoing(cpu);
            cpus_[cpu.value].starved_at = never;
            this->set_idle(cpu, true);
            this->arm_idle(cpu);
        }
    }

    /// The task that runs on `cpu` rejoins its queue.
    void put_back(cpu_id cpu) {
        cpu_type& c = cpus_[cpu.value];
        task_type* const t = c.current;
        if (t == nullptr) {
            return;
        }
        this->settle(cpu);
        bool const expired = c.slice_end <= now_;
        auto const why = expired ? cpu::enqueue_reason::slice_expired : cpu::enqueue_reason::preempted;
        c.outgoing = t;
        c.outgoing_reason = expired ? switch_reason::slice_expired : switch_reason::preempted;
        t->state = task_state::waiting;
        t->cpu_of_queue = cpu;
        classes_type::with_class(t->class_index, [&]<std::size_t K>(index<K>) {
            if constexpr (!queues_at<K>::is_fluid) {
                this->template queue<K>(cpu).enqueue(entity_of<K>(*t), why, this->now_);
            }
            if constexpr (queues_at<K>::is_per_cpu) {
                this->count_waiting(cpu, 1);
            }
        });
        c.current = nullptr;
    }

    /// Asks the classes in order; while the fair server is on, the lower classes come first.
    bool pick(cpu_id cpu) {
        cpu_type& c = cpus_[cpu.value];
        c.retry_at = never;
        bool const found = classes_type::any_class([&]<std::size_t K>(index<K>) {
            if constexpr (K == 0 && below::class_count > 1) {
                return !c.serves_lower && pick_from<K>(cpu);
            } else {
                return pick_from<K>(cpu);
            }
        });
        if (class_count == 1 || found || !c.serves_lower) {
            return found;
        }
        c.serves_lower = false; // the lower classes have nothing left
        c.starved_at = never;
        return pick_from<0>(cpu);
    }

    template <std::size_t K>
    bool pick_from(cpu_id cpu) {
        if constexpr (queues_at<K>::is_fluid) {
            return false;
        } else {
            auto& queue = this->template queue<K>(cpu);
            if (queue.waiting_count() == 0) {
                return false;
            }
            auto const picked = queue.pick_next(cpu, now_);
            cpu_type& c = cpus_[cpu.value];
            if (picked.next == nullptr) {
                c.retry_at = earlier(c.retry_at, picked.retry_at);
                return false;
            }
            if constexpr (queues_at<K>::is_per_cpu) {
                this->count_waiting(cpu, -1);
            }
            run<K>(cpu, this->task_of(*picked.next), picked.slice);
            return true;
        }
    }

    /// `t`, just picked, has the CPU: it goes on if it ran here up to now, else the CPU turns to it.
    template <std::size_t K>
    void run(cpu_id cpu, task_type& t, duration slice) {
        HPCSCHED_ASSERT(slice > duration{0});
        cpu_type& c = cpus_[cpu.value];
        time_point since = later(c.run_since, now_);
        t.state = task_state::running;
        c.current = &t;
        this->set_idle(cpu, false);
        if (c.outgoing == &t) {
            c.outgoing = nullptr;
        } else {
            stop_outgoing(cpu);
            since = switch_to(cpu, t, since);
        }
        c.run_since = since;
        c.slice_end = slice == unlimited ? never : saturating_add(since, slice);
        this->template arm_running<K>(cpu, t, since, c.slice_end);
    }

    /// Tells the observer that the task which ran before does so no more.
    void stop_outgoing(cpu_id cpu) {
        cpu_type& c = cpus_[cpu.value];
        if (task_type* const t = std::exchange(c.outgoing, nullptr)) {
            ++t->context_switches;
            ++t->preemptions;
            ++summary_.context_switches;
            c.last_sequence = t->sequence;
            observer_.on_stop(cpu, t->id, c.outgoing_reason, std::max(now_, c.run_since));
        }
    }

    /// `cpu` turns to `t`.
    /// \return when `t` begins to run
    [[nodiscard]] time_point switch_to(cpu_id cpu, task_type& t, time_point now) {
        duration const cost = cpus_[cpu.value].last_sequence == t.sequence ? duration{0} : config_.context_switch_cost;
        summary_.switch_time += cost;
        time_point const since = now + cost;
        if (t.first_run == never) { // asked first: which CPU it is cannot be predicted
            t.first_run = since;
        } else if (t.cpu != cpu) {
            ++t.migrations;
            ++summary_.migrations;
            t.demand += config_.migration_cost;
            t.remaining += config_.migration_cost;
            t.stop_at += config_.migration_cost;
            summary_.migration_time += config_.migration_cost;
        }
        t.cpu = cpu;
        observer_.on_run(cpu, t.id, since);
        return since;
    }

    Observer& observer_;
};

} // namespace hpcsched::cpu_sim::detail

#endif
