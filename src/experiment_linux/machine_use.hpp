// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_EXPERIMENT_LINUX_MACHINE_USE_HPP
#define HPCSCHED_EXPERIMENT_LINUX_MACHINE_USE_HPP

#include <hpcsched/core/time.hpp>

#include <sys/resource.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace hpcsched::experiment_linux::detail {

/// For how long CPUs have been busy, by the text of /proc/stat: those below `cpu_count`, what a hypervisor stole
/// included. In steps of 10 ms.
[[nodiscard]] duration busy_time(std::string_view proc_stat, std::uint32_t cpu_count);

/// The same, now.
[[nodiscard]] duration busy_time_now(std::uint32_t cpu_count);

/// User and system time together.
[[nodiscard]] duration cpu_time_of(rusage const& used);

/// A control group of the CPU controller for the processes of one run, removed in the end with whoever is still in it.
///
/// On each CPU it weighs as much as one thread of nice 0. With more, the kernel's own threads would hardly get the time
/// that real-time tasks leave, and whoever needs a lock that one of them holds would wait as long: in fork(2), at exit.
class own_group {
  public:
    /// Makes one with a real-time budget; `folder()` is empty where none can be made.
    own_group();
    own_group(own_group const&) = delete;
    own_group& operator=(own_group const&) = delete;
    ~own_group();

    [[nodiscard]] std::string const& folder() const noexcept { return folder_; }

  private:
    std::string folder_;
};

} // namespace hpcsched::experiment_linux::detail

#endif
