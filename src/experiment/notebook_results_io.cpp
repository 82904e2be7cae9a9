// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/experiment/notebook_results_io.hpp>

#include <boost/json.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdio>
#include <iomanip>
#include <sstream>
#include <string_view>
#include <utility>
#include <vector>

namespace json = boost::json;

namespace hpcsched::experiment {
namespace {

// --- the figures, once for all formats ---------------------------------------------------------------------

template <class Visitor>
void visit_times(std::string const& name, time_quantiles const& t, Visitor&& visit) {
    visit(name + "_mean", t.mean);
    visit(name + "_p50", t.p50);
    visit(name + "_p90", t.p90);
    visit(name + "_p99", t.p99);
    visit(name + "_max", t.largest);
}

template <class Visitor>
void visit_cells(std::string const& name, cell_figures const& f, Visitor&& visit) {
    visit(name + "cells", static_cast<double>(f.count));
    visit(name + "at_once", f.at_once);
    visit(name + "moved", f.moved);
    visit(name + "same_executor", f.same_executor);
    visit(name + "device_hours", f.device_hours);
    visit_times(name + "delay", f.delay, visit);
    visit_times(name + "completion", f.completion, visit);
}

template <class Visitor>
void visit_figures(notebook_result const& r, Visitor&& visit) {
    visit("devices_per_host", static_cast<double>(r.devices_per_host));
    visit("device_hours_provisioned", r.provisioned);
    visit("device_hours_leased", r.leased);
    visit("device_hours_busy", r.busy);
    visit("device_hours_wasted", r.wasted);
    visit("dollars", r.dollars);
    visit("hosts_mean", r.hosts_mean);
    visit("hosts_peak", static_cast<double>(r.hosts_peak));
    visit("hosts_provisioned", static_cast<double>(r.hosts_provisioned));
    visit("hosts_released", static_cast<double>(r.hosts_released));
    visit("hosts_lost", static_cast<double>(r.hosts_lost));
    visit("moves_for_cells", static_cast<double>(r.moves_for_cells));
    visit("moves_ahead", static_cast<double>(r.moves_ahead));
    visit("replicas_on_a_host_peak", static_cast<double>(r.members_peak));
    visit("cells_run_again", static_cast<double>(r.rerun_cells));
    visit("subscription_ratio_mean", r.subscription_ratio_mean);
    visit("events", static_cast<double>(r.events));
    visit("run_seconds", r.run_seconds);
    visit_cells("", r.all, visit);
    visit_cells("brief_", r.brief, visit);
    visit_cells("long_", r.long_, visit);
}

/// The shortest text with up to ten digits.
[[nodiscard]] std::string number(double value) {
    std::array<char, 64> text{};
    auto const end = std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::general, 10);
    return {text.data(), end.ptr};
}

[[nodiscard]] std::string csv_text(std::string_view text) {
    std::string out = "\"";
    for (char const c : text) {
        out += c == '"' ? "\"\"" : std::string(1, c);
    }
    return out + '"';
}

[[nodiscard]] json::array curve_json(std::vector<share_point> const& curve) {
    json::array points;
    for (share_point const& p : curve) {
        points.push_back(json::array{p.seconds, p.share});
    }
    return points;
}

[[nodiscard]] json::object result_json(notebook_result const& r) {
    json::object o{{"policy", r.policy}, {"workload", r.workload}, {"seed", r.seed}};
    visit_figures(r, [&](std::string_view name, double value) { o[name] = value; });
    o["delay_curve"] = curve_json(r.delay_curve);
    o["completion_curve"] = curve_json(r.completion_curve);
    json::array samples;
    for (notebook_sim::cluster_sample const& s : r.samples) {
        samples.push_back(json::object{{"hours", to_seconds(s.at - time_point{}) / 3600},
                                       {"hosts", s.hosts},
                                       {"leased", s.leased},
                                       {"demand", s.demand},
                                       {"running_cells", s.running_cells},
                                       {"waiting_cells", s.waiting_cells}});
    }
    o["samples"] = std::move(samples);
    return o;
}

[[nodiscard]] std::string percent(double share) {
    std::ostringstream text;
    text << std::fixed << std::setprecision(1) << 100 * share << " %";
    return text.str();
}

[[nodiscard]] std::string fixed(double value, int digits) {
    std::ostringstream text;
    text << std::fixed << std::setprecision(digits) << value;
    return text.str();
}

} // namespace

std::string notebook_table(std::span<notebook_result const> results) {
    std::vector<std::vector<std::string>> rows{{"policy", "GPU-h", "saved", "wasted", "hosts", "at once",
                                                "delay p50 [s]", "p90", "p99", "max", "done p50 [s]", "p99", "moved",
                                                "ahead"}};
    for (notebook_result const& r : results) {
        auto const base = std::find_if(results.begin(), results.end(), [&](notebook_result const& other) {
            return other.policy == "reservation" && other.workload == r.workload && other.seed == r.seed;
        });
        rows.push_back({r.policy, fixed(r.provisioned, 0),
                        base == results.end() ? std::string{"-"} : fixed(base->provisioned - r.provisioned, 0),
                        fixed(r.wasted, 0), fixed(r.hosts_mean, 1), percent(r.all.at_once), fixed(r.all.delay.p50, 3),
                        fixed(r.all.delay.p90, 3), fixed(r.all.delay.p99, 2), fixed(r.all.delay.largest, 1),
                        fixed(r.all.completion.p50, 1), fixed(r.all.completion.p99, 0),
                        std::to_string(r.moves_for_cells), std::to_string(r.moves_ahead)});
    }
    std::vector<std::size_t> widths(rows.front().size());
    for (auto const& row : rows) {
        for (std::size_t i = 0; i < row.size(); ++i) {
            widths[i] = std::max(widths[i], row[i].size());
        }
    }
    std::ostringstream out;
    for (auto const& row : rows) {
        out << "  " << std::left << std::setw(static_cast<int>(widths[0])) << row[0] << std::right;
        for (std::size_t i = 1; i < row.size(); ++i) {
            out << "  " << std::setw(static_cast<int>(widths[i])) << row[i];
        }
        out << '\n';
    }
    return out.str();
}

std::string notebook_results_json(notebook_run_description const& run, std::span<notebook_result const> results) {
    json::array all;
    for (notebook_result const& r : results) {
        all.push_back(result_json(r));
    }
    json::object const document{{"schema", "hpcsched.notebook_results"},
                                {"version", 1},
                                {"program", run.program},
                                {"command", run.command},
                                {"window", run.window},
                                {"span_hours", run.span_hours},
                                {"dollars_per_device_hour", run.price.dollars_per_hour},
                                {"assumptions", run.assumptions},
                                {"results", std::move(all)}};
    return json::serialize(document) + '\n';
}

std::string notebook_results_csv(std::span<notebook_result const> results) {
    std::string out;
    bool header = true;
    for (notebook_result const& r : results) {
        if (std::exchange(header, false)) {
            out += "policy,workload,seed";
            visit_figures(r, [&](std::string const& name, double) { out += ',' + name; });
            out += "\r\n";
        }
        out += csv_text(r.policy) + ',' + csv_text(r.workload) + ',' + std::to_string(r.seed);
        visit_figures(r, [&](std::string const&, double value) { out += ',' + number(value); });
        out += "\r\n";
    }
    return out;
}

} // namespace hpcsched::experiment
