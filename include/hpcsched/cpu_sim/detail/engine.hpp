// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_CPU_SIM_DETAIL_ENGINE_HPP
#define HPCSCHED_CPU_SIM_DETAIL_ENGINE_HPP

#include <hpcsched/cpu/hands_off.hpp>
#include <hpcsched/cpu/scheduling_agent.hpp>
#include <hpcsched/cpu_sim/detail/class_set.hpp>
#include <hpcsched/cpu_sim/detail/cpu_state.hpp>
#include <hpcsched/cpu_sim/detail/task_pool.hpp>
#include <hpcsched/cpu_sim/machine_config.hpp>
#include <hpcsched/cpu_sim/observer.hpp>
#include <hpcsched/cpu_sim/run_summary.hpp>
#include <hpcsched/sim/deadline_table.hpp>
#include <hpcsched/sim/event_queue.hpp>
#include <hpcsched/workload/invocation.hpp>

#include <algorithm>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace hpcsched::cpu_sim::detail {

/// The simulated kernel at work: one run of a machine with an agent and an observer.
///
/// One event at a time: settle what ran, change the queues, tell the agent, then let every CPU that was touched
/// choose again. The functions are grouped in that order of depth: main loop, events of tasks, the agent's port,
/// placement, and at the bottom what one CPU does.
template <class Agent, class Observer, class... Classes>
class engine {
  public:
    using task_type = task<Classes...>;
    using classes_type = class_set<Classes...>;

    template <class Config>
    engine(Config const& config, Agent& agent, Observer& observer)
        : config_{config.hardware}, classes_{config}, cpus_(config_.cpu_count), idle_{config_.cpu_count},
          deadlines_{config_.cpu_count}, agent_{agent}, observer_{observer} {
        if constexpr (classes_type::last_is_fluid) {
            fluid().set_capacity(config_.cpu_count, now_);
        }
    }

    /// Runs the whole stream; every task has exited afterwards, or the source's error is returned.
    template <class Source>
    [[nodiscard]] result<run_summary> run(Source& source) {
        workload::invocation next;
        result<bool> more = take_next(source, next);
        tell(cpu::started{config_.cpu_count});
        flush();
        while (more.has_value()) {
            time_point const arrival = *more ? next.arrival : never;
            time_point const cpu_event = deadlines_.next_time();
            time_point const queued = events_.next_time();
            time_point const fluid_event = next_fluid_completion();
            time_point const first = std::min(std::min(cpu_event, fluid_event), std::min(queued, arrival));
            if (!*more && tasks_.alive() == 0) {
                break;
            }
            HPCSCHED_ASSERT(first != never); // a task is alive, so something will happen
            HPCSCHED_ASSERT(first >= now_);
            now_ = first;
            ++summary_.event_count;
            // The order of simultaneous events: CPUs (lower first), the fluid class, the queue by phase, arrivals.
            if (cpu_event == first) {
                on_cpu_event(cpu_id{static_cast<std::uint32_t>(deadlines_.earliest())});
            } else if (fluid_event == first) {
                on_fluid_event();
            } else if (queued == first) {
                on_queued_event();
            } else {
                on_arrival(next);
                more = take_next(source, next);
            }
            flush();
        }
        if (more.has_error()) {
            return std::move(more).error();
        }
        tell(cpu::stopping{});
        summary_.makespan = summary_.task_count == 0 ? duration{0} : last_exit_ - first_arrival_;
        summary_.agent_time = agent_time_;
        return summary_;
    }

  private:
    static constexpr bool passive_agent = std::is_same_v<Agent, cpu::hands_off>;
    static constexpr std::size_t class_count = classes_type::count;

    enum class queued_kind : std::uint8_t { wake, agent_timer, cpu_timer, commands, balance };
    struct queued_event {
        queued_kind kind{};
        std::uint32_t index = 0;      ///< of the task, timer or batch
        std::uint32_t generation = 0; ///< stale if not the current one
    };
    struct timer_state {
        timer_id id{};
        std::uint32_t generation = 0;
    };

