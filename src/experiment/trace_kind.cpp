// SPDX-License-Identifier: Apache-2.0
#include "trace_kind.hpp"

#include <hpcsched/workload/csv_format.hpp>
#include <hpcsched/workload/fields.hpp>
#include <hpcsched/workload/row_reader.hpp>

#include <algorithm>
#include <array>
#include <vector>

namespace hpcsched::experiment::detail {
namespace {

using workload::field;

std::string_view first_line(std::string_view text) {
    if (text.starts_with("\xef\xbb\xbf")) {
        text.remove_prefix(3);
    }
    while (!text.empty() && (text.front() == '\n' || text.front() == '\r')) {
        text.remove_prefix(1);
    }
    std::string_view line = text.substr(0, text.find('\n'));
    if (line.ends_with('\r')) {
        line.remove_suffix(1);
    }
    return line;
}

std::vector<std::string> split_header(std::string_view line) {
    std::vector<std::string> names;
    workload::field_cursor cursor{line};
    for (field f; cursor.next(f);) {
        names.emplace_back(f.text);
    }
    return names;
}

bool has_all(std::vector<std::string> const& names, std::initializer_list<std::string_view> wanted) {
    return std::all_of(wanted.begin(), wanted.end(), [&names](std::string_view name) {
        return std::find(names.begin(), names.end(), name) != names.end();
    });
}

trace_part huawei2023_part(std::filesystem::path const& path) {
    return std::any_of(path.begin(), path.end(),
                       [](std::filesystem::path const& component) {
                           return component.string().find("function_delay") != std::string::npos;
                       })
               ? trace_part::durations
               : trace_part::counts;
}

trace_part azure2019_part(std::vector<std::string> const& names) {
    return has_all(names, {"AverageAllocatedMb"}) ? trace_part::memory
           : has_all(names, {"Minimum"})          ? trace_part::durations
                                                  : trace_part::counts;
}

bool is_number(std::string_view text) {
    return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return workload::detail::is_digit(c); });
}

/// The words of a line, at most six of them.
std::vector<std::string_view> split_words(std::string_view line) {
    std::vector<std::string_view> words;
    workload::word_cursor cursor{line};
    for (field f; words.size() < 6 && cursor.next(f);) {
        words.push_back(f.text);
    }
    return words;
}

bool is_sfs(std::vector<std::string_view> const& words) {
    return words.size() == 5 && !is_number(words[0]) && !is_number(words[1]) && is_number(words[2]) &&
           is_number(words[3]) && is_number(words[4]);
}

bool is_client(std::vector<std::string_view> const& words) {
    return words.size() == 5 && is_number(words[0]) && is_number(words[1]) && !is_number(words[2]) &&
           is_number(words[3]) && is_number(words[4]);
}

/// SFS's and ALPS's clients write the same rows, with other jobs but for one.
/// \return `automatic` where no row tells
trace_format client_of(std::string_view text) {
    constexpr std::array<std::string_view, 2> of_sfs{"mk", "st"};
    constexpr std::array<std::string_view, 5> of_alps{"featureExtractor", "floatOperation", "graphBfs", "graphMst",
                                                      "graphPagerank"};
    while (!text.empty()) {
        std::size_t const size = std::min(text.find('\n'), text.size());
        if (auto const words = split_words(text.substr(0, size)); words.size() >= 3) {
            if (std::find(of_sfs.begin(), of_sfs.end(), words[2]) != of_sfs.end()) {
                return trace_format::sfs_openlambda;
            }
            if (std::find(of_alps.begin(), of_alps.end(), words[2]) != of_alps.end()) {
                return trace_format::alps;
            }
        }
        text.remove_prefix(std::min(size + 1, text.size()));
    }
    return trace_format::automatic;
}

trace_kind kind_of_header(std::vector<std::string> const& names, std::filesystem::path const& path) {
    if (has_all(names, {"arrival_ns", "function", "service_ns"})) {
        return {trace_format::csv, trace_part::whole};
    }
    if (has_all(names, {"app", "func", "end_timestamp", "duration"})) {
        return {trace_format::azure2021, trace_part::whole};
    }
    if (has_all(names, {"HashOwner", "HashApp"})) {
        return {trace_format::azure2019, azure2019_part(names)};
    }
    if (has_all(names, {"funcName", "runtimeCost"})) {
        return {trace_format::huawei2025, trace_part::whole};
    }
    if (names.size() > 2 && names[0] == "day" && names[1] == "time") {
        return {trace_format::huawei2023, huawei2023_part(path)};
    }
    return {};
}

trace_part part_of(trace_format format, std::vector<std::string> const& header, std::filesystem::path const& path) {
    return format == trace_format::azure2019    ? azure2019_part(header)
           : format == trace_format::huawei2023 ? huawei2023_part(path)
                                                : trace_part::whole;
}

} // namespace

result<trace_kind> classify_trace(std::string_view start, std::filesystem::path const& path, std::string const& name,
                                  trace_format wanted) {
    std::string_view const line = first_line(start);
    std::vector<std::string> const header = split_header(line);
    if (wanted != trace_format::automatic) {
        return trace_kind{wanted, part_of(wanted, header, path)};
    }
    if (start.empty()) {
        return error{name + ": the file is empty; name one with a trace in it"};
    }
    if (line.starts_with(workload::csv_format::version_prefix)) {
        return trace_kind{trace_format::csv, trace_part::whole};
    }
    if (trace_kind const kind = kind_of_header(header, path); kind.format != trace_format::automatic) {
        return kind;
    }
    std::vector<std::string_view> const words = split_words(line);
    if (is_sfs(words)) {
        return trace_kind{trace_format::sfs, trace_part::whole};
    }
    if (is_client(words)) {
        trace_format const client = client_of(start);
        if (client == trace_format::automatic) {
            return error{name + ": the rows may be SFS's or ALPS's, which count time differently; say which: "
                                "sfs-openlambda or alps"};
        }
        return trace_kind{client, trace_part::whole};
    }
    return error{name + ":1:1: " + workload::excerpt(line) +
                 " begins no trace that is known; name its format, or convert it to hpcsched's own, which begins "
                 "with the header " +
                 std::string{workload::csv_format::header}};
}

} // namespace hpcsched::experiment::detail
