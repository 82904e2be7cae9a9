// SPDX-License-Identifier: Apache-2.0
#include "workload_names.hpp"

#include <hpcsched/experiment/trace_file.hpp>
#include <hpcsched/workload/arrival_process.hpp>
#include <hpcsched/workload/presets.hpp>

#include "launcher.hpp"

#include <iostream>

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
