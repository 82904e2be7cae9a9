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

/// The BPF program `task_watch`: it watches the processes that it is given.
class bpf_watch {
  public:
    /// \error the kernel refuses: why, and what would help
    [[nodiscard]] static result<bpf_watch> load();

    /// Readable while events are at hand.
    [[nodiscard]] int descriptor() const noexcept { return module_.descriptor(); }

    /// Watches a process from now on; its events carry `tag`.
    /// \param stat  what /proc says of it
    [[nodiscard]] result<watch_begin> add(process_id process, process_stat const& stat, std::uint32_t tag);
    void remove(process_id process) noexcept;

    /// Calls `each` for every event at hand.
    template <class Each>
    void consume(Each&& each) {
        module_.consume<watch_event>(each);
    }

    /// On-CPU time of a watched process since it was added; nothing where it is gone.
    [[nodiscard]] std::optional<watch_time> ran(process_id process) const noexcept;

    /// Events that found the ring buffer full.
    [[nodiscard]] std::uint64_t dropped_count() const noexcept { return module_.dropped_count(); }

  private:
    explicit bpf_watch(bpf_module loaded) noexcept;

    bpf_module module_;
    int processes_;
    int threads_;
};

} // namespace hpcsched::cpu_linux::detail

#endif
