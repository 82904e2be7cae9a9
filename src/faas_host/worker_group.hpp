// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_FAAS_HOST_WORKER_GROUP_HPP
#define HPCSCHED_FAAS_HOST_WORKER_GROUP_HPP

#include <hpcsched/core/result.hpp>
#include <hpcsched/cpu_linux/kernel_facts.hpp>

#include "file_descriptor.hpp"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace hpcsched::faas_host::detail {

using cpu_linux::cgroup_version;
using cpu_linux::detail::file_descriptor;

/// The control groups of one worker; they and all that lives in them are gone with the object.
class worker_group {
  public:
    worker_group() = default;
    worker_group(worker_group&& other) noexcept
        : folders_{std::exchange(other.folders_, {})}, version_{other.version_} {}
    worker_group& operator=(worker_group&& other) noexcept {
        std::swap(folders_, other.folders_);
        std::swap(version_, other.version_);
        return *this;
    }
    ~worker_group();

    /// Files that whoever writes "0" to enters the groups.
    [[nodiscard]] std::vector<file_descriptor> entrances() const;

    /// Kills all that live in them.
    void kill_all() const noexcept;

    /// Whether the kernel has killed one of them for want of memory.
    [[nodiscard]] bool was_out_of_memory() const;

  private:
    friend class worker_groups;
    std::vector<std::string> folders_;
    cgroup_version version_ = cgroup_version::none;
};

/// Makes the groups of workers, below this process's own.
class worker_groups {
  public:
    /// Tries what this machine and this user allow.
    [[nodiscard]] static worker_groups find();
    worker_groups() = default;
    worker_groups(worker_groups&& other) noexcept
        : memory_{std::exchange(other.memory_, {})}, pids_{std::exchange(other.pids_, {})}, version_{other.version_} {}
    worker_groups& operator=(worker_groups&& other) noexcept {
        std::swap(memory_, other.memory_);
        std::swap(pids_, other.pids_);
        std::swap(version_, other.version_);
        return *this;
    }
    ~worker_groups(); ///< \pre no worker_group is left

    [[nodiscard]] bool limits_memory() const noexcept { return !memory_.empty(); }
    [[nodiscard]] bool limits_processes() const noexcept { return !pids_.empty(); }
    [[nodiscard]] cgroup_version version() const noexcept { return version_; }

    /// \param memory, processes  0: no limit
    /// \error the kernel refuses: what, and why
    [[nodiscard]] result<worker_group> make(std::string const& name, std::uint64_t memory,
                                            std::uint64_t processes) const;

  private:
    std::string memory_; ///< folder of this host in the controller's hierarchy; empty: not to be had
    std::string pids_;   ///< likewise; version 2: the same folder
    cgroup_version version_ = cgroup_version::none;
};

} // namespace hpcsched::faas_host::detail

#endif
