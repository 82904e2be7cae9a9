// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_SRC_NOTEBOOK_HOST_USER_IDENTITY_HPP
#define HPCSCHED_SRC_NOTEBOOK_HOST_USER_IDENTITY_HPP

#include <hpcsched/core/result.hpp>
#include <hpcsched/notebook_host/kernel_host.hpp>
#include <hpcsched/raft_asio/network_config.hpp>

#include <sys/types.h>

#include <string>
#include <vector>

namespace hpcsched::notebook_host {

/// A user of this system, as a process of theirs needs to know them.
struct user_identity {
    std::string name;
    uid_t user = 0;
    gid_t group = 0;
    std::vector<gid_t> groups; ///< all of them
    std::string home;
    std::string shell;

    /// \error this system has no such user, or does not tell
    [[nodiscard]] static result<user_identity> find(std::string const& name);

    /// The environment that a process of theirs begins with: who they are, and of this process's what says where
    /// programs are, which language is spoken, and how devices are used. What else this process was told (tokens, say)
    /// is not theirs to know.
    [[nodiscard]] std::vector<std::string> environment() const;

    /// Gives this process to them, for good; in a new process, before its program begins. Takes no lock.
    /// \return whether it is theirs now; `errno` says why not
    [[nodiscard]] bool become() const noexcept;
};

/// \error kernels cannot run as they should: why, and what is needed
[[nodiscard]] result<void> check(kernel_users const& users, raft_asio::tls_files const& tls);

} // namespace hpcsched::notebook_host

#endif
