// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_CLI_WORKLOAD_NAMES_HPP
#define HPCSCHED_CLI_WORKLOAD_NAMES_HPP

#include <hpcsched/core/result.hpp>
#include <hpcsched/workload/function_drift.hpp>
#include <hpcsched/workload/presets.hpp>
#include <hpcsched/workload/row_reader.hpp>

#include "command_line.hpp"

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hpcsched::cli {

// What can be named on the command line, for completion and for suggestions.
[[nodiscard]] std::vector<std::string> preset_names();
[[nodiscard]] std::vector<std::string> trace_format_names();
[[nodiscard]] std::vector<std::string> arrival_kind_names();

[[nodiscard]] bool is_preset(std::string_view name);

/// The drift that --drift and --drift-length ask for; what one of them leaves open is the preset's own.
/// \return nothing where neither is given
/// \error a length for functions that do not drift
[[nodiscard]] result<std::optional<workload::function_drift>>
asked_drift(workload::preset preset, std::optional<double> correlation, std::optional<double> length);

/// Refuses what would be given in vain: options that only presets have where none is named, and those of files.
/// \throws failure  usage: which option, and what to give instead
void check_in_use(arguments const& given, std::span<std::string const> workloads,
                  std::span<char const* const> of_presets);

/// Says on standard error what was left out of a trace, if anything was.
void report_counts(std::string const& command, std::string const& trace, workload::read_counts const& counts);

} // namespace hpcsched::cli

#endif
