// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_CLI_FUSE_COMMAND_HPP
#define HPCSCHED_CLI_FUSE_COMMAND_HPP

#include "command_line.hpp"

#include <functional>
#include <vector>

namespace hpcsched::cli {

/// What the commands below `fuse` do. LibTorch brings 287 shared libraries that take half a second to load, so these
/// live in a program of their own, hpcsched_fusing, which `hpcsched fuse` becomes.
struct fuse_actions {
    std::function<exit_code(arguments const&)> run{};
    std::function<exit_code(arguments const&)> inspect{};
    std::function<exit_code(arguments const&)> bench{};
};

/// The commands' options and help, without LibTorch.
[[nodiscard]] command_spec fuse_command(fuse_actions const& actions);

/// The command line with `run` put in where `fuse` is followed by no command: "hpcsched fuse a.pt b.pt ...".
[[nodiscard]] std::vector<char*> with_fuse_run(int argument_count, char** argument_values);

/// Actions that become hpcsched_fusing, with the same command line.
/// \param words  the whole command line
[[nodiscard]] fuse_actions hand_over_to_fuse(std::vector<char*> words);

} // namespace hpcsched::cli

#endif
