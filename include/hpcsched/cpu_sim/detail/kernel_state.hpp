// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_CPU_SIM_DETAIL_KERNEL_STATE_HPP
#define HPCSCHED_CPU_SIM_DETAIL_KERNEL_STATE_HPP

#include <hpcsched/cpu_sim/detail/class_set.hpp>
#include <hpcsched/cpu_sim/detail/cpu_sets.hpp>
#include <hpcsched/cpu_sim/detail/cpu_state.hpp>
#include <hpcsched/cpu_sim/detail/task_pool.hpp>
#include <hpcsched/cpu_sim/machine_config.hpp>
#include <hpcsched/cpu_sim/run_summary.hpp>
#include <hpcsched/sim/deadline_table.hpp>
#include <hpcsched/sim/event_queue.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace hpcsched::cpu_sim::detail {

// By value, unlike std::min and std::max: what they are asked to compare shall stay in registers.
[[nodiscard]] constexpr time_point earlier(time_point a, time_point b) noexcept {
    return b < a ? b : a;
}
[[nodiscard]] constexpr time_point later(time_point a, time_point b) noexcept {
    return a < b ? b : a;
}

/// What the parts of a simulated kernel share, and what concerns one CPU only: what its task has run, and when it
/// must be looked at again.
///
/// The parts are one on top of the other: `kernel_state`, `placement` (which queue, which CPU), `dispatcher` (who
/// runs), `agent_port` (the agent's events and commands), `engine` (the main loop and the life of a task). What cannot
/// happen in a machine of these classes is left out when it is compiled.
///
/// \tparam IsSteered  an agent may change the attributes of tasks and ask for timers
template <bool IsSteered, class... Classes>
class kernel_state {
  protected:
    using task_type = task<Classes...>;
    using cpu_type = cpu_state<task_type>;
    using classes_type = class_set<Classes...>;

    static constexpr bool is_steered = IsSteered;
    static constexpr std::size_t class_count = classes_type::count;
    static constexpr bool last_is_fluid = classes_type::last_is_fluid;
    template <std::size_t K>
    using queues_at = run_queues<typename classes_type::template class_at<K>>;
    template <std::size_t K>
    using index = typename classes_type::template index<K>;

    /// What the event queue holds, in the order of simultaneous events.
    enum class queued_kind : std::uint8_t { wake, agent_timer, cpu_timer, commands, balance };
    struct queued_event {
        queued_kind kind{};
        std::uint32_t subject = 0;    ///< index of the task, timer or batch
        std::uint32_t generation = 0; ///< stale if not the current one
    };

    template <class Config>
    explicit kernel_state(Config const& config)
        : config_{config.hardware}, classes_{config}, cpus_(config_.cpu_count), idle_{config_.cpu_count},
          deadlines_{config_.cpu_count} {
        if constexpr (last_is_fluid) {
            fluid().set_capacity(config_.cpu_count, now_);
        }
    }

    template <std::size_t K>
    [[nodiscard]] auto& queue(cpu_id cpu) noexcept {
        return classes_.template queues<K>().of(cpu);
    }
    template <std::size_t K>
    [[nodiscard]] auto& global_queue() noexcept {
        static_assert(queues_at<K>::is_global);
        return classes_.template queues<K>().of(cpu_id{});
    }
    [[nodiscard]] auto& fluid() noexcept { return classes_.template queues<class_count - 1>().of(cpu_id{}); }

    template <std::size_t K>
    [[nodiscard]] static bool is_of_class(task_type const& t) noexcept {
        return class_count == 1 || t.class_index == K;
    }
    /// Whether `t` may run on `cpu`; without an agent, everywhere.
    [[nodiscard]] static bool may_run_on(task_type const& t, cpu_id cpu) noexcept {
        return !is_steered || t.may_run_on(cpu);
    }
    template <class Entity>
    [[nodiscard]] static task_type& task_of(Entity& e) noexcept {
        return const_cast<task_type&>(static_cast<task_type const&>(*e.task));
    }

    void push(time_point at, queued_kind kind, std::uint32_t subject, std::uint32_t generation) {
        events_.push(at, static_cast<std::uint32_t>(kind), queued_event{kind, subject, generation});
    }

    /// CPU time until `t` must be looked at for its own sake.
    [[nodiscard]] static duration time_to_stop(task_type const& t) noexcept {
        if constexpr (is_steered) {
            return std::max(std::min(t.stop_at, t.cpu_timer_at) - t.cpu_time, duration{0});
        } else {
            return t.stop_at - t.cpu_time;
        }
    }

    /// Has `cpu` choose again at the end of this event.
    void mark(cpu_id cpu) noexcept {
        cpu_type& c = cpus_[cpu.value];
        if (!c.must_choose) {
            c.must_choose = true;
            pending_.push(cpu);
        }
    }

