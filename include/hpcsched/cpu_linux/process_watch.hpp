// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_CPU_LINUX_PROCESS_WATCH_HPP
#define HPCSCHED_CPU_LINUX_PROCESS_WATCH_HPP

#include <hpcsched/core/result.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/cpu_linux/live_kernel.hpp>
#include <hpcsched/cpu_linux/process.hpp>

#include <cstdint>
#include <memory>
#include <optional>

namespace hpcsched::cpu_linux {

struct process_watch_config {
    sensor from = sensor::automatic;
    /// A new process is its parent's double until it executes a program. It is looked at when it does, or so long after
    /// the fork if it does not; >= 0.
    duration settling{2'000'000};
    /// One that is moved to another control group is looked at when it executes a program there, or so long after if it
    /// does not, and so is what it forks until then: a container's runtime moves helpers of its own in first, which are
    /// no invocations. >= 0
    duration entering{500'000'000};
    duration poll_period{50'000'000}; ///< of `polling`: how often the list of processes is read; > 0
};

/// Finds processes: all there are at first, then each as it starts, executes another program or has been moved to
/// another control group. Those are the moments at which to ask a `process_rule` who it is; one process may be told
/// several times.
///
/// With BPF the kernel tells. Polling reads the list of processes: it misses those that live shorter than its period,
/// tells of a new one twice, a period apart, and not of moves.
/// \thread_safety none; confine to one thread
class process_watch {
  public:
    /// \error a sensor that was asked for does not work here: why, and what would help
    [[nodiscard]] static result<process_watch> open(process_watch_config const& config = {});

    process_watch(process_watch&& other) noexcept;
    process_watch& operator=(process_watch&& other) noexcept;
    ~process_watch();

    /// The sensor in use: `bpf` or `polling`.
    [[nodiscard]] sensor in_use() const noexcept;

    /// Readable while a process is at hand or due: wait for it with poll, epoll or Asio, then call `next`.
    [[nodiscard]] int descriptor() const noexcept;

    /// The next process to look at; it may be gone by now. Does not wait.
    [[nodiscard]] std::optional<process_id> next();

  private:
    class state;
    explicit process_watch(std::unique_ptr<state> made) noexcept;
    std::unique_ptr<state> state_;
};

} // namespace hpcsched::cpu_linux

#endif
