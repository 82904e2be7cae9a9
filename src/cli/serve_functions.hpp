// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_CLI_SERVE_FUNCTIONS_HPP
#define HPCSCHED_CLI_SERVE_FUNCTIONS_HPP

#include <hpcsched/faas_host/function_config.hpp>

#include "command_line.hpp"

#include <string>
#include <vector>

namespace hpcsched::cli {

/// The functions that the command line names: those of --functions, then those given one by one.
/// \throws failure  usage: the file cannot be read, or a function is misconfigured; with line and column
[[nodiscard]] std::vector<faas_host::function_config> functions_of(arguments const& given);

/// "10min", "hybrid", "forever".
/// \error what may be given
[[nodiscard]] result<faas_host::any_keep_alive> parse_keep_alive(std::string const& text);

/// "5%", "0.05".
/// \error what may be given
[[nodiscard]] result<double> parse_share(std::string const& text);

} // namespace hpcsched::cli

#endif
