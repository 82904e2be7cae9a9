// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_CPU_SIM_DETAIL_PLACEMENT_HPP
#define HPCSCHED_CPU_SIM_DETAIL_PLACEMENT_HPP

#include <hpcsched/cpu_sim/detail/kernel_state.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace hpcsched::cpu_sim::detail {

/// Which queue a task joins, and which CPU has to choose again because of it; moves between the queues of CPUs.
template <bool IsSteered, class... Classes>
class placement : protected kernel_state<IsSteered, Classes...> {
  protected:
    using below = kernel_state<IsSteered, Classes...>;
    using typename below::classes_type;
    using typename below::cpu_type;
    using typename below::queued_kind;
    using typename below::task_type;
    template <std::size_t K>
    using queues_at = typename below::template queues_at<K>;
    template <std::size_t K>
    using index = typename below::template index<K>;

    using below::arm;
    using below::below;
    using below::class_count;
    using below::config_;
    using below::cpus_;
    using below::fluid;
    using below::idle_;
    using below::mark;
    using below::now_;
    using below::settle;
    using below::task_of;

    /// Puts `t`, which is in no queue, where its class wants it, and marks the CPU that has to choose again.
    void enqueue(task_type& t, cpu::enqueue_reason why) {
        classes_type::with_class(t.class_index, [&]<std::size_t K>(index<K>) { this->template enqueue_in<K>(t, why); });
    }

    /// Takes `t`, which waits or runs, out of its class.
    void dequeue(task_type& t, cpu::dequeue_reason why) {
        classes_type::with_class(t.class_index,
                                 [&]<std::size_t K>(index<K>) { this->template dequeue_from<K>(t, why); });
    }

    template <std::size_t K>
    void enqueue_in(task_type& t, cpu::enqueue_reason why) {
        if constexpr (queues_at<K>::is_fluid) {
            enter_fluid(t);
        } else if constexpr (queues_at<K>::is_global) {
            t.state = task_state::waiting;
            this->template global_queue<K>().enqueue(entity_of<K>(t), why, now_);
            place_global<K>(t);
        } else {
            enqueue_on<K>(t, choose_queue(t, why), why);
        }
    }

    template <std::size_t K>
    void dequeue_from(task_type& t, cpu::dequeue_reason why) {
        if constexpr (queues_at<K>::is_global) {
            this->template global_queue<K>().dequeue(entity_of<K>(t), why, now_);
        } else if constexpr (queues_at<K>::is_per_cpu) {
            cpu_id const cpu = t.state == task_state::running ? t.cpu : t.cpu_of_queue;
            settle_class<K>(cpu);
            this->template queue<K>(cpu).dequeue(entity_of<K>(t), why, now_);
            if (t.state == task_state::waiting) {
                count_waiting(cpu, -1);
            }
        }
    }

    // --- the fluid class ---------------------------------------------------------------------------------------

    void enter_fluid(task_type& t) {
        if constexpr (below::last_is_fluid) {
            t.state = task_state::fluid;
            t.first_run = earlier(t.first_run, now_);
            // A task that blocks at once still passes through the CPU: for one nanosecond.
            duration const work = std::max(below::time_to_stop(t), duration{1});
            fluid().enqueue(entity_of<class_count - 1>(t), work, now_);
        }
    }

    void leave_fluid(task_type& t) {
        if constexpr (below::last_is_fluid) {
            duration const done = fluid().dequeue(entity_of<class_count - 1>(t), now_);
            this->credit(t, std::min(done, t.stop_at - t.cpu_time));
            t.state = task_state::waiting;
        }
    }

    // --- one queue for all CPUs --------------------------------------------------------------------------------

    /// An idle CPU takes from the queue, or the least urgent running task gives way.
    template <std::size_t K>
    void place_global(task_type& t) {
        cpu_id const idle = idle_.find(t.cpu, t.affinity);
        if (idle.value < config_.cpu_count) {
            // Others may wait before `t`; the CPU takes the first of them.
            mark(idle);
        } else {
            mark_victim<K>(t);
        }
    }

    /// Marks the CPU, if there is one, whose task gives way to `t`, which waits in the queue of class K.
    template <std::size_t K>
    void mark_victim(task_type& t) {
        cpu_id victim{config_.cpu_count};
        if constexpr (!cpu::nonpreemptive_class<typename classes_type::template class_at<K>> || K + 1 < class_count) {
            victim = victim_of<K>(t);
        }
        if (victim.value < config_.cpu_count) {
            mark(victim);
        } else if constexpr (K > 0) {
            for (std::uint32_t i = 0; i < config_.cpu_count; ++i) {
                arm(cpu_id{i}); // it may begin to starve under real-time tasks
            }
        }
    }

