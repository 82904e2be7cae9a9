// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_CLI_RAFT_SETTINGS_HPP
#define HPCSCHED_CLI_RAFT_SETTINGS_HPP

#include <hpcsched/raft_asio/client.hpp>
#include <hpcsched/raft_asio/node.hpp>

#include "command_line.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace hpcsched::cli {

/// "1=127.0.0.1:7001,2=127.0.0.1:7002": the nodes of a cluster.
[[nodiscard]] result<std::vector<raft_asio::peer>> parse_nodes(std::string_view text);

/// The options that a node has, and what was given for them.
[[nodiscard]] std::vector<option_spec> node_options();
[[nodiscard]] raft_asio::node_config node_settings(arguments const& given);

/// The options of whoever asks a cluster.
[[nodiscard]] std::vector<option_spec> client_options();
[[nodiscard]] raft_asio::client_config client_settings(arguments const& given);

} // namespace hpcsched::cli

#endif
