// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_CPU_LINUX_CGROUP_HPP
#define HPCSCHED_CPU_LINUX_CGROUP_HPP

#include <hpcsched/cpu_linux/kernel_facts.hpp>
#include <hpcsched/cpu_linux/process.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

// Control groups, version 1 or 2; of the CPU controller unless another is named.
namespace hpcsched::cpu_linux::detail {

/// Where a controller is mounted, and in which version.
struct cgroup_mount {
    cgroup_version version = cgroup_version::none;
    std::string folder{}; ///< "/sys/fs/cgroup/cpu"
};

/// Finds it in the text of /proc/self/mountinfo. A version 2 hierarchy counts where `has(folder, controller)` says that
/// its root has the controller.
[[nodiscard]] cgroup_mount find_cgroup_mount(std::string_view mountinfo,
                                             bool (*has)(std::string const& folder, std::string_view controller),
                                             std::string_view controller = "cpu");

/// The group that the text of /proc/PID/cgroup names: "/" or "/a/b"; empty: none in that version.
[[nodiscard]] std::string group_in(std::string_view cgroup_file, cgroup_version version,
                                   std::string_view controller = "cpu");

/// A controller of this machine.
[[nodiscard]] cgroup_mount mount_of(std::string_view controller);

/// The CPU controller of this machine, looked for once.
[[nodiscard]] cgroup_mount const& cpu_controller();

/// The folder of the group that a process lives in; empty: none.
[[nodiscard]] std::string group_folder(process_id process);

/// The file that holds the weight of a group.
[[nodiscard]] std::string weight_file_of(std::string const& folder);

/// The weight of a group, in its version's own measure; nothing: it is the root, which has none, or gone.
[[nodiscard]] std::optional<std::int64_t> weight_of_group(std::string const& folder);

/// Gives it one, as near to `weight` as its version allows.
[[nodiscard]] outcome set_group_weight(std::string const& folder, std::int64_t weight) noexcept;

} // namespace hpcsched::cpu_linux::detail

#endif
