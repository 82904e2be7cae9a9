// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_CPU_SIM_DETAIL_AGENT_PORT_HPP
#define HPCSCHED_CPU_SIM_DETAIL_AGENT_PORT_HPP

#include <hpcsched/core/assert.hpp>
#include <hpcsched/cpu/hands_off.hpp>
#include <hpcsched/cpu/scheduling_agent.hpp>
#include <hpcsched/cpu_sim/detail/dispatcher.hpp>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace hpcsched::cpu_sim::detail {

/// Whether an agent can have an effect at all: what nobody asks for need not be simulated.
template <class Agent>
inline constexpr bool is_active = !std::is_same_v<Agent, cpu::hands_off>;

/// Hands events to the agent and carries its commands out, once it has had the CPU time that they cost.
template <class Agent, class Observer, class... Classes>
class agent_port : protected dispatcher<is_active<Agent>, Observer, Classes...> {
  protected:
    using below = dispatcher<is_active<Agent>, Observer, Classes...>;
    using typename below::classes_type;
    using typename below::cpu_type;
    using typename below::queued_event;
    using typename below::queued_kind;
    using typename below::task_type;
    template <std::size_t K>
    using queues_at = typename below::template queues_at<K>;
    template <std::size_t K>
    using index = typename below::template index<K>;

    using below::arm;
    using below::config_;
    using below::cpus_;
    using below::now_;
    using below::push;
    using below::settle;
    using below::summary_;
    using below::tasks_;

    template <class Config>
    agent_port(Config const& config, Agent& agent, Observer& observer) : below{config, observer}, agent_{agent} {}

    /// Hands an event to the agent; its commands take effect later if they cost time.
    template <class Event>
    void tell(Event const& event) {
        if constexpr (below::is_steered) {
            agent_.handle(event, now_, commands_);
            ++summary_.agent_events;
            summary_.agent_commands += commands_.size();
            duration const cost =
                config_.agent_event_cost + config_.agent_command_cost * static_cast<std::int64_t>(commands_.size());
            if (cost == duration{0} || std::is_same_v<Event, cpu::stopping>) {
                for (cpu::command const& c : commands_.items()) {
                    carry_out(c);
                }
            } else {
                charge_agent(cost);
                if (!commands_.empty()) {
                    defer_commands();
                }
            }
            commands_.clear();
        }
    }

    /// A timer has come due, or commands have been paid for.
    void on_agent_event(queued_event const& e) {
        if (e.kind == queued_kind::agent_timer) {
            on_agent_timer(timer_id{e.subject}, e.generation);
        } else if (e.kind == queued_kind::cpu_timer) {
            on_cpu_timer(task_id{e.subject, e.generation});
        } else {
            carry_out_batch(e.subject);
        }
    }

    void charge_agent(duration cost) {
        summary_.agent_time += cost;
        agent_free_ = std::max(agent_free_, now_) + cost;
        if (config_.agent_cpu < config_.cpu_count) {
            cpu_id const cpu{config_.agent_cpu};
            cpu_type& c = cpus_[cpu.value];
            settle(cpu);
            c.run_since = std::max(c.run_since, now_) + cost;
            if (c.current != nullptr) {
                arm(cpu);
            }
        }
    }

    void defer_commands() {
        if (free_batches_.empty()) {
            free_batches_.push_back(static_cast<std::uint32_t>(batches_.size()));
            batches_.emplace_back();
        }
        std::uint32_t const batch = free_batches_.back();
        free_batches_.pop_back();
        batches_[batch].assign(commands_.items().begin(), commands_.items().end());
        push(agent_free_, queued_kind::commands, batch, 0);
    }

    void carry_out_batch(std::uint32_t batch) {
        // A command never makes the agent speak, so the batch cannot change while it is carried out.
        for (cpu::command const& c : batches_[batch]) {
            carry_out(c);
        }
        batches_[batch].clear();
        free_batches_.push_back(batch);
    }

    // --- commands ----------------------------------------------------------------------------------------------

    void carry_out(cpu::command const& c) {
        std::visit([this](auto const& specific) { this->apply(specific); }, c);
    }

