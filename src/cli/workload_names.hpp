// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_CLI_WORKLOAD_NAMES_HPP
#define HPCSCHED_CLI_WORKLOAD_NAMES_HPP

#include <hpcsched/workload/row_reader.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace hpcsched::cli {

// What can be named on the command line, for completion and for suggestions.
[[nodiscard]] std::vector<std::string> preset_names();
[[nodiscard]] std::vector<std::string> trace_format_names();
[[nodiscard]] std::vector<std::string> arrival_kind_names();

[[nodiscard]] bool is_preset(std::string_view name);

/// Says on standard error what was left out of a trace, if anything was.
void report_counts(std::string const& command, std::string const& trace, workload::read_counts const& counts);

} // namespace hpcsched::cli

#endif
