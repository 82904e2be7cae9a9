// SPDX-License-Identifier: Apache-2.0
#include "workload_names.hpp"

#include <hpcsched/experiment/trace_file.hpp>
#include <hpcsched/workload/arrival_process.hpp>
#include <hpcsched/workload/presets.hpp>

#include "launcher.hpp"

#include <algorithm>
#include <iostream>
#include <iterator>

namespace hpcsched::cli {

std::vector<std::string> preset_names() {
    std::vector<std::string> names;
    for (workload::preset_info const& preset : workload::presets) {
        names.emplace_back(preset.name);
    }
    return names;
}

std::vector<std::string> trace_format_names() {
    std::vector<std::string> names;
    for (experiment::trace_format const format : experiment::trace_formats()) {
        names.emplace_back(name_of(format));
    }
    return names;
}

std::vector<std::string> arrival_kind_names() {
    std::vector<std::string> names;
    for (workload::arrival_kind_info const& kind : workload::arrival_kinds) {
        names.emplace_back(kind.name);
    }
    return names;
}

bool is_preset(std::string_view name) {
    return workload::parse_preset(name).has_value();
}

result<std::optional<workload::function_drift>> asked_drift(workload::preset preset, std::optional<double> correlation,
                                                            std::optional<double> length) {
    if (!correlation && !length) {
        return std::optional<workload::function_drift>{};
    }
    workload::function_drift drift = info_of(preset).drift;
    drift.correlation = correlation.value_or(drift.correlation);
    drift.length = length.value_or(drift.length);
    if (length && drift.correlation == 0) {
        return error{"--drift-length: the functions of " + std::string{name_of(preset)} +
                     " do not drift: give --drift too, such as 0.035, or leave it out"};
    }
    return std::optional{drift};
}

void check_in_use(arguments const& given, std::span<std::string const> workloads,
                  std::span<char const* const> of_presets) {
    auto const preset_count = std::count_if(workloads.begin(), workloads.end(), is_preset);
    if (preset_count == 0) {
        for (char const* const option : of_presets) {
            if (given.has(option)) {
                throw failure{exit_code::usage, std::string{option} +
                                                    " is for presets, and none is named: leave it out; --limit reads "
                                                    "fewer invocations of a file"};
            }
        }
    }
    if (preset_count == std::ssize(workloads)) {
        for (char const* const option : {"--format", "--limit", "--skip-malformed"}) {
            if (given.has(option)) {
                throw failure{exit_code::usage, std::string{option} +
                                                    " is for trace files, and none is named: leave it out; --count "
                                                    "says how many invocations of a preset"};
            }
        }
    }
}

void report_counts(std::string const& command, std::string const& trace, workload::read_counts const& counts) {
    if (launched_as().rank != 0) {
        return; // every rank read it
    }
    if (counts.skipped_count > 0) {
        std::cerr << command << ": " << trace << ": " << counts.skipped_count
                  << (counts.skipped_count == 1 ? " malformed row was" : " malformed rows were")
                  << " left out; the first: " << counts.first_skipped << '\n';
    }
    if (counts.unmatched_count > 0) {
        std::cerr << command << ": " << trace << ": " << counts.unmatched_count
                  << (counts.unmatched_count == 1 ? " row has" : " rows have")
                  << " no partner in the trace's other files and cannot be used\n";
    }
}

} // namespace hpcsched::cli
