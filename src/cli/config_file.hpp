// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_CLI_CONFIG_FILE_HPP
#define HPCSCHED_CLI_CONFIG_FILE_HPP

#include "failure.hpp"

#include <span>
#include <string>
#include <vector>

namespace hpcsched::cli {

/// One key of a configuration file, with its value as text.
struct config_entry {
    std::string key;                 ///< with its table, "machine.tick"
    std::vector<std::string> values; ///< one, or the elements of an array
    std::string where;               ///< "grid.toml:3:9"
};

/// Reads a TOML file whose keys are all known.
/// \param known  keys, with their tables
/// \throws failure  usage: the file is not there or not TOML, a key is unknown or given a value that is neither text,
/// number nor boolean; with line and column
[[nodiscard]] std::vector<config_entry> read_config_file(std::string const& path, std::span<std::string const> known);

} // namespace hpcsched::cli

#endif
