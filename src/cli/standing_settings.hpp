// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_CLI_STANDING_SETTINGS_HPP
#define HPCSCHED_CLI_STANDING_SETTINGS_HPP

#include <hpcsched/notebook/standing_cluster.hpp>

#include "command_line.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace hpcsched::cli {

/// How a cluster of hosts that are there places kernels and lets cells wait: --replicas, --placement, --admission,
/// --service-level, --queue and --patience, for who keeps one and for who simulates one.
/// \param group     what they stand under in --help
/// \param queue     the option --queue: it takes one name, or a list of them
/// \param replicas  the help of --replicas
[[nodiscard]] std::vector<option_spec> standing_options(std::string const& group, option_spec queue,
                                                        std::string const& replicas);

/// What was given for them, with one queue. Quotas are the caller's.
/// \param hosts  how many there are
/// \param queue  its name; what is none is named as what --queue was given
/// \throws failure  usage
[[nodiscard]] notebook::standing_policies standing_settings(arguments const& given, std::uint64_t hosts,
                                                            std::string const& queue);

} // namespace hpcsched::cli

#endif
