// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_CPU_SIM_OBSERVER_HPP
#define HPCSCHED_CPU_SIM_OBSERVER_HPP

#include <hpcsched/core/hash.hpp>
#include <hpcsched/core/ids.hpp>
#include <hpcsched/core/time.hpp>

#include <concepts>
#include <cstdint>

namespace hpcsched::cpu_sim {

/// The life of one task, known when it exits.
struct task_record {
    task_id task{};
    std::uint64_t sequence = 0; ///< 0, 1, 2 .. in order of arrival: the row of the workload
    function_id function{};
    time_point arrival{};   ///< runnable for the first time
    time_point first_run{}; ///< first instruction
    time_point exit{};
    duration service{};                 ///< CPU time it asked for
    duration cpu_time{};                ///< CPU time it received: service, and what migrations cost it
    duration blocked{};                 ///< time off the CPU of its own will (I/O)
    std::uint32_t memory_mb = 0;        ///< 0: not known
    std::uint32_t context_switches = 0; ///< times the CPU was taken from it or it left to block; its exit not counted
    std::uint32_t preemptions = 0;      ///< of these, against its will
    std::uint32_t migrations = 0;       ///< times it ran on another CPU than the time before

    [[nodiscard]] duration turnaround() const noexcept { return exit - arrival; }
    /// Time it was runnable but did not run, overheads included.
    [[nodiscard]] duration waited() const noexcept { return turnaround() - service - blocked; }
    /// Shortest possible turnaround: alone on the machine, no overhead.
    [[nodiscard]] duration ideal() const noexcept { return service + blocked; }
};

/// Why a CPU turned to another task.
enum class switch_reason : std::uint8_t {
    blocked,
    exited,
    preempted,     ///< by a task that became runnable, or by the fair server
    slice_expired, ///< and another task waited
    throttled,     ///< the real-time share of the CPU is used up
    moved,         ///< a command took it off this CPU
};

/// Watches a simulated machine.
///
/// | expression                         | when                                                              |
/// |------------------------------------|-------------------------------------------------------------------|
/// | `o.on_arrival(task, function, now)`| a task became runnable for the first time                         |
/// | `o.on_run(cpu, task, now)`         | `task` begins to run on `cpu` (after the cost of the switch)      |
/// | `o.on_stop(cpu, task, why, now)`   | `task` ceases to run on `cpu`                                     |
/// | `o.on_exit(record, now)`           | a task is done                                                    |
///
/// A fluid class shares CPUs out, so its tasks run on no CPU: only their arrivals and exits are seen.
/// Derive from `silent` and replace what you need.
template <class O>
concept machine_observer = requires(O& o, cpu_id cpu, task_id task, function_id function, switch_reason why,
                                    task_record const& record, time_point now) {
    o.on_arrival(task, function, now);
    o.on_run(cpu, task, now);
    o.on_stop(cpu, task, why, now);
    o.on_exit(record, now);
};

/// Sees nothing.
struct silent {
    void on_arrival(task_id, function_id, time_point) noexcept {}
    void on_run(cpu_id, task_id, time_point) noexcept {}
    void on_stop(cpu_id, task_id, switch_reason, time_point) noexcept {}
    void on_exit(task_record const&, time_point) noexcept {}
};

static_assert(machine_observer<silent>);

/// Passes everything on to two observers; nest for more. Both are borrowed.
template <machine_observer First, machine_observer Second>
class both {
  public:
    both(First& first, Second& second) noexcept : first_{first}, second_{second} {}

    void on_arrival(task_id task, function_id function, time_point now) {
        first_.on_arrival(task, function, now);
        second_.on_arrival(task, function, now);
    }
    void on_run(cpu_id cpu, task_id task, time_point now) {
        first_.on_run(cpu, task, now);
        second_.on_run(cpu, task, now);
    }
    void on_stop(cpu_id cpu, task_id task, switch_reason why, time_point now) {
        first_.on_stop(cpu, task, why, now);
        second_.on_stop(cpu, task, why, now);
    }
    void on_exit(task_record const& record, time_point now) {
        first_.on_exit(record, now);
        second_.on_exit(record, now);
    }

  private:
    First& first_;
    Second& second_;
};

/// Hashes all that is seen: two runs with equal hashes did the same at the same times on the same CPUs.
class trace_hash {
  public:
    void on_arrival(task_id task, function_id function, time_point now) noexcept { add(1, function.value, task, now); }
    void on_run(cpu_id cpu, task_id task, time_point now) noexcept { add(2, cpu.value, task, now); }
    void on_stop(cpu_id cpu, task_id task, switch_reason why, time_point now) noexcept {
        add(3 + (static_cast<std::uint64_t>(why) << 8U), cpu.value, task, now);
    }
    void on_exit(task_record const& record, time_point now) noexcept {
        add(4, record.context_switches, record.task, now);
    }

    [[nodiscard]] std::uint64_t value() const noexcept { return hash_.value(); }

  private:
    void add(std::uint64_t what, std::uint64_t where, task_id task, time_point now) noexcept {
        hash_.add(what | (where << 16U));
        hash_.add((std::uint64_t{task.generation} << 32U) | task.index);
        hash_.add(static_cast<std::uint64_t>(now.time_since_epoch().count()));
    }

    sequence_hash hash_;
};

static_assert(machine_observer<trace_hash>);

} // namespace hpcsched::cpu_sim

#endif
