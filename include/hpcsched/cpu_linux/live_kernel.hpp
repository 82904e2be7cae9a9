// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_CPU_LINUX_LIVE_KERNEL_HPP
#define HPCSCHED_CPU_LINUX_LIVE_KERNEL_HPP

#include <hpcsched/core/ids.hpp>
#include <hpcsched/core/result.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/cpu/scheduling_agent.hpp>
#include <hpcsched/cpu_linux/process.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <variant>

namespace hpcsched::cpu_linux {

/// How a live kernel's facts become events.
enum class sensor : std::uint8_t {
    automatic, ///< `bpf` where it works, else `polling`
    bpf,       ///< the kernel tells: exact times, nothing is asked
    polling,   ///< exits by pidfd; sleeps, wake-ups and CPU time are looked at periodically
};

struct live_kernel_config {
    sensor from = sensor::automatic;
    duration poll_period{4'000'000}; ///< of `polling`; > 0. SFS's P
    bool tells_runs = false;         ///< there is a `live_run` for each time on a CPU; `bpf` alone can tell
};

/// Which of a process's CPU time is a task's.
enum class counted_from : std::uint8_t {
    start,     ///< all: the process is one invocation
    admission, ///< what it receives from now on: a worker that serves one invocation after the other
};

/// The life of one task as the kernel saw it, known when it exits. What the sensor cannot see stays 0.
struct live_record {
    process_id process = 0;
    time_point admitted{};
    time_point first_run = never; ///< `never`: not seen
    time_point exit{};
    duration cpu_time{};
    std::uint32_t context_switches = 0;
    std::uint32_t preemptions = 0;
    std::uint32_t migrations = 0;
};

struct live_exit {
    cpu::task_exited event{};
    live_record record{};
};

/// How a time on a CPU ended.
enum class run_end : std::uint8_t { preempted, blocked, exited };

/// A thread of a task has left a CPU, at the time of the event. Agents are not told.
struct live_run {
    task_id task{};
    cpu_id cpu{};
    time_point began{};
    run_end end = run_end::preempted;
};

/// A task has begun to exit, without real time. Its `live_exit` comes when it has left its CPU for the last time.
/// Agents are not told, and `polling` does not see it; before Linux 6.16 it comes when the process has let go of its
/// memory.
struct live_leaving {
    task_id task{};
};

/// What the kernel has to tell, in the words of an agent; and, where it was asked for, who ran where.
using live_event = std::variant<cpu::task_blocked, cpu::task_woke, live_exit, cpu::timer_fired, cpu::cpu_timer_fired,
                                live_run, live_leaving>;

struct timed_event {
    time_point at{}; ///< never decreases
    live_event what{};
};

/// The sensing half of a driver: watches processes and timers, and tells of them in order.
///
/// It changes nothing about a process. Waiting is on one descriptor, so that it fits into any event loop.
/// \thread_safety none; confine to one thread
class live_kernel {
  public:
    /// \error a sensor that was asked for does not work here: why, and what would help
    [[nodiscard]] static result<live_kernel> open(live_kernel_config const& config);

    live_kernel(live_kernel&& other) noexcept;
    live_kernel& operator=(live_kernel&& other) noexcept;
    ~live_kernel();

    /// The sensor in use: `bpf` or `polling`.
    [[nodiscard]] sensor in_use() const noexcept;

    /// Readable while events are at hand or due: wait for it with poll, epoll or Asio, then call `next`.
    [[nodiscard]] int descriptor() const noexcept;

    /// Watches `process` from now on, until it exits.
    /// \return its id; its `task_arrived` is the caller's to tell
    /// \error the process is gone, or this user may not watch it
    [[nodiscard]] result<task_id> admit(process_id process, counted_from from = counted_from::start);

    /// Forgets a task without waiting for its exit.
    void dismiss(task_id task) noexcept;

    /// Ends a task whose process lives on and may serve another: nothing is told of it any more but its exit, as that
    /// of the same task.
    /// \pre the task is watched, and does not rest
    void rest(task_id task) noexcept;

    /// Another task of a process that rests, with no CPU time yet. Costs no system call where BPF watches, unlike
    /// `admit`.
    /// \return its id; its `task_arrived` is the caller's to tell
    /// \error the process is gone
    [[nodiscard]] result<task_id> renew(task_id resting);

    /// The next event at hand, if there is one. Does not wait. What happens while a caller takes event after event may
    /// be left for the next time: the descriptor is readable then.
    [[nodiscard]] std::optional<timed_event> next();

    /// Waits until an event is at hand, for at most `longest`.
    void wait(duration longest);

    void arm(cpu::arm_timer const& timer);
    void arm(cpu::arm_cpu_timer const& timer);
    void cancel(cpu::cancel_timer const& timer);
    void cancel(cpu::cancel_cpu_timer const& timer);

    /// CPU time received so far; nothing where the task is gone.
    [[nodiscard]] std::optional<duration> cpu_time(task_id task) const;

    /// The process of a task; nothing where it is gone.
    [[nodiscard]] std::optional<process_key> process_of(task_id task) const noexcept;

    /// Whether the process of a task has begun to exit, or is gone. Asks /proc only where BPF does not tell in time:
    /// under `polling`, and before Linux 6.16.
    [[nodiscard]] bool is_exiting(task_id task) const noexcept;

    /// The process of a task, and whether it is known, without asking, to have one thread; nothing where it is gone.
    [[nodiscard]] std::optional<steered_process> steered(task_id task) const noexcept;

    /// Tasks watched now, those at rest included.
    [[nodiscard]] std::size_t task_count() const noexcept;

    /// Events that the kernel could not hand over since the start, because this program was too slow. Exits among them
    /// are made good.
    [[nodiscard]] std::uint64_t lost_event_count() const noexcept;

  private:
    class state;
    explicit live_kernel(std::unique_ptr<state> made) noexcept;
    std::unique_ptr<state> state_;
};

} // namespace hpcsched::cpu_linux

#endif
