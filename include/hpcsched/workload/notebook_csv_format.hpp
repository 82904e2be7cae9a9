// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_WORKLOAD_NOTEBOOK_CSV_FORMAT_HPP
#define HPCSCHED_WORKLOAD_NOTEBOOK_CSV_FORMAT_HPP

#include <string_view>

/// \file
/// hpcsched's own file of notebooks: every cell that a `workload::notebook_trace` has, to the nanosecond, readable by a
/// person, a spreadsheet and pandas (`comment="#"`).
///
///     # hpcsched notebooks 1
///     submit_s,session,gpus,run_s
///     0.000000000,0,1,180.000000000
///     420.500000000,1,8,26.000000001
///     600.000000000,0,4,61260.000000000
///
/// The first line names the format and its version, 1; where it is absent, the version is 1. Further lines that begin
/// with # are comments. Then comes the header: these column names, in any order; other columns are passed over. Then
/// one row per cell:
///
/// | column     | meaning                                                                                          |
/// |------------|--------------------------------------------------------------------------------------------------|
/// | `submit_s` | when it is submitted, in seconds since the start of the workload; never less than in the row above |
/// | `session`  | the number of its session, whole, below 2^32                                                     |
/// | `gpus`     | devices that it needs, whole, from 1 to 1,048,576                                                |
/// | `run_s`    | how long it computes once it has its devices, in seconds, above 0                                |
///
/// Seconds are decimal numbers, rounded to nine digits after the point, and at most 73 years. The cells of a session
/// run one after another, so none is submitted before the one above it of its session ends. Text is UTF-8; lines end
/// with LF or CR LF.
///
/// Numbers of sessions tell them apart and no more: sessions are numbered anew in order of first appearance, so a
/// trace, whose sessions are numbered so, comes back as it was written. When a session opens and closes is not in the
/// file: it follows from its cells, as everywhere but in a window that was cut out of a trace with sessions that are
/// held beyond their cells (notebook_window.hpp).

namespace hpcsched::workload::notebook_csv_format {

inline constexpr std::string_view version_line = "# hpcsched notebooks 1";
inline constexpr std::string_view version_prefix = "# hpcsched notebooks ";
inline constexpr std::string_view version = "1";
inline constexpr std::string_view header = "submit_s,session,gpus,run_s";

} // namespace hpcsched::workload::notebook_csv_format

#endif
