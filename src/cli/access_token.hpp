// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_SRC_CLI_ACCESS_TOKEN_HPP
#define HPCSCHED_SRC_CLI_ACCESS_TOKEN_HPP

#include "command_line.hpp"

#include <string>
#include <vector>

namespace hpcsched::cli {

/// `--token` and `--token-file`, of a command that serves HTTP.
void append_token_options(std::vector<option_spec>& options, std::string const& group);

/// The token that they give; empty: none is asked for. Throws `failure` where both are given, or the file is not read.
[[nodiscard]] std::string token_of(arguments const& given);

} // namespace hpcsched::cli

#endif