    void credit(task_type& t, duration ran) noexcept {
        t.cpu_time += ran;
        t.remaining = t.demand - t.cpu_time;
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
        task_type& t = *c.current;
        credit(t, ran);
        classes_type::with_class(t.class_index, [&]<std::size_t K>(index<K>) {
            if constexpr (!queues_at<K>::is_fluid) {
                queue<K>(cpu).account(entity_of<K>(t), cpu, ran, now_);
            }
        });
    }

    void settle_all() noexcept {
        for (std::uint32_t i = 0; i < config_.cpu_count; ++i) {
            settle(cpu_id{i});
        }
    }

    /// `cpu`, which has no task, counts as idle or not.
    void set_idle(cpu_id cpu, bool to_idle) noexcept {
        bool const has_changed = idle_.contains(cpu) != to_idle;
        idle_.set(cpu, to_idle);
        if constexpr (last_is_fluid && class_count > 1) {
            if (has_changed) {
                fluid().set_capacity(idle_.count(), now_);
            }
        }
    }

    // --- when a CPU must be looked at again --------------------------------------------------------------------

    void arm(cpu_id cpu) {
        cpu_type& c = cpus_[cpu.value];
        if (c.current == nullptr) {
            arm_idle(cpu);
        } else {
            classes_type::with_class(c.current->class_index, [&]<std::size_t K>(index<K>) {
                if constexpr (!queues_at<K>::is_fluid) {
                    this->template arm_running<K>(cpu, *c.current, c.run_since, c.slice_end);
                }
            });
        }
    }

    void arm_idle(cpu_id cpu) {
        cpu_type& c = cpus_[cpu.value];
        if (!c.serves_lower) {
            c.starved_at = never;
        }
        deadlines_.set(cpu.value, later(earlier(c.retry_at, c.starved_at), now_));
    }

    /// `t`, of class K, runs on `cpu` since then with a slice up to that end.
    template <std::size_t K>
    void arm_running(cpu_id cpu, task_type const& t, time_point since, time_point slice_end) {
        time_point at = saturating_add(since, time_to_stop(t));
        at = earlier(at, slice_deadline<K>(cpu, since, slice_end));
        if constexpr (class_count > 1) {
            update_starvation<K>(cpu);
            at = earlier(at, earlier(cpus_[cpu.value].retry_at, cpus_[cpu.value].starved_at));
        }
        if constexpr (class_count > 1 || is_steered) {
            at = later(at, now_);
        }
        deadlines_.set(cpu.value, at);
    }

    /// When the slice of the task that runs on `cpu` takes the CPU from it; `never` while nobody waits for it.
    template <std::size_t K>
    [[nodiscard]] time_point slice_deadline(cpu_id cpu, time_point since, time_point slice_end) noexcept {
        if (slice_end == never) {
            return never;
        }
        if constexpr (queues_at<K>::is_per_cpu) {
            if (queue<K>(cpu).waiting_count() == 0) {
                return never;
            }
        }
        time_point const end = later(slice_end, now_);
        return queues_at<K>::ends_slices_at_tick ? next_tick(end, since) : end;
    }

    /// The first tick at or after `at` that comes after `since`.
    [[nodiscard]] time_point next_tick(time_point at, time_point since) const noexcept {
        auto const tick = config_.tick.count();
        auto const from = std::max(at.time_since_epoch().count(), since.time_since_epoch().count() + 1);
        return time_point{duration{(from + tick - 1) / tick * tick}};
    }

    // --- the fair server ---------------------------------------------------------------------------------------

    /// Notes since when the classes below the first wait in vain on `cpu`, where a task of class K runs.
    template <std::size_t K>
    void update_starvation(cpu_id cpu) noexcept {
        cpu_type& c = cpus_[cpu.value];
        if (!config_.fair_server.enabled || c.serves_lower) {
            return;
        }
        if (K > 0 || !lower_waits(cpu)) {
            c.starved_at = never;
        } else if (c.starved_at == never) {
            c.starved_at = now_ + (config_.fair_server.period - config_.fair_server.runtime);
        }
    }

    [[nodiscard]] bool lower_waits(cpu_id cpu) noexcept {
        return classes_type::any_class([&]<std::size_t K>(index<K>) {
            if constexpr (K == 0 || queues_at<K>::is_fluid) {
                return false;
            } else {
                return queue<K>(cpu).waiting_count() > 0;
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
    pending_cpus pending_; ///< have to choose again
    sim::deadline_table deadlines_;
    sim::event_queue<queued_event> events_;
    task_pool<task_type> tasks_;
    time_point now_{};
    run_summary summary_;
};

} // namespace hpcsched::cpu_sim::detail

#endif
