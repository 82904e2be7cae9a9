// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_FAAS_HOST_SPAWN_HPP
#define HPCSCHED_FAAS_HOST_SPAWN_HPP

#include <hpcsched/core/result.hpp>
#include <hpcsched/cpu_linux/process.hpp>

#include "file_descriptor.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace hpcsched::faas_host::detail {

using cpu_linux::detail::file_descriptor;

/// A process to start. Descriptors are borrowed for the call.
struct spawn_request {
    std::vector<std::string> command{};     ///< program, looked for in the PATH of `environment`, and arguments
    std::vector<std::string> environment{}; ///< "NAME=value"
    std::string folder{};                   ///< empty: as here
    int standard_input = -1;                ///< -1: /dev/null
    int standard_output = -1;
    int standard_error = -1;
    int channel = -1;               ///< becomes its descriptor 3; -1: none
    std::vector<int> group_files{}; ///< `cgroup.procs` of the groups that it is to live in, open for writing
    std::uint64_t data_limit = 0;   ///< RLIMIT_DATA, bytes; 0: none
    bool with_namespaces = false;   ///< PIDs, mounts with a /proc of its own, and System V IPC of its own
};

/// A process that was started. Whoever has it reaps it.
struct spawned_process {
    cpu_linux::process_id process = 0;
    file_descriptor descriptor{}; ///< a pidfd
};

/// Starts a process in a session of its own that is killed when the calling thread ends, with the default signal
/// handlers, no signal blocked, no other descriptor open, and no way to gain privileges. In PID namespace of its own,
/// its descendants end with it.
///
/// Blocks until the process has executed its program.
/// \error no such program, or the kernel refuses: which, and why
[[nodiscard]] result<spawned_process> spawn(spawn_request const& request);

/// Whether this user may make the namespaces.
[[nodiscard]] bool namespaces_are_allowed();

} // namespace hpcsched::faas_host::detail

#endif
