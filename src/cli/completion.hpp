// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_CLI_COMPLETION_HPP
#define HPCSCHED_CLI_COMPLETION_HPP

#include "command_line.hpp"

#include <map>
#include <string>

namespace CLI {
class App;
class Option;
} // namespace CLI

namespace hpcsched::cli {

/// A bash script that completes `program` from what CLI11 parses: its commands, options, and the values of options.
[[nodiscard]] std::string bash_script(std::string const& program, CLI::App& app,
                                      std::map<CLI::Option const*, value_completion const*> const& completions);

} // namespace hpcsched::cli

#endif
