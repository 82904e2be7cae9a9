// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_EXPERIMENT_LINUX_COMMAND_PROCESS_HPP
#define HPCSCHED_EXPERIMENT_LINUX_COMMAND_PROCESS_HPP

#include <hpcsched/core/result.hpp>

#include <string>

namespace hpcsched::experiment_linux::detail {

/// Who hears what a command complains of.
enum class complaints : bool { dropped, heard };

/// Whether a command can be run: words as a shell reads them, with its quotations, variables, `~` and wildcards.
/// \error what it has that takes a shell, or what is wrong with it
[[nodiscard]] result<void> check_command(std::string const& command);

/// Makes this process the command. It reads nothing, and what it writes is dropped.
[[noreturn]] void become(std::string const& command, complaints on_standard_error) noexcept;

/// How a process ended that was waited for, as people say it; empty: well.
[[nodiscard]] std::string failure_of(int wait_status);

} // namespace hpcsched::experiment_linux::detail

#endif
