// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_EXPERIMENT_TRACE_FILE_HPP
#define HPCSCHED_EXPERIMENT_TRACE_FILE_HPP

#include <hpcsched/core/result.hpp>
#include <hpcsched/experiment/invocation_stream.hpp>
#include <hpcsched/workload/function_names.hpp>
#include <hpcsched/workload/read_azure2019.hpp>
#include <hpcsched/workload/read_azure2021.hpp>
#include <hpcsched/workload/read_client_trace.hpp>
#include <hpcsched/workload/read_huawei2023.hpp>
#include <hpcsched/workload/read_huawei2025.hpp>
#include <hpcsched/workload/read_sfs.hpp>
#include <hpcsched/workload/row_reader.hpp>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string_view>

namespace hpcsched::experiment {

/// The formats of traces that can be read.
enum class trace_format : std::uint8_t {
    automatic,      ///< "auto": told from the first lines
    csv,            ///< "csv": hpcsched's own, workload/csv_format.hpp
    azure2019,      ///< "azure2019": two or three files for each day, workload/read_azure2019.hpp
    azure2021,      ///< "azure2021": workload/read_azure2021.hpp
    huawei2023,     ///< "huawei2023": one or two files for each day, workload/read_huawei2023.hpp
    huawei2025,     ///< "huawei2025": one file or several, workload/read_huawei2025.hpp
    sfs,            ///< "sfs": workload/read_sfs.hpp
    sfs_openlambda, ///< "sfs-openlambda": workload/read_client_trace.hpp
    alps,           ///< "alps": workload/read_client_trace.hpp
};

/// The name of a format on the command line.
[[nodiscard]] std::string_view name_of(trace_format format) noexcept;

/// All formats, `automatic` first.
[[nodiscard]] std::span<trace_format const> trace_formats() noexcept;

/// The format with this name.
/// \error lists the valid names
[[nodiscard]] result<trace_format> find_trace_format(std::string_view name);

/// How a trace is read. The options of each format are used for that format only; their `rows` are not used: `rows`
/// here counts for all.
struct trace_options {
    trace_format format = trace_format::automatic;
    workload::row_policy rows{};

    /// For what a trace does not tell and the reader makes up: arrivals within a minute, single durations.
    std::uint64_t seed = 1;

    workload::azure2019_options azure2019{};
    workload::azure2021_options azure2021{};
    workload::huawei2023_options huawei2023{};
    workload::huawei2025_options huawei2025{};
    workload::sfs_options sfs{};
    workload::client_trace_options sfs_openlambda = workload::client_trace_options::sfs_openlambda();
    workload::client_trace_options alps = workload::client_trace_options::alps_client();
};

/// The invocations of a trace, its files open.
/// \thread_safety none; one stream per run
class trace_stream : public invocation_stream {
  public:
    /// The functions that appeared so far, by the ids in the invocations.
    [[nodiscard]] virtual workload::function_names const& names() const noexcept = 0;

    /// What became of the rows; complete at the end of the stream.
    [[nodiscard]] virtual workload::read_counts counts() const = 0;

    /// Never `automatic`.
    [[nodiscard]] virtual trace_format format() const noexcept = 0;
};

/// Opens a trace.
///
/// A file may be compressed with gzip, whatever its name is; "-" is the standard input. A folder stands for all files
/// in it that are not hidden, in order of their names. The format is told from the first lines, never from a name, but
/// that the two tables of Huawei 2023 look alike: one with "function_delay" in its path is that.
///
/// Several files are the parts of one trace: the tables of Azure 2019 (invocations, durations and perhaps memory, of as
/// many days), those of Huawei 2023 (requests and perhaps function_delay), the parts of Huawei 2025. Days count in the
/// order given.
///
/// \error a file that cannot be opened or is compressed in another way; a format that is not known, with the ones that
///        are; parts that do not belong together. What is wrong further down in a file, `next` says when it gets there.
[[nodiscard]] result<std::unique_ptr<trace_stream>> open_trace(std::span<std::filesystem::path const> files,
                                                               trace_options const& options = {});

/// \overload for a trace of one file or folder
[[nodiscard]] result<std::unique_ptr<trace_stream>> open_trace(std::filesystem::path const& file,
                                                               trace_options const& options = {});

} // namespace hpcsched::experiment

#endif
