// SPDX-License-Identifier: Apache-2.0
#include "workload_text.hpp"

#include <hpcsched/core/percentiles.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/workload/duration_group.hpp>
#include <hpcsched/workload/presets.hpp>

#include <boost/json.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdio>
#include <utility>
#include <vector>

namespace json = boost::json;

namespace hpcsched::cli {
namespace {

constexpr std::array<char const*, workload::described_percentiles.size()> percentile_names{
    "p50", "p75", "p90", "p95", "p99", "p99.9", "p99.99"};

template <class... Values>
std::string text(char const* format, Values... values) {
    std::array<char, 200> buffer{};
    std::snprintf(buffer.data(), buffer.size(), format, values...); // NOLINT(cppcoreguidelines-pro-type-vararg)
    return buffer.data();
}

/// A time in the unit that suits it.
std::string time_text(double seconds) {
    if (seconds == 0) {
        return "0 s";
    }
    if (seconds < 1e-3) {
        return text("%.4g us", seconds * 1e6);
    }
    if (seconds < 1) {
        return text("%.4g ms", seconds * 1e3);
    }
    if (seconds < 600) {
        return text("%.4g s", seconds);
    }
    if (seconds < 7200) {
        return text("%.4g min", seconds / 60);
    }
    return seconds < 2 * 86400 ? text("%.4g h", seconds / 3600) : text("%.4g days", seconds / 86400);
}

std::string time_text(duration length) {
    return time_text(to_seconds(length));
}

std::string line(std::string const& name, std::string const& value) {
    return "  " + name + std::string(name.size() < 16 ? 16 - name.size() : 1, ' ') + value + '\n';
}

std::string load_text(workload::offered_work const& work, std::uint32_t cpu_count) {
    auto const load = work.load(cpu_count);
    return load ? text("%.4g on %u CPUs", *load, cpu_count) : "none: all arrive at once";
}

std::string groups_text(workload::workload_summary const& s) {
    std::string all;
    for (std::size_t g = 0; g < s.groups.size(); ++g) {
        double const of_service = to_seconds(s.work.service);
        double const share_of_service = of_service > 0 ? to_seconds(s.groups[g].service) / of_service : 0;
        all += text("%sG%zu %.2f %% (%.2f %% of the work)", g == 0 ? "" : ", ", g + 1, s.share(s.groups[g].count) * 100,
                    share_of_service * 100);
    }
    return all;
}

std::string shown_name(std::string_view name) {
    constexpr std::size_t longest = 44;
    return std::string{name.substr(0, longest)} + (name.size() > longest ? ".." : "");
}

std::string functions_text(workload_description const& described) {
    std::string all = "  most invoked functions:\n";
    std::size_t width = 0;
    for (workload::function_summary const& f : described.summary.top) {
        width = std::max(width, shown_name(described.names.name(f.function)).size());
    }
    for (workload::function_summary const& f : described.summary.top) {
        std::string const name = shown_name(described.names.name(f.function));
        all += "    " + name + std::string(width - name.size(), ' ') +
               text("  %6.2f %%  mean ", described.summary.share(f.count) * 100) +
               time_text(to_seconds(f.service) / static_cast<double>(f.count)) + '\n';
    }
    return all;
}

json::object groups_object(workload::workload_summary const& s) {
    json::object groups;
    for (std::size_t g = 0; g < s.groups.size(); ++g) {
        groups["G" + std::to_string(g + 1)] = {{"count", s.groups[g].count},
                                               {"service", to_seconds(s.groups[g].service)}};
    }
    return groups;
}

json::object service_object(workload::workload_summary const& s) {
    json::object service{{"total", to_seconds(s.work.service)},
                         {"mean", s.service_mean_ns * 1e-9},
                         {"min", to_seconds(s.service_min)},
                         {"max", to_seconds(s.service_max)}};
    for (std::size_t p = 0; p < percentile_names.size(); ++p) {
        service[percentile_names[p]] = to_seconds(s.service_percentiles[p]);
    }
    return service;
}

} // namespace

std::string description_text(workload_description const& described) {
    workload::workload_summary const& s = described.summary;
    std::string all = described.name + " (" + described.format + ")\n";
    all += line("invocations", text("%llu of %llu functions", static_cast<unsigned long long>(s.work.count),
                                    static_cast<unsigned long long>(s.function_count)));
    if (s.work.count == 0) {
        return all;
    }
    all += line("arrivals", "over " + time_text(s.work.span()) + ", every " + time_text(s.interarrival_mean_ns * 1e-9) +
                                text(" in the mean, CV %.3g", s.interarrival_cv));
    all += line("offered load", load_text(s.work, described.cpu_count));
    all += line("service time", "mean " + time_text(s.service_mean_ns * 1e-9) + ", from " + time_text(s.service_min) +
                                    " to " + time_text(s.service_max));
    std::string percentiles;
    for (std::size_t p = 0; p < percentile_names.size(); ++p) {
        percentiles +=
            (p == 0 ? "" : ", ") + std::string{percentile_names[p]} + " " + time_text(s.service_percentiles[p]);
    }
    all += line("", percentiles);
    all += line("groups", groups_text(s));
    if (s.blocking_count > 0) {
        all += line("blocking", text("%.2f %% of the invocations, ", s.share(s.blocking_count) * 100) +
                                    time_text(s.blocking) + " in all");
    }
    all += line("memory", s.memory_count == 0 ? std::string{"not known"}
                                              : text("mean %.0f MB, from %u to %u MB", s.memory_mean_mb,
                                                     s.memory_min_mb, s.memory_max_mb));
    return all + functions_text(described);
}

std::string description_json(workload_description const& described) {
    workload::workload_summary const& s = described.summary;
    auto const load = s.work.count == 0 ? std::nullopt : s.work.load(described.cpu_count);
    json::array top;
    for (workload::function_summary const& f : s.top) {
        top.push_back(
            {{"name", described.names.name(f.function)}, {"count", f.count}, {"service", to_seconds(f.service)}});
    }
    json::object const object{
        {"name", described.name},
        {"format", described.format},
        {"invocations", s.work.count},
        {"functions", s.function_count},
        {"span", to_seconds(s.work.span())},
        {"interarrival_mean", s.interarrival_mean_ns * 1e-9},
        {"interarrival_cv", s.interarrival_cv},
        {"simultaneous", s.simultaneous_count},
        {"cpu_count", described.cpu_count},
        {"offered_load", load ? json::value(*load) : json::value(nullptr)},
        {"service", service_object(s)},
        {"groups", groups_object(s)},
        {"blocking_invocations", s.blocking_count},
        {"blocking", to_seconds(s.blocking)},
        {"memory_known", s.memory_count},
        {"memory_mean_mb", s.memory_mean_mb},
        {"memory_min_mb", s.memory_min_mb},
        {"memory_max_mb", s.memory_max_mb},
        {"top_functions", std::move(top)},
    };
    return json::serialize(object) + '\n';
}

std::string calibration_json(std::span<workload::calibration_report const> reports) {
    json::array all;
    for (workload::calibration_report const& report : reports) {
        json::array rows;
        for (workload::calibration_row const& row : report.rows) {
            rows.push_back({{"quantity", row.quantity},
                            {"unit", row.unit},
                            {"published", row.published},
                            {"generated", row.generated},
                            {"tolerance", row.tolerance},
                            {"binding", row.is_binding},
                            {"holds", row.holds()},
                            {"note", row.note}});
        }
        all.push_back({{"preset", name_of(report.from)},
                       {"seed", report.seed},
                       {"draws", report.draws},
                       {"holds", report.holds()},
                       {"rows", std::move(rows)}});
    }
    return json::serialize(all) + '\n';
}

std::string preset_list() {
    std::size_t width = 0;
    for (workload::preset_info const& preset : workload::presets) {
        width = std::max(width, preset.name.size());
    }
    std::string all;
    for (workload::preset_info const& preset : workload::presets) {
        std::string const name{preset.name};
        all += name + std::string(width + 2 - name.size(), ' ') + std::string{preset.description} + '\n';
    }
    return all;
}

} // namespace hpcsched::cli
