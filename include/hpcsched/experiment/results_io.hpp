// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_EXPERIMENT_RESULTS_IO_HPP
#define HPCSCHED_EXPERIMENT_RESULTS_IO_HPP

#include <hpcsched/core/result.hpp>
#include <hpcsched/cpu_sim/machine_config.hpp>
#include <hpcsched/experiment/cell_result.hpp>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace hpcsched::experiment {

/// The version of the JSON that this library writes: raised whenever a field changes its meaning or goes, not when one
/// is added. `src/experiment/results.schema.json` (installed in share/hpcsched) describes it as a JSON Schema.
inline constexpr int results_schema_version = 1;

/// What all cells of one run have in common.
struct run_description {
    std::string program;             ///< name and version of the program that ran the grid
    cpu_sim::machine_config machine; ///< `cpu_count` is each cell's own
    std::uint64_t cells_planned = 0; ///< more than there are cells: the run was interrupted, or cells failed
};

/// Rounds every figure of a cell to 12 significant digits, so that a cell that was written and read again is equal to
/// the one that was computed. `run_grid` gives out only such cells.
void round_figures(cell_result& cell);

/// One cell as one line of JSON, without a line end.
[[nodiscard]] std::string to_json(cell_result const& cell);

/// The inverse of `to_json`, figures rounded; unknown fields are ignored.
/// \error what is missing or of the wrong type
[[nodiscard]] result<cell_result> cell_from_json(std::string_view json);

/// All cells as one JSON document:
/// `{"schema": "hpcsched.results", "version": 1, "program": .., "machine": {..}, "cells_planned": n, "cells": [..]}`.
/// Times are seconds, costs US dollars, shares 0 to 1; the upper bound of the last group is null.
[[nodiscard]] std::string results_json(run_description const& run, std::span<cell_result const> cells);

/// All cells as CSV (RFC 4180, with a header line), one row per cell: its key, then every figure that is a number.
/// The curves and the series are in the JSON only.
[[nodiscard]] std::string results_csv(std::span<cell_result const> cells);

/// Writes `text` to `path` so that a reader sees the old file or the new one, never a part.
/// \error the path and what the system says
[[nodiscard]] result<void> write_file(std::string const& path, std::string_view text);

} // namespace hpcsched::experiment

#endif