    void apply(cpu::set_policy const& c) {
        if (task_type* const t = tasks_.find(c.task)) {
            HPCSCHED_ASSERT((c.policy == cpu::sched_policy::normal) == (c.rt_priority == 0));
            HPCSCHED_ASSERT(c.rt_priority >= 0 && c.rt_priority <= cpu::rt_priority_max);
            if (t->policy != c.policy || t->rt_priority != c.rt_priority) {
                change(*t, [&] {
                    t->policy = c.policy;
                    t->rt_priority = static_cast<std::int8_t>(c.rt_priority);
                });
            }
        }
    }
    void apply(cpu::set_nice const& c) {
        if (task_type* const t = tasks_.find(c.task); t != nullptr && t->nice != c.nice) {
            HPCSCHED_ASSERT(c.nice >= cpu::nice_min && c.nice <= cpu::nice_max);
            change(*t, [&] { t->nice = static_cast<std::int8_t>(c.nice); });
        }
    }
    void apply(cpu::set_slice const& c) {
        if (task_type* const t = tasks_.find(c.task); t != nullptr && t->slice != c.slice) {
            HPCSCHED_ASSERT(c.slice >= duration{0});
            change(*t, [&] { t->slice = c.slice; });
        }
    }
    void apply(cpu::set_rank const& c) {
        if (task_type* const t = tasks_.find(c.task); t != nullptr && t->rank != c.rank) {
            change(*t, [&] { t->rank = c.rank; });
        }
    }
    void apply(cpu::set_affinity const& c) {
        if (task_type* const t = tasks_.find(c.task)) {
            change(*t, [&] {
                bool const everywhere = c.cpus == cpu::cpu_mask::all();
                t->own_affinity = everywhere ? nullptr : std::make_unique<cpu::cpu_mask>(c.cpus);
                t->affinity = t->own_affinity.get();
            });
        }
    }
    void apply(cpu::arm_timer const& c) {
        timer_state& timer = timer_of(c.timer);
        ++timer.generation;
        push(std::max(c.deadline, now_), queued_kind::agent_timer, c.timer.value, timer.generation);
    }
    void apply(cpu::cancel_timer const& c) { ++timer_of(c.timer).generation; }
    void apply(cpu::arm_cpu_timer const& c) {
        if (task_type* const t = tasks_.find(c.task)) {
            update_timer(*t, c.cpu_time);
            if (t->cpu_time >= t->cpu_timer_at && t->state != task_state::running) {
                push(now_, queued_kind::cpu_timer, t->id.index, t->id.generation);
            }
        }
    }
    void apply(cpu::cancel_cpu_timer const& c) {
        if (task_type* const t = tasks_.find(c.task)) {
            update_timer(*t, unlimited);
        }
    }

    // --- timers ------------------------------------------------------------------------------------------------

    struct timer_state {
        timer_id id{};
        std::uint32_t generation = 0;
    };

    [[nodiscard]] timer_state& timer_of(timer_id id) {
        for (timer_state& timer : timers_) {
            if (timer.id == id) {
                return timer;
            }
        }
        timers_.push_back(timer_state{id, 0});
        return timers_.back();
    }

    void on_agent_timer(timer_id id, std::uint32_t generation) {
        timer_state& timer = timer_of(id);
        if (timer.generation == generation) {
            ++timer.generation;
            this->settle_all();
            tell(cpu::timer_fired{id, summary_.busy});
        }
    }

    void on_cpu_timer(task_id id) {
        task_type* const t = tasks_.find(id);
        if (t != nullptr && t->cpu_time >= t->cpu_timer_at) {
            fire_cpu_timer(*t);
        }
    }

    void fire_cpu_timer(task_type& t) {
        t.cpu_timer_at = unlimited;
        tell(cpu::cpu_timer_fired{t.id, t.cpu_time});
    }

    /// Changes the CPU timer of `t` and with it when `t` must be looked at.
    void update_timer(task_type& t, duration cpu_timer_at) {
        if (t.state == task_state::running) {
            settle(t.cpu);
            t.cpu_timer_at = cpu_timer_at;
            arm(t.cpu);
        } else if (t.state == task_state::fluid) {
            this->leave_fluid(t);
            t.cpu_timer_at = cpu_timer_at;
            this->enter_fluid(t);
        } else {
            t.cpu_timer_at = cpu_timer_at;
        }
    }

    // --- changes of attributes ---------------------------------------------------------------------------------

    /// Takes `t` out of its class, applies `mutate`, and puts it back where it now belongs.
    template <class Mutate>
    void change(task_type& t, Mutate&& mutate) {
        switch (t.state) {
        case task_state::gone:
            return;
        case task_state::blocked:
            mutate();
            t.class_index = classes_type::serving(t.policy);
            return;
        case task_state::waiting:
            this->dequeue(t, cpu::dequeue_reason::changed);
            arm(t.cpu_of_queue);
            break;
        case task_state::running:
            take_off_cpu(t);
            break;
        case task_state::fluid:
            this->leave_fluid(t);
            break;
        }
        mutate();
        t.class_index = classes_type::serving(t.policy);
        this->enqueue(t, cpu::enqueue_reason::changed);
        this->flush();
        push_on(t);
    }

    /// `t` runs; it leaves its CPU for the moment, which will choose again.
    void take_off_cpu(task_type& t) {
        cpu_type& c = cpus_[t.cpu.value];
        settle(t.cpu);
        this->dequeue(t, cpu::dequeue_reason::changed);
        c.outgoing = &t;
        c.outgoing_reason = switch_reason::moved;
        c.current = nullptr;
        this->set_idle(t.cpu, true);
        this->mark(t.cpu);
    }

    /// A task that lost its CPU to a change may be more urgent than what runs elsewhere.
    void push_on(task_type& t) {
        if (t.state == task_state::waiting) {
            classes_type::with_class(t.class_index, [&]<std::size_t K>(index<K>) {
                if constexpr (queues_at<K>::is_global) {
                    this->template mark_victim<K>(t);
                }
            });
            this->flush();
        }
    }

    Agent& agent_;
    cpu::command_buffer commands_;
    std::vector<std::vector<cpu::command>> batches_;
    std::vector<std::uint32_t> free_batches_;
    std::vector<timer_state> timers_;
    time_point agent_free_{};
};

} // namespace hpcsched::cpu_sim::detail

#endif
