// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_SRC_EXPERIMENT_TRACE_KIND_HPP
#define HPCSCHED_SRC_EXPERIMENT_TRACE_KIND_HPP

#include <hpcsched/core/result.hpp>
#include <hpcsched/experiment/trace_file.hpp>

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace hpcsched::experiment::detail {

/// What part of a trace a file is.
enum class trace_part : std::uint8_t {
    whole,     ///< all of it, or one of several alike
    counts,    ///< how often functions are invoked: Azure 2019 invocations, Huawei 2023 requests
    durations, ///< how long invocations take: Azure 2019 durations, Huawei 2023 function_delay
    memory,    ///< Azure 2019
};

/// What a file is.
struct trace_kind {
    trace_format format = trace_format::automatic;
    trace_part part = trace_part::whole;
};

/// Tells what a file is from its first bytes.
/// \param start   the first bytes, with the first line whole or 64 KiB of it
/// \param path    tells the two tables of Huawei 2023 apart
/// \param wanted  the format it has to be, or `automatic`
/// \error that it is none of those that are known, or could be two of them; with `name` in front
[[nodiscard]] result<trace_kind> classify_trace(std::string_view start, std::filesystem::path const& path,
                                                std::string const& name, trace_format wanted);

} // namespace hpcsched::experiment::detail

#endif
