// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_TESTING_ARCHETYPES_SCHEDULING_CLASS_HPP
#define HPCSCHED_TESTING_ARCHETYPES_SCHEDULING_CLASS_HPP

#include <hpcsched/core/time.hpp>
#include <hpcsched/cpu/scheduling_class.hpp>
#include <hpcsched/cpu/task.hpp>

#include <cstddef>

namespace hpcsched::testing {

/// No more than `cpu::scheduling_class` asks for, with one queue for the machine: what compiles with it uses nothing
/// else of a class, but that it can be moved.
///
/// To be compiled, not linked: its members are declared only.
class minimal_scheduling_class {
  public:
    struct entity {
        entity() = default;
        entity(entity const&) = delete;
        entity& operator=(entity const&) = delete;

        cpu::task_info const* task = nullptr;
    };
    struct config {};

    static constexpr cpu::run_queue_scope scope = cpu::run_queue_scope::global;
    static constexpr cpu::slice_enforcement enforcement = cpu::slice_enforcement::exact;
    [[nodiscard]] static constexpr bool serves(cpu::sched_policy) noexcept { return true; }

    minimal_scheduling_class() = delete;
    explicit minimal_scheduling_class(config const&);
    minimal_scheduling_class(minimal_scheduling_class const&) = delete;
    minimal_scheduling_class& operator=(minimal_scheduling_class const&) = delete;
    minimal_scheduling_class(minimal_scheduling_class&&) noexcept;
    minimal_scheduling_class& operator=(minimal_scheduling_class&&) = delete;
    ~minimal_scheduling_class();

    void enqueue(entity&, cpu::enqueue_reason, time_point) noexcept;
    void dequeue(entity&, cpu::dequeue_reason, time_point) noexcept;
    [[nodiscard]] cpu::pick<entity> pick_next(cpu_id, time_point) noexcept;
    void account(entity&, cpu_id, duration, time_point) noexcept;
    [[nodiscard]] bool preempts(entity const&, entity const&, time_point) const noexcept;
    [[nodiscard]] std::size_t waiting_count() const noexcept;
};

static_assert(cpu::scheduling_class<minimal_scheduling_class>);

/// The same with a queue per CPU and slices that end at the tick.
class minimal_per_cpu_class : public minimal_scheduling_class {
  public:
    static constexpr cpu::run_queue_scope scope = cpu::run_queue_scope::per_cpu;
    static constexpr cpu::slice_enforcement enforcement = cpu::slice_enforcement::at_tick;

    using minimal_scheduling_class::minimal_scheduling_class;

    [[nodiscard]] entity* migration_candidate(cpu_id) noexcept;
};

static_assert(cpu::scheduling_class<minimal_per_cpu_class>);

/// No more than `cpu::fluid_class` asks for: what compiles with it uses nothing else of a class, but that it can be
/// moved.
///
/// To be compiled, not linked: its members are declared only.
class minimal_fluid_class {
  public:
    struct entity {
        entity() = default;
        entity(entity const&) = delete;
        entity& operator=(entity const&) = delete;

        cpu::task_info const* task = nullptr;
    };
    struct config {};

    minimal_fluid_class() = delete;
    explicit minimal_fluid_class(config const&);
    minimal_fluid_class(minimal_fluid_class const&) = delete;
    minimal_fluid_class& operator=(minimal_fluid_class const&) = delete;
    minimal_fluid_class(minimal_fluid_class&&) noexcept;
    minimal_fluid_class& operator=(minimal_fluid_class&&) = delete;
    ~minimal_fluid_class();

    void set_capacity(std::size_t, time_point) noexcept;
    void enqueue(entity&, duration, time_point) noexcept;
    duration dequeue(entity&, time_point) noexcept;
    [[nodiscard]] time_point next_completion() const noexcept;
    [[nodiscard]] entity* next_completed() const noexcept;
    [[nodiscard]] std::size_t task_count() const noexcept;
};

static_assert(cpu::fluid_class<minimal_fluid_class>);
static_assert(!cpu::scheduling_class<minimal_fluid_class>);

} // namespace hpcsched::testing

#endif
