// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_CPU_SCHEDULING_AGENT_HPP
#define HPCSCHED_CPU_SCHEDULING_AGENT_HPP

#include <hpcsched/core/sink.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/cpu/task.hpp>

#include <concepts>
#include <cstdint>
#include <variant>

namespace hpcsched::cpu {

// --- events: what a kernel tells an agent -----------------------------------------------------------------

/// The agent begins its work; the first event of a run.
struct started {
    std::uint32_t cpu_count = 1; ///< CPUs that the steered tasks share, >= 1
};

/// A task is runnable for the first time, in the kernel's default (normal, nice 0, any CPU).
struct task_arrived {
    task_id task{};
    function_id function{};
    duration cpu_time{}; ///< CPU time it had already received; > 0 where the agent comes late
};

/// A task left the CPU to wait for something other than the CPU.
struct task_blocked {
    task_id task{};
    duration cpu_time{}; ///< CPU time received so far, in all
};

/// A blocked task is runnable again.
struct task_woke {
    task_id task{};
    duration cpu_time{};
};

/// A task is gone; its id is dead after this event.
struct task_exited {
    task_id task{};
    duration cpu_time{};
};

/// A timer armed with `arm_timer` has come due.
struct timer_fired {
    timer_id timer{};
    duration cpu_time_of_all{}; ///< CPU time received by all steered tasks since the start, those that exited included
};

/// A task has received the CPU time named in `arm_cpu_timer`.
struct cpu_timer_fired {
    task_id task{};
    duration cpu_time{}; ///< >= the time named: a kernel may notice late
};

/// The agent ends its work; the last event of a run. It answers with the commands that give every task alive the
/// kernel's default back.
struct stopping {};

// --- commands: what an agent asks of the kernel -------------------------------------------------------------

/// `sched_setscheduler(2)`. `rt_priority` is 1 .. 99 for fifo and rr, 0 for normal.
struct set_policy {
    task_id task{};
    sched_policy policy = sched_policy::normal;
    int rt_priority = 0;

    friend bool operator==(set_policy const&, set_policy const&) = default;
};

/// `setpriority(2)`; -20 .. 19.
struct set_nice {
    task_id task{};
    int nice = 0;

    friend bool operator==(set_nice const&, set_nice const&) = default;
};

/// `sched_setattr(2)`'s `sched_runtime` for a normal task (Linux 6.12, EEVDF), or the slice of a kernel with ALPS's
/// hooks. 0: the kernel's own.
struct set_slice {
    task_id task{};
    duration slice{};

    friend bool operator==(set_slice const&, set_slice const&) = default;
};

/// The place of a task in the order of a kernel that can be given one (ALPS's hooks, a sched_ext scheduler): lower
/// ranks first; 0: not ranked, before all ranks. A kernel without such an order ignores it.
struct set_rank {
    task_id task{};
    std::int32_t rank = 0;

    friend bool operator==(set_rank const&, set_rank const&) = default;
};

/// `sched_setaffinity(2)`.
struct set_affinity {
    task_id task{};
    cpu_mask cpus = cpu_mask::all();

    friend bool operator==(set_affinity const&, set_affinity const&) = default;
};

/// Asks for `timer_fired` at `deadline` (at once, if past). Arming a timer again replaces its deadline.
struct arm_timer {
    timer_id timer{};
    time_point deadline{};

    friend bool operator==(arm_timer const&, arm_timer const&) = default;
};

struct cancel_timer {
    timer_id timer{};

    friend bool operator==(cancel_timer const&, cancel_timer const&) = default;
};

/// Asks for `cpu_timer_fired` when the task's CPU time reaches `cpu_time` (at once, if it has). A task has one CPU
/// timer: arming it again replaces it.
struct arm_cpu_timer {
    task_id task{};
    duration cpu_time{};

    friend bool operator==(arm_cpu_timer const&, arm_cpu_timer const&) = default;
};

struct cancel_cpu_timer {
    task_id task{};

    friend bool operator==(cancel_cpu_timer const&, cancel_cpu_timer const&) = default;
};

using command = std::variant<set_policy, set_nice, set_slice, set_rank, set_affinity, arm_timer, cancel_timer,
                             arm_cpu_timer, cancel_cpu_timer>;

/// Where an agent puts its commands, in the order to carry them out.
using command_sink = sink<command>;

/// The driver's side of a `command_sink`.
using command_buffer = buffer<command>;

namespace detail {

template <class A, class Event>
concept handles = requires(A& a, Event const& e, time_point now, command_sink& out) {
    { a.handle(e, now, out) } noexcept -> std::same_as<void>;
};

/// Part of scheduling_agent: is told when its work begins.
template <class A>
concept handles_start = handles<A, started>;
/// Part of scheduling_agent: sees tasks come.
template <class A>
concept handles_arrivals = handles<A, task_arrived>;
/// Part of scheduling_agent: sees tasks block and wake.
template <class A>
concept handles_blocking = handles<A, task_blocked> && handles<A, task_woke>;
/// Part of scheduling_agent: sees tasks go.
template <class A>
concept handles_exits = handles<A, task_exited>;
/// Part of scheduling_agent: reacts to a timer it armed.
template <class A>
concept handles_timers = handles<A, timer_fired>;
/// Part of scheduling_agent: reacts to a task's CPU timer it armed.
template <class A>
concept handles_cpu_timers = handles<A, cpu_timer_fired>;
/// Part of scheduling_agent: gives back what it changed.
template <class A>
concept restores_on_stop = handles<A, stopping>;

} // namespace detail

/// A program that steers a kernel's scheduler from user space.
///
/// For an agent `a`, an event `e`, the time `now` and a sink `out`:
///
/// | expression            | effect                                                       |
/// |-----------------------|--------------------------------------------------------------|
/// | `a.handle(e, now, out)` | updates a; appends commands to `out` in the order to carry out |
///
/// Events: started, task_arrived, task_blocked, task_woke, task_exited, timer_fired, cpu_timer_fired, stopping.
///
/// Semantics (not checked by the compiler):
/// 1. Deterministic: equal a, e, now give equal commands.
/// 2. `now` never decreases between calls; `started` comes first, `stopping` last.
/// 3. Commands name only tasks that arrived and have not exited. A driver drops a command for a task that is gone:
///    on a live kernel the exit may not have been seen yet.
/// 4. A driver may deliver events late and carry commands out late; it never reorders the events of one task. Of one
///    task, task_blocked and task_woke alternate, the former first; it may exit while it is blocked, if it is killed.
/// 5. After the commands given at `stopping`, every task alive is normal, nice 0, unranked, of the kernel's own slice
///    and may run on every CPU.
/// 6. Never blocks, reads no clock, draws no randomness that it was not given, throws nothing.
/// 7. Moved-from agents may only be destroyed or assigned.
///
/// \thread_safety none; confine to the driver's thread
///
/// Minimal model: hpcsched/testing/archetypes/scheduling_agent.hpp.
/// Conformance: hpcsched/testing/conformance/scheduling_agent.hpp.
template <class A>
concept scheduling_agent = std::movable<A> && detail::handles_start<A> && detail::handles_arrivals<A> &&
                           detail::handles_blocking<A> && detail::handles_exits<A> && detail::handles_timers<A> &&
                           detail::handles_cpu_timers<A> && detail::restores_on_stop<A>;

} // namespace hpcsched::cpu

#endif
