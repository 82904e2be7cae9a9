// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_EXPERIMENT_SAVE_WORKLOAD_HPP
#define HPCSCHED_EXPERIMENT_SAVE_WORKLOAD_HPP

#include <hpcsched/core/result.hpp>
#include <hpcsched/experiment/invocation_stream.hpp>
#include <hpcsched/workload/function_names.hpp>

#include <cstdint>
#include <filesystem>

namespace hpcsched::experiment {

/// Writes a stream into a file of hpcsched's own format (workload/csv_format.hpp), compressed with gzip where the name
/// ends with ".gz"; "-" is the standard output.
///
/// The file appears under its name only when it is complete: until then it is called like it, with ".part" behind.
///
/// \param names  of the stream's functions; may grow while the stream is read
/// \return how many invocations were written
/// \error what the stream says, or why the file cannot be written; an older file of that name is left as it was
[[nodiscard]] result<std::uint64_t> save_workload(std::filesystem::path const& file, invocation_stream& stream,
                                                  workload::function_names const& names);

} // namespace hpcsched::experiment

#endif