    /// The CPU whose task is the least urgent of those that `t` may displace, if `t` preempts it; else the number of
    /// CPUs.
    template <std::size_t K>
    [[nodiscard]] cpu_id victim_of(task_type& t) {
        cpu_id const none{config_.cpu_count};
        cpu_id victim{0};
        while (victim != none && !may_displace<K>(t, victim)) {
            ++victim.value;
        }
        if (victim == none) {
            return none;
        }
        settle_class<K>(victim);
        for (std::uint32_t i = victim.value + 1; i < config_.cpu_count; ++i) {
            if (may_displace<K>(t, cpu_id{i})) {
                settle_class<K>(cpu_id{i});
                victim = gives_way_before<K>(cpu_id{i}, victim, t) ? cpu_id{i} : victim;
            }
        }
        task_type& current = *cpus_[victim.value].current;
        bool const gives_way = !below::template is_of_class<K>(current) ||
                               this->template global_queue<K>().preempts(entity_of<K>(t), entity_of<K>(current), now_);
        return gives_way ? victim : none;
    }

    /// Whether a task of class K or below runs on `cpu`, where `t` may run.
    template <std::size_t K>
    [[nodiscard]] bool may_displace(task_type const& t, cpu_id cpu) const noexcept {
        cpu_type const& c = cpus_[cpu.value];
        if (c.current == nullptr || !below::may_run_on(t, cpu)) {
            return false;
        }
        return class_count == 1 || (!c.serves_lower && c.current->class_index >= K);
    }

    /// Whether the task on CPU `a` should give way rather than that on CPU `b`.
    template <std::size_t K>
    [[nodiscard]] bool gives_way_before(cpu_id a, cpu_id b, task_type const& t) {
        task_type& on_a = *cpus_[a.value].current;
        task_type& on_b = *cpus_[b.value].current;
        bool a_is_less_urgent = on_a.class_index > on_b.class_index;
        bool b_is_less_urgent = on_a.class_index < on_b.class_index;
        if (below::template is_of_class<K>(on_a) && below::template is_of_class<K>(on_b)) {
            auto& queue = this->template global_queue<K>();
            a_is_less_urgent = queue.preempts(entity_of<K>(on_b), entity_of<K>(on_a), now_);
            b_is_less_urgent = queue.preempts(entity_of<K>(on_a), entity_of<K>(on_b), now_);
        }
        // Which of them holds cannot be predicted: without branches.
        return static_cast<bool>(static_cast<int>(a_is_less_urgent) |
                                 (static_cast<int>(!b_is_less_urgent) & static_cast<int>(a == t.cpu)));
    }

    // --- a queue for each CPU ----------------------------------------------------------------------------------

    /// The CPU whose queue a task of a per-CPU class joins.
    /// \source Linux: a waking task goes to its previous CPU if idle, then to an idle one, then to the previous;
    ///         a new one to the CPU with the fewest runnable tasks. Deviation: no topology, no load averages.
    [[nodiscard]] cpu_id choose_queue(task_type const& t, cpu::enqueue_reason why) const noexcept {
        bool const is_new = why == cpu::enqueue_reason::arrived;
        if (why == cpu::enqueue_reason::changed && t.may_run_on(t.cpu)) {
            return t.cpu;
        }
        cpu_id const idle = idle_.find(t.cpu, t.affinity);
        if (idle.value < config_.cpu_count) {
            return idle;
        }
        if (!is_new && t.may_run_on(t.cpu)) {
            return t.cpu;
        }
        cpu_id best{config_.cpu_count};
        for (std::uint32_t i = 0; i < config_.cpu_count; ++i) {
            if (t.may_run_on(cpu_id{i}) &&
                (best.value == config_.cpu_count || runnable_on(cpu_id{i}) < runnable_on(best))) {
                best = cpu_id{i};
            }
        }
        HPCSCHED_ASSERT(best.value < config_.cpu_count); // an affinity allows at least one CPU
        return best;
    }

    [[nodiscard]] std::uint32_t runnable_on(cpu_id cpu) const noexcept {
        return cpus_[cpu.value].waiting + (cpus_[cpu.value].current != nullptr ? 1U : 0U);
    }

