// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_EXPERIMENT_LINUX_LAUNCHER_HPP
#define HPCSCHED_EXPERIMENT_LINUX_LAUNCHER_HPP

#include <hpcsched/core/result.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/cpu_linux/process.hpp>
#include <hpcsched/workload/invocation.hpp>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>

namespace hpcsched::experiment_linux::detail {

/// What the launcher tells of a process.
struct launch_note {
    enum class kind : std::uint32_t { began, ended, refused };
    kind what{};
    cpu_linux::process_id process = 0;
    std::uint64_t row = 0;     ///< of the workload
    time_point at{};           ///< began: when it was let go; ended: when it was waited for
    std::int64_t cpu_time = 0; ///< ended: ns
    int status = 0;            ///< ended: as wait(2) has it; refused: errno of fork(2)
};

/// What a process costs that has nothing to do, in CPU time of its own: the most of several. On real machines well
/// below a millisecond; in an emulator several.
[[nodiscard]] duration start_up_cost();

/// Two processes of its own, small and urgent, so that nothing that steers or measures holds them up. One forks the
/// processes of the invocations some way ahead, and waits for their ends; the other lets each go at its time.
///
/// A fork at the time itself came up to a second late: it takes locks of the mapped files which a normal thread of the
/// kernel may hold, and where real-time tasks fill the CPUs, that thread is not soon back to let go of them.
class launcher {
  public:
    struct config {
        std::uint32_t cpu_count = 1;             ///< the processes run on the first so many CPUs
        std::string group_folder{};              ///< the control group they join; empty: none
        std::span<std::string const> commands{}; ///< by function; none or empty: use the CPU for the service time
    };

    /// Starts it; the first arrivals come at `start`. The invocations are copied into it.
    /// \error no process, or no pipe, is to be had
    [[nodiscard]] static result<launcher> start(std::span<workload::invocation const> invocations, time_point start,
                                                config const& config);

    launcher(launcher&& other) noexcept
        : process_{std::exchange(other.process_, 0)}, notes_{std::exchange(other.notes_, -1)} {}
    launcher& operator=(launcher&&) = delete;

    /// Kills it, and every process that it started and that still runs.
    ~launcher();

    /// Readable while notes are at hand, and at the end.
    [[nodiscard]] int descriptor() const noexcept { return notes_; }

    /// The next note at hand.
    /// \param ended  set to true once there will be no more
    [[nodiscard]] std::optional<launch_note> next(bool& ended) noexcept;

    [[nodiscard]] cpu_linux::process_id process() const noexcept { return process_; }

  private:
    launcher(cpu_linux::process_id process, int notes) noexcept : process_{process}, notes_{notes} {}

    cpu_linux::process_id process_;
    int notes_;
};

} // namespace hpcsched::experiment_linux::detail

#endif
