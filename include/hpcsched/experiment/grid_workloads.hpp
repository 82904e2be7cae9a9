// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_EXPERIMENT_GRID_WORKLOADS_HPP
#define HPCSCHED_EXPERIMENT_GRID_WORKLOADS_HPP

#include <hpcsched/core/result.hpp>
#include <hpcsched/experiment/grid.hpp>
#include <hpcsched/experiment/trace_file.hpp>
#include <hpcsched/workload/arrival_process.hpp>
#include <hpcsched/workload/generator_config.hpp>
#include <hpcsched/workload/offered_work.hpp>
#include <hpcsched/workload/row_reader.hpp>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace hpcsched::experiment {

/// A preset as a workload of a grid, under the preset's name. Each cell's load, CPUs, seed and arrival CV take the
/// place of the config's; a load of 0 is the published rate, a CV above 0 means bursty arrivals.
/// \error what is wrong with the config, as `workload::validate` says, whatever the cells ask for; a burst length that
/// no CV above 1 goes with, when a cell is opened
[[nodiscard]] result<grid_workload> generated_workload(workload::generator_config const& config);

/// A trace to be replayed.
struct recorded_config {
    std::string name;                         ///< of the workload in the grid
    std::vector<std::filesystem::path> files; ///< of one trace, as `open_trace` takes them; not the standard input
    trace_options options{};                  ///< the seed is the cell's own
    std::uint64_t limit = 0;                  ///< ends the trace after so many invocations; 0: no limit
    std::optional<workload::arrival_kind> arrivals{}; ///< in place of the recorded ones
};

/// A trace as a workload of a grid, and what was seen when it was read to be measured.
struct recorded_trace {
    grid_workload workload;
    trace_format format = trace_format::automatic;
    workload::read_counts counts;
    workload::offered_work work; ///< with the seed of `recorded_config::options`
};

/// A trace as a workload of a grid. It begins at 0 with its first arrival. A cell's load stretches its time line, or
/// spaces the arrivals that replace the recorded ones; 0 leaves their rate as it is. A cell's arrival CV above 0 means
/// bursty arrivals. The files are read once here, and streamed again for every cell.
/// \error what is wrong with the files, with file, line and column; no invocation in them; arrivals that a load cannot
/// stretch, when a cell is opened
/// \complexity O(rows); memory as the format's reader says
[[nodiscard]] result<recorded_trace> recorded_workload(recorded_config config);

/// The stream's invocations up to the limit; 0: all.
[[nodiscard]] std::unique_ptr<invocation_stream> limited_stream(std::unique_ptr<invocation_stream> stream,
                                                                std::uint64_t limit);

} // namespace hpcsched::experiment

#endif
