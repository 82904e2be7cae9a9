// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_SRC_NOTEBOOK_HOST_CHILD_KERNEL_HPP
#define HPCSCHED_SRC_NOTEBOOK_HOST_CHILD_KERNEL_HPP

#include <hpcsched/core/result.hpp>
#include <hpcsched/notebook_host/connection_file.hpp>

#include "user_identity.hpp"
#include <sys/types.h>

#include <csignal>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace hpcsched::notebook_host {

/// A kernel's process, in a session of its own, with its sockets in a folder that only its user can enter. Both are
/// gone with the object, and with this process, however it ends.
class child_kernel {
  public:
    /// \param words    the program and its arguments; "{connection_file}" stands for the file that is written for it,
    ///                 "{folder}" for the folder
    /// \param files    more files for the folder: their names, with folders of their own, and what is in them
    /// \param signals  the signals that it starts with blocked
    /// \param as       whose process it is, which needs root, in their home and with their environment; null: of this
    ///                 process's user, as this process is
    /// \error the folder or the process cannot be made
    [[nodiscard]] static result<child_kernel> start(std::vector<std::string> const& words, sigset_t const& signals,
                                                    std::span<std::pair<std::string, std::string> const> files = {},
                                                    user_identity const* as = nullptr);

    child_kernel(child_kernel&& other) noexcept;
    child_kernel& operator=(child_kernel&&) = delete;
    ~child_kernel();

    [[nodiscard]] connection_info const& connection() const noexcept { return connection_; }

    [[nodiscard]] pid_t process() const noexcept { return process_; }

    void send(int signal) const;

    /// Its exit status, or 128 + signal; nothing while it runs.
    [[nodiscard]] std::optional<int> ended();

  private:
    child_kernel() = default;

    std::string folder_;
    connection_info connection_;
    pid_t process_ = -1; // -1: none, or waited for
};

} // namespace hpcsched::notebook_host

#endif