    /// The next invocation, checked for what the run relies on.
    template <class Source>
    [[nodiscard]] result<bool> take_next(Source& source, workload::invocation& next) {
        result<bool> more = source.next(next);
        if (more.has_value() && *more) {
            if (next.arrival < now_) {
                return error{"the workload's arrivals go back in time: sort it by arrival"};
            }
            if (next.service <= duration{0}) {
                return error{"the workload holds an invocation without service time: give it at least 1 ns"};
            }
        }
        return more;
    }

    // --- events of tasks --------------------------------------------------------------------------------------

    void on_arrival(workload::invocation const& from) {
        task_type& t = tasks_.acquire();
        initialise(t, from);
        if (summary_.task_count++ == 0) {
            first_arrival_ = now_;
        }
        observer_.on_arrival(t.id, t.function, now_);
        enqueue_new(t);
        tell(cpu::task_arrived{t.id, t.function, duration{0}});
    }

    void initialise(task_type& t, workload::invocation const& from) {
        t.function = from.function;
        t.sequence = next_sequence_++;
        t.arrival = from.arrival;
        t.policy = cpu::sched_policy::normal;
        t.rt_priority = 0;
        t.nice = 0;
        t.rank = 0;
        t.slice = duration{0};
        t.cpu_time = duration{0};
        t.remaining = from.service;
        if (t.affinity != nullptr) {
            t.affinity = nullptr;
            t.own_affinity.reset();
        }
        t.has_run = false;
        t.cpu_timer_at = unlimited;
        if (!from.blocking.empty() || !t.segments.empty()) { // nearly always both are: spares the call
            t.segments = from.blocking;
        }
        t.next_segment = 0;
        t.work_to_stop = t.segments.empty() ? from.service : t.segments[0].after_cpu;
        t.service = from.service;
        t.blocked = duration{0};
        t.memory_mb = from.memory_mb;
        t.context_switches = 0;
        t.preemptions = 0;
        t.migrations = 0;
        t.class_index = classes_type::serving(t.policy);
        std::apply([&](auto&... entity) { ((entity.task = &t), ...); }, t.entities);
    }

    void on_wake(task_type& t) {
        t.state = task_state::waiting;
        enqueue(t, cpu::enqueue_reason::woke);
        tell(cpu::task_woke{t.id, t.cpu_time});
    }