    void count_waiting(cpu_id cpu, int more) noexcept {
        cpus_[cpu.value].waiting += static_cast<std::uint32_t>(more);
        waiting_per_cpu_ += static_cast<std::size_t>(more);
    }

    /// Accounts what runs on `cpu` before its queue of class K changes.
    template <std::size_t K>
    void settle_class(cpu_id cpu) noexcept {
        task_type const* const current = cpus_[cpu.value].current;
        if (current != nullptr && below::template is_of_class<K>(*current)) {
            settle(cpu);
        }
    }

    template <std::size_t K>
    void enqueue_on(task_type& t, cpu_id cpu, cpu::enqueue_reason why) {
        cpu_type& c = cpus_[cpu.value];
        auto& queue = this->template queue<K>(cpu);
        t.state = task_state::waiting;
        t.cpu_of_queue = cpu;
        settle_class<K>(cpu);
        queue.enqueue(entity_of<K>(t), why, now_);
        count_waiting(cpu, 1);
        if (c.current == nullptr || c.current->class_index > K ||
            (c.current->class_index == K && queue.preempts(entity_of<K>(t), entity_of<K>(*c.current), now_))) {
            mark(cpu);
        } else {
            arm(cpu);
            kick_idle(t);
        }
        arm_balance();
    }

    /// A queue has more than it can run while another CPU idles: the idle one looks for work.
    void kick_idle(task_type const& t) {
        cpu_id const idle = idle_.find(t.cpu, t.affinity);
        if (config_.idle_stealing && idle.value < config_.cpu_count) {
            mark(idle);
        }
    }

    // --- load balance ------------------------------------------------------------------------------------------

    void arm_balance() {
        if (!balance_armed_ && waiting_per_cpu_ > 0 && config_.cpu_count > 1 && config_.balance_period != unlimited) {
            balance_armed_ = true;
            this->push(saturating_add(now_, config_.balance_period), queued_kind::balance, 0, 0);
        }
    }

    /// Moves one waiting task from the longest queue to the shortest, where they differ by two or more.
    bool even_out() {
        cpu_id longest{0};
        cpu_id shortest{0};
        for (std::uint32_t i = 1; i < config_.cpu_count; ++i) {
            longest = runnable_on(cpu_id{i}) > runnable_on(longest) ? cpu_id{i} : longest;
            shortest = runnable_on(cpu_id{i}) < runnable_on(shortest) ? cpu_id{i} : shortest;
        }
        return runnable_on(longest) >= runnable_on(shortest) + 2 && move_one(longest, shortest);
    }

    /// Moves one waiting task between the queues of a per-CPU class, the first class first.
    bool move_one(cpu_id from, cpu_id to) {
        return classes_type::any_class(
            [&]<std::size_t K>(index<K>) { return this->template move_one_of<K>(from, to); });
    }

    template <std::size_t K>
    bool move_one_of([[maybe_unused]] cpu_id from, [[maybe_unused]] cpu_id to) {
        if constexpr (queues_at<K>::is_per_cpu) {
            auto& queue = this->template queue<K>(from);
            auto* const candidate = queue.waiting_count() > 0 ? queue.migration_candidate(to) : nullptr;
            if (candidate != nullptr) {
                task_type& t = task_of(*candidate);
                HPCSCHED_ASSERT(t.may_run_on(to));
                dequeue_from<K>(t, cpu::dequeue_reason::migrated);
                arm(from);
                enqueue_on<K>(t, to, cpu::enqueue_reason::migrated);
                return true;
            }
        }
        return false;
    }

    /// `cpu` has nothing to run: it takes a waiting task from the CPU that has most.
    bool steal_for(cpu_id cpu) {
        if (waiting_per_cpu_ == 0 || !config_.idle_stealing) {
            return false;
        }
        cpu_id busiest = cpu;
        for (std::uint32_t i = 0; i < config_.cpu_count; ++i) {
            busiest = cpus_[i].waiting > cpus_[busiest.value].waiting ? cpu_id{i} : busiest;
        }
        if (busiest == cpu) {
            return false;
        }
        if (move_one(busiest, cpu)) {
            return true;
        }
        for (std::uint32_t i = 0; i < config_.cpu_count; ++i) { // the busiest had none that may run here
            if (cpu_id{i} != cpu && cpus_[i].waiting > 0 && move_one(cpu_id{i}, cpu)) {
                return true;
            }
        }
        return false;
    }

    std::size_t waiting_per_cpu_ = 0; ///< in the queues of CPUs, all together
    bool balance_armed_ = false;
};

} // namespace hpcsched::cpu_sim::detail

#endif
