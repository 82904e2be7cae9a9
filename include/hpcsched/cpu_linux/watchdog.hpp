// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_CPU_LINUX_WATCHDOG_HPP
#define HPCSCHED_CPU_LINUX_WATCHDOG_HPP

#include <hpcsched/core/result.hpp>
#include <hpcsched/cpu_linux/process.hpp>

#include <cstddef>
#include <memory>

namespace hpcsched::cpu_linux {

/// Gives steered processes back what they had when the steering process dies, in whatever way.
///
/// A child process waits for the death of the steering process, or of the thread that called `start` when all are to
/// die: then, even after kill -9, the child restores what the table in shared memory names. It runs at the highest
/// real-time priority where that is allowed, so that no steered task can keep it from running, and it costs nothing
/// while it waits.
/// \thread_safety none; confine to the driver's thread
class watchdog {
  public:
    /// Tasks that can be noted at one time.
    static constexpr std::size_t capacity = 65'536;

    /// \error there is no memory or no process to be had
    [[nodiscard]] static result<watchdog> start();

    watchdog(watchdog&& other) noexcept;
    watchdog& operator=(watchdog&& other) noexcept;

    /// Ends the child; nothing is restored that is still noted.
    ~watchdog();

    /// From now on `process` gets `original` back if this process dies. `slot` is the caller's name for it.
    /// \pre slot < capacity
    void note(std::size_t slot, process_key process, scheduling const& original) noexcept;

    /// The process of `slot` gets `cpus` back too.
    /// \pre it is noted
    void note_cpus(std::size_t slot, cpu::cpu_mask const& cpus) noexcept;

    /// With the process of `slot`, and even if that is gone by then, a file gets its content back.
    /// \pre it is noted
    /// \return false: the path or the text is too long to be noted
    bool note_file(std::size_t slot, file_content const& original) noexcept;

    /// `slot` needs no restoring any more.
    /// \pre slot < capacity
    void strike(std::size_t slot) noexcept;

    /// Starts the child anew if it has died, whoever killed it; from then on the calling thread is the one whose end it
    /// hears of. What is noted stays so.
    /// \error there is no process to be had
    /// \complexity one system call while it lives
    result<void> revive();

    /// The child, for those who want to see it.
    [[nodiscard]] process_id process() const noexcept;

  private:
    class state;
    explicit watchdog(std::unique_ptr<state> made) noexcept;
    std::unique_ptr<state> state_;
};

} // namespace hpcsched::cpu_linux

#endif
