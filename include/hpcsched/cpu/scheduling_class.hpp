// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_CPU_SCHEDULING_CLASS_HPP
#define HPCSCHED_CPU_SCHEDULING_CLASS_HPP

#include <hpcsched/core/time.hpp>
#include <hpcsched/cpu/task.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>

namespace hpcsched::cpu {

/// Whether a kernel has one run queue per CPU or one for all.
enum class run_queue_scope : std::uint8_t {
    per_cpu, ///< one class object per CPU; the kernel places waking tasks and balances load between the queues
    global,  ///< one class object for the machine; a free CPU takes the next task from it
};

/// When a used-up slice takes the CPU away.
enum class slice_enforcement : std::uint8_t {
    exact,   ///< at once, as if by a high-resolution timer
    at_tick, ///< at the next periodic tick (4 ms at HZ=250), as in a stock Linux without HRTICK
};

/// Why a task joins a run queue.
enum class enqueue_reason : std::uint8_t {
    arrived,       ///< runnable for the first time
    woke,          ///< runnable again after blocking
    preempted,     ///< was running here, gave way to another task
    slice_expired, ///< was running here, used up its slice
    migrated,      ///< comes from the run queue of another CPU
    changed,       ///< its policy, priority, nice, rank or slice changed while it was runnable
};

/// Why a task leaves a run queue.
enum class dequeue_reason : std::uint8_t {
    blocked,
    exited,
    migrated, ///< to the run queue of another CPU
    changed,  ///< its attributes are about to change; it comes back with enqueue_reason::changed, or to another class
};

/// What runs next.
template <class Entity>
struct pick {
    Entity* next = nullptr;      ///< null: nothing here may run now
    duration slice = unlimited;  ///< for how long, > 0; `unlimited`: until it blocks, exits or is preempted
    time_point retry_at = never; ///< with a null `next` though tasks wait (throttled): when to ask again
};

namespace detail {

/// Part of scheduling_class: states what it is at compile time.
template <class C>
concept declares_its_kind = requires(sched_policy policy) {
    { C::scope } -> std::convertible_to<run_queue_scope>;
    { C::enforcement } -> std::convertible_to<slice_enforcement>;
    { C::serves(policy) } noexcept -> std::same_as<bool>;
};

/// Part of scheduling_class: keeps per-task state that knows its task.
template <class C>
concept has_entity = std::default_initializable<typename C::entity> && requires(typename C::entity& e) {
    { e.task } -> std::same_as<task_info const*&>;
};

/// Part of scheduling_class: made from a configuration that has defaults.
template <class C>
concept is_configured = std::default_initializable<typename C::config> && std::copyable<typename C::config> &&
                        std::constructible_from<C, typename C::config const&>;

/// Part of scheduling_class: takes a runnable task in.
template <class C>
concept enqueues = requires(C& c, typename C::entity& e, enqueue_reason why, time_point now) {
    { c.enqueue(e, why, now) } noexcept -> std::same_as<void>;
};

/// Part of scheduling_class: lets a task go.
template <class C>
concept dequeues = requires(C& c, typename C::entity& e, dequeue_reason why, time_point now) {
    { c.dequeue(e, why, now) } noexcept -> std::same_as<void>;
};

/// Part of scheduling_class: chooses what runs next, and for how long.
template <class C>
concept picks_next = requires(C& c, cpu_id cpu, time_point now) {
    { c.pick_next(cpu, now) } noexcept -> std::same_as<pick<typename C::entity>>;
};

/// Part of scheduling_class: is told of CPU time that its task used.
template <class C>
concept accounts = requires(C& c, typename C::entity& e, cpu_id cpu, duration ran, time_point now) {
    { c.account(e, cpu, ran, now) } noexcept -> std::same_as<void>;
};

/// Part of scheduling_class: says whether a task that became runnable takes the CPU from a running one.
template <class C>
concept decides_preemption = requires(C const& c, typename C::entity const& e, time_point now) {
    { c.preempts(e, e, now) } noexcept -> std::same_as<bool>;
};

/// Part of scheduling_class: says how many tasks wait.
template <class C>
concept counts_waiting = requires(C const& c) {
    { c.waiting_count() } noexcept -> std::same_as<std::size_t>;
};

/// Part of scheduling_class: with a queue per CPU, names the waiting task that may move to another CPU.
template <class C>
concept offers_migration = C::scope == run_queue_scope::global || requires(C& c, cpu_id to) {
    { c.migration_candidate(to) } noexcept -> std::same_as<typename C::entity*>;
};

} // namespace detail

/// One scheduling class of a kernel: a run queue and the order in it.
///
/// A kernel is a list of classes in priority order; a task that a class has waiting runs before every task of a
/// later class. An object is the run queue of one CPU or of the whole machine, as `C::scope` says.
///
/// An entity is the class's own state of one task. It is in one of three states: *absent*, *waiting* (in the
/// queue) or *picked* (running on a CPU). For a class `c`, an entity `e`, a CPU `cpu` and the time `now`:
///
/// | expression                    | before              | after   | effect                                       |
/// |-------------------------------|---------------------|---------|----------------------------------------------|
/// | `c.enqueue(e, why, now)`      | absent (1)          | waiting | joins the queue                              |
/// | `c.dequeue(e, why, now)`      | waiting or picked   | absent  | leaves the queue                             |
/// | `c.pick_next(cpu, now)`       | `next` waiting      | picked  | chooses a task to run on `cpu`, which may    |
/// | `c.account(e, cpu, ran, now)` | picked              | picked  | `e` ran on `cpu` for `ran` > 0, up to now (2) |
/// | `c.preempts(a, b, now)`       | a waiting, b picked | same    | whether `a` takes the CPU from `b` now (3)   |
/// | `c.waiting_count()`           |                     |         | the number of waiting tasks                  |
/// | `c.migration_candidate(to)`   | result waiting      | waiting | the task to move to CPU `to`, or null (4)    |
///
/// (1) Or picked, where `why` is `preempted` or `slice_expired`. (2) `e.task->cpu_time` and `remaining` are current.
/// (3) `a` was just enqueued; if so, `pick_next` for that CPU, as soon as `b` waits too, does not return `b`. With
/// global scope also asked of two picked tasks, to learn which should rather give way. (4) Per-CPU scope only.
///
/// and `C::serves(policy)`: whether tasks under that policy belong to this class (the first class of a kernel
/// that serves a policy takes it); `C::scope`; `C::enforcement`; `C::config`, its parameters with defaults;
/// `C::entity`, whose member `task` points to the `task_info` that the driver keeps.
///
/// Semantics (not checked by the compiler):
/// 1. Deterministic: equal calls on equal objects choose equal tasks. Ties end at `task_info::sequence`, never at
///    an address.
/// 2. `now` never decreases between calls. `account` is called before `enqueue` or `dequeue` of a picked task and
///    before `preempts` of two, so that the class has seen all they ran; with per-CPU scope, before every other call.
/// 3. `pick_next` returns null only if no waiting task may run on `cpu` now; it never loses a task.
/// 4. With per-CPU scope at most one entity of an object is picked at a time; with global scope at most one per CPU.
/// 5. Entities are borrowed from `enqueue` to `dequeue` and do not move meanwhile.
/// 6. Only `srpt`-like oracles read `task_info::remaining`.
/// 7. Between two tasks an entity is absent; `task` then points to what is known of the next, of another sequence,
///    and nothing of the state that it was left with counts.
/// 8. With global scope, `preempts` is a strict weak order at every time: who preempts any running task preempts the
///    least urgent of them.
///
/// \complexity expected of every operation: O(log waiting) or better
/// \thread_safety none; one thread drives one machine
///
/// Minimal model: hpcsched/testing/archetypes/scheduling_class.hpp.
/// Conformance: hpcsched/testing/conformance/scheduling_class.hpp.
template <class C>
concept scheduling_class = detail::declares_its_kind<C> && detail::has_entity<C> && detail::is_configured<C> &&
                           detail::enqueues<C> && detail::dequeues<C> && detail::picks_next<C> && detail::accounts<C> &&
                           detail::decides_preemption<C> && detail::counts_waiting<C> && detail::offers_migration<C>;

/// A scheduling class that declares `static constexpr bool never_preempts = true`: `preempts` is false whatever it is
/// asked. A driver need not ask it then; nothing else follows.
template <class C>
concept nonpreemptive_class = scheduling_class<C> && static_cast<bool>(C::never_preempts);

namespace detail {

/// Part of fluid_class: is told of the capacity it shares out.
template <class C>
concept takes_capacity = requires(C& c, std::size_t cpus, time_point now) {
    { c.set_capacity(cpus, now) } noexcept -> std::same_as<void>;
};

/// Part of fluid_class: takes a task in with the work up to its next stop.
template <class C>
concept admits_work = requires(C& c, typename C::entity& e, duration work, time_point now) {
    { c.enqueue(e, work, now) } noexcept -> std::same_as<void>;
};

/// Part of fluid_class: lets a task go and says how much of its work was done.
template <class C>
concept releases_work = requires(C& c, typename C::entity& e, time_point now) {
    { c.dequeue(e, now) } noexcept -> std::same_as<duration>;
};

/// Part of fluid_class: foretells the first task to be done.
template <class C>
concept foretells_completion = requires(C const& c) {
    { c.next_completion() } noexcept -> std::same_as<time_point>;
    { c.next_completed() } noexcept -> std::same_as<typename C::entity*>;
    { c.task_count() } noexcept -> std::same_as<std::size_t>;
};

} // namespace detail

/// A class that serves all its tasks at once, each at a fraction of a CPU: the idealised limit of fair sharing,
/// in which no slice exists. It can only be the last class of a kernel and serves what the classes above leave free.
///
/// | expression                | effect                                                                       |
/// |---------------------------|------------------------------------------------------------------------------|
/// | `c.set_capacity(n, now)`  | from `now` on, `n` CPUs are shared out                                       |
/// | `c.enqueue(e, work, now)` | `e` joins; its next stop (exit, block, CPU timer) comes after `work` > 0 of CPU time |
/// | `c.dequeue(e, now)`       | `e` leaves; returns how much of its work was done, rounded down, <= work      |
/// | `c.next_completion()`     | when the first task will have done its work, if nothing changes; `never`: none |
/// | `c.next_completed()`      | that task (ties end at `task_info::sequence`), null: none                    |
/// | `c.task_count()`          | how many tasks it serves                                                     |
///
/// Semantics: 1. No task gets more than one CPU. 2. Work is conserved: min(tasks, capacity) CPUs are busy.
/// 3. Deterministic, in integers; a completion is rounded up to the nanosecond.
template <class C>
concept fluid_class = detail::has_entity<C> && detail::is_configured<C> && detail::takes_capacity<C> &&
                      detail::admits_work<C> && detail::releases_work<C> && detail::foretells_completion<C>;

} // namespace hpcsched::cpu

#endif
