// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_CLI_WORKLOAD_TEXT_HPP
#define HPCSCHED_CLI_WORKLOAD_TEXT_HPP

#include <hpcsched/workload/calibration.hpp>
#include <hpcsched/workload/describe.hpp>
#include <hpcsched/workload/function_names.hpp>

#include <cstdint>
#include <span>
#include <string>

namespace hpcsched::cli {

/// A workload that was read to its end.
struct workload_description {
    std::string name;
    std::string format; ///< "preset", or the trace's
    workload::workload_summary summary;
    workload::function_names names;
    std::uint32_t cpu_count = 12; ///< that the offered load is told for
};

/// For a person: a few lines of figures and the most invoked functions.
[[nodiscard]] std::string description_text(workload_description const& described);

/// The same as one line of JSON: times in seconds, shares 0 to 1.
[[nodiscard]] std::string description_json(workload_description const& described);

/// An array of objects `preset, seed, draws, holds, rows`, one line.
[[nodiscard]] std::string calibration_json(std::span<workload::calibration_report const> reports);

/// The presets with their descriptions, one line each.
[[nodiscard]] std::string preset_list();

} // namespace hpcsched::cli

#endif
