// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_WORKLOAD_CSV_FORMAT_HPP
#define HPCSCHED_WORKLOAD_CSV_FORMAT_HPP

#include <string_view>

/// \file
/// hpcsched's own file of invocations: everything that `workload::invocation` has, to the nanosecond, readable by a
/// person, a spreadsheet and pandas (`comment="#"`).
///
///     # hpcsched workload 1
///     arrival_ns,function,service_ns,memory_mb,blocking
///     0,fib-27,60000000,128,
///     1250000,"thumbnail, large",42000000,512,0:30000000;1000000:2500
///
/// The first line names the format and its version, 1; where it is absent, the version is 1. Further lines that begin
/// with # are comments. Then comes the header: these column names, in any order; `memory_mb` and `blocking` may be
/// absent, other columns are passed over. Then one row per invocation:
///
/// | column       | meaning                                                                                     |
/// |--------------|---------------------------------------------------------------------------------------------|
/// | `arrival_ns` | whole nanoseconds since the start of the workload, >= 0; never less than in the row above   |
/// | `function`   | its name, not empty; with a comma, a quote or a carriage return in it, in quotes            |
/// | `service_ns` | CPU time it needs in all, whole nanoseconds, > 0                                             |
/// | `memory_mb`  | memory it holds while alive, whole MiB; 0 or empty: not known                                |
/// | `blocking`   | its blocking segments, `after_cpu_ns:length_ns` with semicolons between; empty: none         |
///
/// Segments ascend in after_cpu_ns, which is at most service_ns; lengths are > 0. Text is UTF-8; lines end with LF or
/// CR LF. Function ids are not in the file: they are given in order of first appearance, so a workload that numbers its
/// functions so, as all of this library do, comes back from a file exactly as it was written.

namespace hpcsched::workload::csv_format {

inline constexpr std::string_view version_line = "# hpcsched workload 1";
inline constexpr std::string_view version_prefix = "# hpcsched workload ";
inline constexpr std::string_view version = "1";
inline constexpr std::string_view header = "arrival_ns,function,service_ns,memory_mb,blocking";

} // namespace hpcsched::workload::csv_format

#endif
