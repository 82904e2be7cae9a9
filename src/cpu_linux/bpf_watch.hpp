// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_CPU_LINUX_BPF_WATCH_HPP
#define HPCSCHED_CPU_LINUX_BPF_WATCH_HPP

#include <hpcsched/core/ids.hpp>
#include <hpcsched/core/result.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/cpu_linux/process.hpp>

#include "task_watch.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

namespace hpcsched::cpu_linux::detail {

/// The BPF program `task_watch`, loaded and attached; ends with this object. The one door to libbpf.
class bpf_watch {
  public:
    /// \error the kernel refuses: why, and what would help
    [[nodiscard]] static result<bpf_watch> load();

    bpf_watch(bpf_watch&&) noexcept;
    bpf_watch& operator=(bpf_watch&&) noexcept;
    ~bpf_watch();

    /// Readable while events are at hand.
    [[nodiscard]] int descriptor() const noexcept;

    /// Watches a process from now on; its events carry `tag`.
    /// \return the CPU time that its threads had before
    [[nodiscard]] result<duration> add(process_id process, std::uint32_t tag);
    void remove(process_id process) noexcept;

    /// Calls `each` for every event at hand.
    void consume(std::function<void(watch_event const&)> const& each);

    /// On-CPU time of a watched process since it was added, runs under way included; nothing where it is gone.
    [[nodiscard]] std::optional<duration> ran(process_id process) const noexcept;

    /// Events that found the ring buffer full.
    [[nodiscard]] std::uint64_t dropped_count() const noexcept;

  private:
    class state;
    explicit bpf_watch(std::unique_ptr<state> made) noexcept;
    std::unique_ptr<state> state_;
};

} // namespace hpcsched::cpu_linux::detail

#endif
