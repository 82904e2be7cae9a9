// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_CPU_LINUX_BPF_WATCH_HPP
#define HPCSCHED_CPU_LINUX_BPF_WATCH_HPP

#include <hpcsched/core/ids.hpp>
#include <hpcsched/core/result.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/cpu_linux/process.hpp>

#include "bpf_module.hpp"
#include "process_stat.hpp"
#include "task_watch.h"

#include <cstdint>
#include <optional>

namespace hpcsched::cpu_linux::detail {

/// What a process is like when it is added.
struct watch_begin {
    duration cpu_time{}; ///< that its threads had before
    bool asleep = false; ///< all of them
};

/// What is known of a process's time on CPUs.
struct watch_time {
    duration ran{};         ///< runs under way included, but for one that began before anybody watched
    bool has_moved = false; ///< it has been seen to come to a CPU or to leave one: `ran` is all
};

/// What a process has met since it was added.
struct watch_counts {
    std::uint32_t switches = 0;
    std::uint32_t preemptions = 0;
    std::uint32_t migrations = 0;
};

/// The BPF program `task_watch`: it watches the processes that it is given, each in a slot of the caller's choice. What
/// it knows of them is read from memory that the kernel shares, without a system call.
class bpf_watch {
  public:
    /// Slots are below this. One that was given up is best used again as late as can be: a CPU may be at it still.
    static constexpr std::uint32_t capacity = watch_slots;

    /// \param tells_runs  each time of a thread on a CPU is an event as well
    /// \error the kernel refuses: why, and what would help
    [[nodiscard]] static result<bpf_watch> load(bool tells_runs);

    /// Readable while events are at hand.
    [[nodiscard]] int descriptor() const noexcept { return module_.descriptor(); }

    /// Watches a process from now on; its events carry `slot` and `generation`.
    /// \param stat  what /proc says of it
    [[nodiscard]] result<watch_begin> add(process_id process, process_stat const& stat, std::uint32_t slot,
                                          std::uint32_t generation);
    void remove(process_id process, std::uint32_t slot) noexcept;

    /// Of what sleeps and wakes in `slot` nothing is told, until `renew`.
    void rest(std::uint32_t slot) noexcept;

    /// Events carry `generation` from now on, and all are told. \return whether the process sleeps
    bool renew(std::uint32_t slot, std::uint32_t generation) noexcept;

    /// Calls `each` for every event at hand.
    template <class Each>
    void consume(Each&& each) {
        module_.consume<watch_event>(each);
    }

    /// On-CPU time of the process in `slot` since it was added.
    [[nodiscard]] watch_time ran(std::uint32_t slot) const noexcept;
    [[nodiscard]] watch_counts counts(std::uint32_t slot) const noexcept;
    [[nodiscard]] std::uint64_t thread_count(std::uint32_t slot) const noexcept;
    /// Whether its last thread has begun to exit, with the memory of the process still to be given up.
    /// \pre tells_exits_early()
    [[nodiscard]] bool is_exiting(std::uint32_t slot) const noexcept;
    [[nodiscard]] bool has_exited(std::uint32_t slot) const noexcept;

    /// Whether this kernel tells of an exit before the process gives up its memory, as Linux does since 6.16.
    [[nodiscard]] bool tells_exits_early() const noexcept { return tells_exits_early_; }

    /// Events that found the ring buffer full.
    [[nodiscard]] std::uint64_t dropped_count() const noexcept { return module_.dropped_count(); }

  private:
    explicit bpf_watch(bpf_module loaded, watched_process* slots, bool tells_runs) noexcept;

    bpf_module module_;
    int processes_;
    int threads_;
    watched_process* slots_; ///< the program writes to them, at any time
    bool tells_runs_;
    bool tells_exits_early_;
};

} // namespace hpcsched::cpu_linux::detail

#endif