    /// `t` has done the work up to its next segment and is in no queue.
    void block(task_type& t) {
        duration const length = t.segments[t.next_segment].length;
        t.state = task_state::blocked;
        t.blocked += length;
        duration const done = t.segments[t.next_segment].after_cpu;
        ++t.next_segment;
        t.work_to_stop =
            (t.next_segment == t.segments.size() ? t.service : t.segments[t.next_segment].after_cpu) - done;
        push(saturating_add(now_, length), queued_kind::wake, t.id.index, t.id.generation);
        tell(cpu::task_blocked{t.id, t.cpu_time});
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

    // --- the event queue --------------------------------------------------------------------------------------

    void push(time_point at, queued_kind kind, std::uint32_t index, std::uint32_t generation) {
        events_.push(at, static_cast<std::uint32_t>(kind), queued_event{kind, index, generation});
    }

    void on_queued_event() {
        queued_event const e = events_.pop().payload;
        switch (e.kind) {
        case queued_kind::wake:
            on_wake(*tasks_.find(task_id{e.index, e.generation}));
            break;
        case queued_kind::agent_timer:
            on_agent_timer(e);
            break;
        case queued_kind::cpu_timer:
            if (task_type* const t = tasks_.find(task_id{e.index, e.generation})) {
                if (t->cpu_time >= t->cpu_timer_at) {
                    fire_cpu_timer(*t);
                }
            }
            break;
        case queued_kind::commands:
            carry_out_batch(e.index);
            break;
        case queued_kind::balance:
            on_balance();
            break;
        }
    }

    // --- the agent's port -------------------------------------------------------------------------------------

    /// Hands an event to the agent; its commands take effect once the agent has had the CPU time that they cost.
    template <class Event>
    void tell(Event const& event) {
        if constexpr (!passive_agent) {
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

    void charge_agent(duration cost) {
        agent_time_ += cost;
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

    void carry_out(cpu::command const& c) {
        std::visit([this](auto const& specific) { apply(specific); }, c);
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
            update_work(*t, [&] { t->cpu_timer_at = c.cpu_time; });
            if (t->cpu_time >= t->cpu_timer_at && t->state != task_state::running) {
                push(now_, queued_kind::cpu_timer, t->id.index, t->id.generation);
            }
        }
    }
    void apply(cpu::cancel_cpu_timer const& c) {
        if (task_type* const t = tasks_.find(c.task)) {
            update_work(*t, [&] { t->cpu_timer_at = unlimited; });
        }
    }

    [[nodiscard]] timer_state& timer_of(timer_id id) {
        for (timer_state& timer : timers_) {
            if (timer.id == id) {
                return timer;
            }
        }
        timers_.push_back(timer_state{id, 0});
        return timers_.back();
    }

    void on_agent_timer(queued_event const& e) {
        if (timer_of(timer_id{e.index}).generation == e.generation) {
            ++timer_of(timer_id{e.index}).generation;
            settle_all();
            tell(cpu::timer_fired{timer_id{e.index}, summary_.busy});
        }
    }

    void fire_cpu_timer(task_type& t) {
        t.cpu_timer_at = unlimited;
        tell(cpu::cpu_timer_fired{t.id, t.cpu_time});
    }

    // --- changes of attributes --------------------------------------------------------------------------------

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
            dequeue(t, cpu::dequeue_reason::changed);
            arm(t.cpu_of_queue);
            break;
        case task_state::running:
            take_off_cpu(t);
            break;
        case task_state::fluid:
            leave_fluid(t);
            break;
        }
        mutate();
        t.class_index = classes_type::serving(t.policy);
        enqueue(t, cpu::enqueue_reason::changed);
        flush();
        push_on(t);
    }

    /// `t` runs; it leaves its CPU for the moment, which will choose again.
    void take_off_cpu(task_type& t) {
        cpu_type& c = cpus_[t.cpu.value];
        settle(t.cpu);
        dequeue(t, cpu::dequeue_reason::changed);
        c.outgoing = &t;
        c.outgoing_reason = switch_reason::moved;
        set_current(t.cpu, nullptr);
        mark(t.cpu);
    }

    /// A task that lost its CPU to a change may be more urgent than what runs elsewhere.
    void push_on(task_type& t) {
        if (t.state == task_state::waiting) {
            classes_type::with_class(t.class_index, [&]<std::size_t K>(std::integral_constant<std::size_t, K>) {
                if constexpr (is_global<K>) {
                    mark_victim<K>(t);
                }
            });
            flush();
        }
    }

    /// Changes when `t` will next stop by itself.
    template <class Mutate>
    void update_work(task_type& t, Mutate&& mutate) {
        if (t.state == task_state::running) {
            settle(t.cpu);
            mutate();
            arm(t.cpu);
        } else if (t.state == task_state::fluid) {
            leave_fluid(t);
            mutate();
            enter_fluid(t);
        } else {
            mutate();
        }
    }

    // --- the fluid class --------------------------------------------------------------------------------------

    [[nodiscard]] auto& fluid() noexcept { return classes_.template queues<class_count - 1>().of(cpu_id{}); }

    [[nodiscard]] time_point next_fluid_completion() noexcept {
        if constexpr (classes_type::last_is_fluid) {
            return fluid().next_completion();
        } else {
            return never;
        }
    }

    void enter_fluid(task_type& t) {
        if constexpr (classes_type::last_is_fluid) {
            t.state = task_state::fluid;
            if (!t.has_run) {
                t.has_run = true;
                t.first_run = now_;
            }
            // A task that blocks at once still passes through the CPU: for one nanosecond.
            duration const work = std::max(std::min(t.work_to_stop, t.cpu_timer_at - t.cpu_time), duration{1});
            fluid().enqueue(std::get<class_count - 1>(t.entities), work, now_);
        }
    }

    void leave_fluid(task_type& t) {
        if constexpr (classes_type::last_is_fluid) {
            credit(t, std::min(fluid().dequeue(std::get<class_count - 1>(t.entities), now_), t.work_to_stop));
            t.state = task_state::waiting;
        }
    }

    /// The first task of the fluid class has done its work: up to its CPU timer, its next segment, or its exit.
    void on_fluid_event() {
        if constexpr (classes_type::last_is_fluid) {
            task_type& t = task_of(*fluid().next_completed());
            leave_fluid(t);
            if (t.work_to_stop > duration{0}) {
                bool const due = t.cpu_time >= t.cpu_timer_at;
                t.cpu_timer_at = due ? unlimited : t.cpu_timer_at;
                enter_fluid(t);
                if (due) {
                    tell(cpu::cpu_timer_fired{t.id, t.cpu_time});
                }
            } else if (t.next_segment < t.segments.size()) {
                block(t);
            } else {
                exit(t);
            }
        }
    }

    // --- queues and placement ---------------------------------------------------------------------------------

    template <std::size_t K>
    static constexpr bool is_global = !run_queues<typename classes_type::template class_at<K>>::is_per_cpu &&
                                      !run_queues<typename classes_type::template class_at<K>>::is_fluid;
    template <std::size_t K>
    static constexpr bool is_per_cpu = run_queues<typename classes_type::template class_at<K>>::is_per_cpu;

    void enqueue_new(task_type& t) {
        t.state = task_state::waiting;
        t.cpu = cpu_id{};
        enqueue(t, cpu::enqueue_reason::arrived);
    }

    /// Puts `t`, which is in no queue, where its class wants it, and marks the CPU that has to choose again.
    void enqueue(task_type& t, cpu::enqueue_reason why) {
        classes_type::with_class(t.class_index, [&]<std::size_t K>(std::integral_constant<std::size_t, K>) {
            if constexpr (run_queues<typename classes_type::template class_at<K>>::is_fluid) {
                enter_fluid(t);
            } else if constexpr (is_global<K>) {
                t.state = task_state::waiting;
                classes_.template queues<K>().of(cpu_id{}).enqueue(std::get<K>(t.entities), why, now_);
                place_global<K>(t);
            } else {
                enqueue_on<K>(t, choose_queue(t, why), why);
            }
        });
    }

    /// A global queue: an idle CPU takes from it, or the least urgent running task gives way.
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

    template <std::size_t K>
    void mark_victim(task_type& t) {
        auto& queue = classes_.template queues<K>().of(cpu_id{});
        cpu_id victim{config_.cpu_count};
        for (std::uint32_t i = 0; i < config_.cpu_count; ++i) {
            cpu_id const cpu{i};
            cpu_type const& c = cpus_[i];
            if (c.current == nullptr || c.serves_lower || c.current->class_index < K || !t.may_run_on(cpu)) {
                continue;
            }
            if (c.current->class_index == K) {
                settle(cpu);
                if (!queue.preempts(std::get<K>(t.entities), std::get<K>(c.current->entities), now_)) {
                    continue;
                }
            }
            if (victim.value == config_.cpu_count || gives_way_before<K>(cpu, victim, t)) {
                victim = cpu;
            }
        }
        if (victim.value < config_.cpu_count) {
            mark(victim);
        } else if constexpr (K > 0) {
            for (std::uint32_t i = 0; i < config_.cpu_count; ++i) {
                arm(cpu_id{i}); // it may begin to starve under real-time tasks
            }
        }
    }

    /// Whether the task on CPU `a` should give way rather than that on CPU `b`.
    template <std::size_t K>
    [[nodiscard]] bool gives_way_before(cpu_id a, cpu_id b, task_type const& t) {
        task_type& on_a = *cpus_[a.value].current;
        task_type& on_b = *cpus_[b.value].current;
        if (on_a.class_index != on_b.class_index) {
            return on_a.class_index > on_b.class_index;
        }
        if (on_a.class_index == K) {
            auto& queue = classes_.template queues<K>().of(cpu_id{});
            if (queue.preempts(std::get<K>(on_b.entities), std::get<K>(on_a.entities), now_)) {
                return true;
            }
            if (queue.preempts(std::get<K>(on_a.entities), std::get<K>(on_b.entities), now_)) {
                return false;
            }
        }
        return a == t.cpu;
    }

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

    template <std::size_t K>
    void enqueue_on(task_type& t, cpu_id cpu, cpu::enqueue_reason why) {
        cpu_type& c = cpus_[cpu.value];
        t.state = task_state::waiting;
        t.cpu_of_queue = cpu;
        auto& queue = classes_.template queues<K>().of(cpu);
        if (c.current != nullptr && c.current->class_index == K) {
            settle(cpu);
        }
        queue.enqueue(std::get<K>(t.entities), why, now_);
        ++c.waiting;
        ++waiting_per_cpu_;
        if (c.current == nullptr || c.current->class_index > K) {
            mark(cpu);
        } else if (c.current->class_index == K &&
                   queue.preempts(std::get<K>(t.entities), std::get<K>(c.current->entities), now_)) {
            mark(cpu);
        } else {
            arm(cpu);
            if (!idle_.empty()) {
                kick_idle(t);
            }
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

    void dequeue(task_type& t, cpu::dequeue_reason why) {
        classes_type::with_class(t.class_index, [&]<std::size_t K>(std::integral_constant<std::size_t, K>) {
            if constexpr (!run_queues<typename classes_type::template class_at<K>>::is_fluid) {
                cpu_id const cpu = t.state == task_state::running ? t.cpu : t.cpu_of_queue;
                if constexpr (is_per_cpu<K>) {
                    if (cpus_[cpu.value].current != nullptr && cpus_[cpu.value].current->class_index == K) {
                        settle(cpu);
                    }
                }
                classes_.template queues<K>().of(cpu).dequeue(std::get<K>(t.entities), why, now_);
                if constexpr (is_per_cpu<K>) {
                    if (t.state == task_state::waiting) {
                        --cpus_[cpu.value].waiting;
                        --waiting_per_cpu_;
                    }
                }
            }
        });
    }

    // --- load balance -----------------------------------------------------------------------------------------

    void arm_balance() {
        if (!balance_armed_ && waiting_per_cpu_ > 0 && config_.cpu_count > 1 && config_.balance_period != unlimited) {
            balance_armed_ = true;
            push(saturating_add(now_, config_.balance_period), queued_kind::balance, 0, 0);
        }
    }

    /// Moves waiting tasks from the longest queues to the shortest, until they differ by less than two.
    /// \source Linux balances each CPU in turn by load averages. Deviation: all CPUs at once, by runnable tasks.
    void on_balance() {
        balance_armed_ = false;
        for (std::uint32_t moves = 0; moves < config_.cpu_count; ++moves) {
            cpu_id longest{0};
            cpu_id shortest{0};
            for (std::uint32_t i = 1; i < config_.cpu_count; ++i) {
                longest = runnable_on(cpu_id{i}) > runnable_on(longest) ? cpu_id{i} : longest;
                shortest = runnable_on(cpu_id{i}) < runnable_on(shortest) ? cpu_id{i} : shortest;
            }
            if (runnable_on(longest) < runnable_on(shortest) + 2 || !move_one(longest, shortest)) {
                break;
            }
            flush();
        }
        arm_balance();
    }

    /// Moves one waiting task between the queues of a per-CPU class, the first class first.
    bool move_one(cpu_id from, cpu_id to) {
        return classes_type::any_class([&]<std::size_t K>(std::integral_constant<std::size_t, K>) {
            if constexpr (is_per_cpu<K>) {
                auto& queue = classes_.template queues<K>().of(from);
                auto* const candidate = queue.waiting_count() > 0 ? queue.migration_candidate(to) : nullptr;
                if (candidate == nullptr) {
                    return false;
                }
                task_type& t = task_of(*candidate);
                HPCSCHED_ASSERT(t.may_run_on(to));
                dequeue(t, cpu::dequeue_reason::migrated);
                arm(from);
                enqueue_on<K>(t, to, cpu::enqueue_reason::migrated);
                return true;
            } else {
                return false;
            }
        });
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

    // --- one CPU ----------------------------------------------------------------------------------------------

    using cpu_type = cpu_state<task_type>;

    template <class Entity>
    [[nodiscard]] static task_type& task_of(Entity& e) noexcept {
        return const_cast<task_type&>(static_cast<task_type const&>(*e.task));
    }

    void mark(cpu_id cpu) {
        if (!cpus_[cpu.value].must_choose) {
            cpus_[cpu.value].must_choose = true;
            to_choose_.push_back(cpu);
        }
    }

    /// Lets every marked CPU choose; choosing may mark others.
    void flush() {
        for (std::size_t i = 0; i < to_choose_.size(); ++i) {
            cpu_id const cpu = to_choose_[i];
            cpus_[cpu.value].must_choose = false;
            choose(cpu);
        }
        to_choose_.clear();
    }

    void credit(task_type& t, duration ran) noexcept {
        t.cpu_time += ran;
        t.remaining -= ran;
        t.work_to_stop -= ran;
        summary_.busy += ran;
    }

    /// Accounts what the current task of `cpu` has run up to now.
    void settle(cpu_id cpu) noexcept {
        cpu_type& c = cpus_[cpu.value];
        if (c.current == nullptr || c.run_since >= now_) {
            return;
        }
        duration const ran = now_ - c.run_since;
        c.run_since = now_;
        credit(*c.current, ran);
        classes_type::with_class(c.current->class_index, [&]<std::size_t K>(std::integral_constant<std::size_t, K>) {
            if constexpr (!run_queues<typename classes_type::template class_at<K>>::is_fluid) {
                classes_.template queues<K>().of(cpu).account(std::get<K>(c.current->entities), cpu, ran, now_);
            }
        });
    }

    void settle_all() noexcept {
        for (std::uint32_t i = 0; i < config_.cpu_count; ++i) {
            settle(cpu_id{i});
        }
    }

    void set_current(cpu_id cpu, task_type* t) {
        cpu_type& c = cpus_[cpu.value];
        bool const was_idle = c.current == nullptr;
        c.current = t;
        if (was_idle != (t == nullptr)) {
            idle_.set(cpu, t == nullptr);
            if constexpr (classes_type::last_is_fluid && class_count > 1) {
                fluid().set_capacity(idle_.count(), now_);
            }
        }
    }

    /// Something on `cpu` has come due.
    void on_cpu_event(cpu_id cpu) {
        cpu_type& c = cpus_[cpu.value];
        settle(cpu);
        task_type* const t = c.current;
        if (t == nullptr) {
            mark(cpu); // a throttled class may be served again
            return;
        }
        bool const done = t->work_to_stop <= duration{0} && c.run_since <= now_;
        if (t->cpu_time >= t->cpu_timer_at && !(done && t->next_segment == t->segments.size())) {
            arm_without_timer(cpu, *t);
            fire_cpu_timer(*t);
            return;
        }
        if (done) {
            leave_cpu(cpu, *t);
        } else {
            update_fair_server(cpu);
            mark(cpu);
        }
    }

    void arm_without_timer(cpu_id cpu, task_type& t) {
        t.cpu_timer_at = unlimited;
        arm(cpu);
    }

    /// The current task of `cpu` blocks or exits.
    void leave_cpu(cpu_id cpu, task_type& t) {
        bool const exits = t.next_segment == t.segments.size();
        dequeue(t, exits ? cpu::dequeue_reason::exited : cpu::dequeue_reason::blocked);
        set_current(cpu, nullptr);
        mark(cpu);
        observer_.on_stop(cpu, t.id, exits ? switch_reason::exited : switch_reason::blocked, now_);
        cpus_[cpu.value].last = &t;
        cpus_[cpu.value].last_id = t.id;
        if (exits) {
            exit(t);
        } else {
            ++t.context_switches;
            ++summary_.context_switches;
            block(t);
        }
    }

    /// The heart: `cpu` puts its task back, if it still has one, and takes what its classes give it.
    void choose(cpu_id cpu) {
        cpu_type& c = cpus_[cpu.value];
        put_back(cpu);
        task_type* const before = c.outgoing;
        if (!pick(cpu) && !(steal_for(cpu) && pick(cpu))) {
            stop_outgoing(cpu);
            c.starved_at = never;
            arm(cpu);
            return;
        }
        if (c.current != before || before == nullptr) {
            stop_outgoing(cpu);
            switch_to(cpu, *c.current);
        }
        c.outgoing = nullptr;
        arm(cpu);
    }

    /// The task that runs on `cpu` rejoins its queue.
    void put_back(cpu_id cpu) {
        cpu_type& c = cpus_[cpu.value];
        task_type* const t = c.current;
        if (t == nullptr) {
            return;
        }
        settle(cpu);
        bool const expired = c.slice_end <= now_;
        auto const why = expired ? cpu::enqueue_reason::slice_expired : cpu::enqueue_reason::preempted;
        c.outgoing = t;
        c.outgoing_reason = expired ? switch_reason::slice_expired : switch_reason::preempted;
        t->state = task_state::waiting;
        t->cpu_of_queue = cpu;
        classes_type::with_class(t->class_index, [&]<std::size_t K>(std::integral_constant<std::size_t, K>) {
            if constexpr (!run_queues<typename classes_type::template class_at<K>>::is_fluid) {
                classes_.template queues<K>().of(cpu).enqueue(std::get<K>(t->entities), why, now_);
                if constexpr (is_per_cpu<K>) {
                    ++c.waiting;
                    ++waiting_per_cpu_;
                }
            }
        });
        set_current(cpu, nullptr);
    }

    /// Asks the classes in order; while the fair server is on, the lower classes come first.
    bool pick(cpu_id cpu) {
        cpu_type& c = cpus_[cpu.value];
        c.retry_at = never;
        bool const found = classes_type::any_class([&]<std::size_t K>(std::integral_constant<std::size_t, K> k) {
            return !(K == 0 && c.serves_lower) && pick_from(cpu, k);
        });
        if (found || !c.serves_lower) {
            return found;
        }
        c.serves_lower = false; // the lower classes have nothing left
        c.starved_at = never;
        return pick_from(cpu, std::integral_constant<std::size_t, 0>{});
    }

    template <std::size_t K>
    bool pick_from(cpu_id cpu, std::integral_constant<std::size_t, K>) {
        if constexpr (run_queues<typename classes_type::template class_at<K>>::is_fluid) {
            return false;
        } else {
            cpu_type& c = cpus_[cpu.value];
            auto& queue = classes_.template queues<K>().of(cpu);
            if (queue.waiting_count() == 0) {
                return false;
            }
            auto const picked = queue.pick_next(cpu, now_);
            c.retry_at = std::min(c.retry_at, picked.retry_at);
            if (picked.next == nullptr) {
                return false;
            }
            HPCSCHED_ASSERT(picked.slice > duration{0});
            task_type& t = task_of(*picked.next);
            t.state = task_state::running;
            if constexpr (is_per_cpu<K>) {
                --c.waiting;
                --waiting_per_cpu_;
            }
            c.slice = picked.slice;
            c.slice_end = saturating_add(std::max(c.run_since, now_), picked.slice);
            set_current(cpu, &t);
            return true;
        }
    }

    /// Tells the observer that the task which ran before does so no more.
    void stop_outgoing(cpu_id cpu) {
        cpu_type& c = cpus_[cpu.value];
        if (task_type* const t = std::exchange(c.outgoing, nullptr)) {
            ++t->context_switches;
            ++t->preemptions;
            ++summary_.context_switches;
            c.last = t;
            c.last_id = t->id;
            observer_.on_stop(cpu, t->id, c.outgoing_reason, std::max(now_, c.run_since));
        }
    }

    void switch_to(cpu_id cpu, task_type& t) {
        cpu_type& c = cpus_[cpu.value];
        bool const same = c.last == &t && c.last_id == t.id;
        duration const cost = same ? duration{0} : config_.context_switch_cost;
        summary_.switch_time += cost;
        c.run_since = std::max(c.run_since, now_) + cost;
        c.slice_end = saturating_add(c.run_since, c.slice);
        if (t.has_run && t.cpu != cpu) {
            ++t.migrations;
            ++summary_.migrations;
            t.remaining += config_.migration_cost;
            t.work_to_stop += config_.migration_cost;
            summary_.migration_time += config_.migration_cost;
        }
        t.cpu = cpu;
        if (!t.has_run) {
            t.has_run = true;
            t.first_run = c.run_since;
        }
        observer_.on_run(cpu, t.id, c.run_since);
    }

    /// When `cpu` must be looked at again.
    void arm(cpu_id cpu) {
        cpu_type& c = cpus_[cpu.value];
        update_starvation(cpu);
        time_point at = std::min(c.retry_at, c.starved_at);
        if (task_type const* const t = c.current) {
            duration const work = std::min(t->work_to_stop, t->cpu_timer_at - t->cpu_time);
            at = std::min(at, saturating_add(c.run_since, std::max(work, duration{0})));
            at = std::min(at, slice_deadline(c, *t, cpu));
        }
        deadlines_.set(cpu.value, std::max(at, now_));
    }

    /// When the slice of the current task takes the CPU from it; `never` while nobody waits for it.
    [[nodiscard]] time_point slice_deadline(cpu_type const& c, task_type const& t, cpu_id cpu) noexcept {
        if (c.slice == unlimited) {
            return never;
        }
        return classes_type::with_class(t.class_index, [&]<std::size_t K>(std::integral_constant<std::size_t, K>) {
            using queues_type = run_queues<typename classes_type::template class_at<K>>;
            if constexpr (is_per_cpu<K>) {
                if (classes_.template queues<K>().of(cpu).waiting_count() == 0) {
                    return never;
                }
            }
            time_point const end = std::max(c.slice_end, now_);
            return queues_type::ends_slices_at_tick ? next_tick(end, c.run_since) : end;
        });
    }

    /// The first tick at or after `at` that comes after `since`.
    [[nodiscard]] time_point next_tick(time_point at, time_point since) const noexcept {
        auto const tick = config_.tick.count();
        auto const from = std::max(at.time_since_epoch().count(), since.time_since_epoch().count() + 1);
        return time_point{duration{(from + tick - 1) / tick * tick}};
    }

    // --- the fair server --------------------------------------------------------------------------------------

    /// Notes since when the classes below the first wait in vain on `cpu`.
    void update_starvation(cpu_id cpu) noexcept {
        cpu_type& c = cpus_[cpu.value];
        if (!config_.fair_server.enabled || c.serves_lower) {
            return;
        }
        bool const starving = c.current != nullptr && c.current->class_index == 0 && lower_waits(cpu);
        if (!starving) {
            c.starved_at = never;
        } else if (c.starved_at == never) {
            c.starved_at = now_ + (config_.fair_server.period - config_.fair_server.runtime);
        }
    }

    [[nodiscard]] bool lower_waits(cpu_id cpu) noexcept {
        return classes_type::any_class([&]<std::size_t K>(std::integral_constant<std::size_t, K>) {
            if constexpr (K == 0 || run_queues<typename classes_type::template class_at<K>>::is_fluid) {
                return false;
            } else {
                return classes_.template queues<K>().of(cpu).waiting_count() > 0;
            }
        });
    }

    /// Switches the fair server of `cpu` on when the lower classes have starved for long enough, and off when it
    /// has run. `starved_at` is the moment of the next such change.
    void update_fair_server(cpu_id cpu) noexcept {
        cpu_type& c = cpus_[cpu.value];
        if (c.starved_at > now_) {
            return;
        }
        c.serves_lower = !c.serves_lower;
        c.starved_at = c.serves_lower ? now_ + config_.fair_server.runtime : never;
    }

    machine_config config_;
    classes_type classes_;
    std::vector<cpu_type> cpus_;
    idle_set idle_;
    sim::deadline_table deadlines_;
    sim::event_queue<queued_event> events_;
    task_pool<task_type> tasks_;
    std::vector<cpu_id> to_choose_;
    std::size_t waiting_per_cpu_ = 0;
    bool balance_armed_ = false;

    Agent& agent_;
    Observer& observer_;
    cpu::command_buffer commands_;
    std::vector<std::vector<cpu::command>> batches_;
    std::vector<std::uint32_t> free_batches_;
    std::vector<timer_state> timers_;
    time_point agent_free_{};
    duration agent_time_{};

    time_point now_{};
    std::uint64_t next_sequence_ = 0;
    time_point first_arrival_{};
    time_point last_exit_{};
    run_summary summary_;
};

} // namespace hpcsched::cpu_sim::detail

#endif
