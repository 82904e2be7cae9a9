// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_EXPERIMENT_NOTEBOOK_TRACE_FILE_HPP
#define HPCSCHED_EXPERIMENT_NOTEBOOK_TRACE_FILE_HPP

#include <hpcsched/core/result.hpp>
#include <hpcsched/workload/notebook_cell.hpp>
#include <hpcsched/workload/row_reader.hpp>

#include <filesystem>

namespace hpcsched::experiment {

/// Reads a trace of notebooks from a file, which may be compressed with gzip: the published schema of Adobe's traces
/// (`job_id,num_gpu,submit_time,...`), or this library's own (`submit_s,session,gpus,run_s`), told by its first line.
/// \param path    "-": the standard input
/// \param counts  where not null: what became of the rows
/// \error the place and kind of the first bad row, or that it is neither
[[nodiscard]] result<workload::notebook_trace> read_notebook_trace(std::filesystem::path const& path,
                                                                   workload::row_policy rows = {},
                                                                   workload::read_counts* counts = nullptr);

} // namespace hpcsched::experiment

#endif
