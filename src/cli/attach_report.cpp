// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/core/time.hpp>

#include <boost/json.hpp>

#include "attached.hpp"

#include <algorithm>
#include <iomanip>
#include <sstream>
#include <tuple>

namespace hpcsched::cli {

namespace {

namespace json = boost::json;

std::string class_of(cpu_linux::scheduling const& s) {
    switch (s.policy) {
    case cpu::sched_policy::fifo:
        return "FIFO " + std::to_string(s.rt_priority);
    case cpu::sched_policy::rr:
        return "RR " + std::to_string(s.rt_priority);
    default:
        return s.nice == 0 ? "fair" : "nice " + std::to_string(s.nice);
    }
}

/// The row of a function or an invocation, with what is not known left out.
template <class Value>
void add(json::object& to, char const* name, std::optional<Value> const& value) {
    if (value) {
        to[name] = *value;
    }
}

std::optional<double> seconds(std::optional<duration> const& length) {
    return length ? std::optional{to_seconds(*length)} : std::nullopt;
}

json::object row_of(cpu_linux::function_figures const& f, learned_estimate const& learned) {
    json::object row{{"name", f.name},
                     {"running", f.running},
                     {"finished", f.finished},
                     {"cpu_seconds", to_seconds(f.cpu_time)},
                     {"turnaround_seconds", to_seconds(f.turnaround)},
                     {"context_switches", f.context_switches},
                     {"preemptions", f.preemptions}};
    add(row, "expected_seconds", seconds(learned.service));
    add(row, "slice_seconds", seconds(learned.slice));
    add(row, "rank", learned.rank);
    return row;
}

/// "1.23 s", "45.6 ms"; four characters and the unit.
std::string as_time(double seconds) {
    std::ostringstream out;
    bool const is_short = seconds < 1;
    double const value = is_short ? seconds * 1e3 : seconds;
    out << std::fixed << std::setprecision(value < 10 ? 2 : value < 100 ? 1 : 0) << value << (is_short ? " ms" : " s");
    return out.str();
}

std::string time_at(json::object const& row, char const* name) {
    auto const* const value = row.if_contains(name);
    return value == nullptr ? "-" : as_time(value->to_number<double>());
}

std::string count_at(json::object const& row, char const* name) {
    auto const* const value = row.if_contains(name);
    return value == nullptr ? "-" : json::serialize(*value);
}

std::string mean(json::object const& row, char const* sum, char const* count, bool is_time) {
    double const n = row.at(count).to_number<double>();
    if (n == 0) {
        return "-";
    }
    double const value = row.at(sum).to_number<double>() / n;
    if (is_time) {
        return as_time(value);
    }
    std::ostringstream out;
    out << std::fixed << std::setprecision(1) << value;
    return out.str();
}

/// Text without what would move a terminal's cursor.
std::string printable(std::string text) {
    std::ranges::replace_if(text, [](unsigned char c) { return c < ' ' || c == 127; }, '?');
    return text;
}

/// Rows of cells, the first column to the left and the others to the right.
std::string aligned(std::vector<std::vector<std::string>> const& rows) {
    std::vector<std::size_t> widths;
    for (auto const& row : rows) {
        widths.resize(std::max(widths.size(), row.size()));
        for (std::size_t i = 0; i < row.size(); ++i) {
            widths[i] = std::max(widths[i], row[i].size());
        }
    }
    std::ostringstream out;
    for (auto const& row : rows) {
        for (std::size_t i = 0; i < row.size(); ++i) {
            out << (i == 0 ? std::left : std::right) << std::setw(static_cast<int>(widths[i])) << row[i]
                << (i + 1 == row.size() ? "\n" : "  ");
        }
    }
    return out.str();
}

} // namespace

std::string to_json(attach_report const& report) {
    json::array functions;
    for (std::size_t i = 0; i < report.functions.size(); ++i) {
        functions.push_back(row_of(report.functions[i], report.learned[i]));
    }
    json::array invocations;
    for (cpu_linux::invocation_figures const& each : report.invocations) {
        invocations.push_back(json::object{{"process", each.process},
                                           {"function", report.functions[each.function.value].name},
                                           {"class", class_of(each.given)},
                                           {"slice_seconds", to_seconds(each.given.slice)},
                                           {"age_seconds", to_seconds(cpu_linux::now() - each.begin)},
                                           {"cpu_seconds", to_seconds(each.cpu_time)}});
    }
    return json::serialize(json::object{{"policy", report.policy},
                                        {"backend", report.backend},
                                        {"sensor", report.sensor},
                                        {"uptime_seconds", to_seconds(report.uptime)},
                                        {"own_cpu_seconds", to_seconds(report.own_cpu_time)},
                                        {"events", report.counts.events},
                                        {"commands", report.counts.commands},
                                        {"requests", report.counts.requests},
                                        {"requests_not_allowed", report.counts.not_allowed},
                                        {"requests_not_possible", report.counts.not_possible},
                                        {"lost_events", report.lost_events},
                                        {"functions", std::move(functions)},
                                        {"invocations", std::move(invocations)}});
}

std::string to_table(std::string const& report_json, std::size_t lines) {
    json::value const document = json::parse(report_json);
    json::object const& all = document.as_object();
    auto const text = [&](char const* name) { return std::string{all.at(name).as_string()}; };
    double const uptime = all.at("uptime_seconds").to_number<double>();
    double const share = all.at("own_cpu_seconds").to_number<double>() / std::max(uptime, 1e-9);
    std::ostringstream out;
    out << text("policy") << " by " << text("backend") << ", sensor " << text("sensor") << ", for " << as_time(uptime)
        << ", own CPU " << std::fixed << std::setprecision(2) << 100 * share << " % of one CPU; "
        << count_at(all, "events") << " events, " << count_at(all, "requests") << " requests, "
        << count_at(all, "requests_not_allowed") << " refused, " << count_at(all, "lost_events") << " lost\n\n";
    std::vector<json::object const*> functions;
    for (json::value const& each : all.at("functions").as_array()) {
        functions.push_back(&each.as_object());
    }
    auto const rank_of = [](json::object const* f) { // the busiest first, else as they were found
        return std::tuple{-f->at("running").to_number<std::int64_t>(), -f->at("finished").to_number<std::int64_t>(), f};
    };
    std::ranges::sort(functions, {}, rank_of);
    json::array const& invocations = all.at("invocations").as_array();
    // Functions have at least half of the lines, and what the invocations leave.
    std::size_t const room = lines < 8 ? 1 : lines - 6;
    std::size_t const function_lines =
        std::min(functions.size(), std::max(room / 2, room - std::min(room, invocations.size())));
    std::vector<std::vector<std::string>> rows{
        {"FUNCTION", "RUNNING", "FINISHED", "CPU TIME", "TURNAROUND", "SWITCHES", "EXPECTED", "SLICE", "RANK"}};
    for (std::size_t i = 0; i < function_lines; ++i) {
        json::object const& f = *functions[i];
        rows.push_back({printable(std::string{f.at("name").as_string()}), count_at(f, "running"),
                        count_at(f, "finished"), mean(f, "cpu_seconds", "finished", true),
                        mean(f, "turnaround_seconds", "finished", true), mean(f, "context_switches", "finished", false),
                        time_at(f, "expected_seconds"), time_at(f, "slice_seconds"), count_at(f, "rank")});
    }
    out << aligned(rows) << '\n';
    rows = {{"PROCESS", "FUNCTION", "CLASS", "SLICE", "AGE", "CPU TIME", "NOT RUNNING"}};
    std::size_t const invocation_lines = std::min(invocations.size(), room - function_lines);
    for (std::size_t i = 0; i < invocation_lines; ++i) {
        json::object const& each = invocations[i].as_object();
        double const age = each.at("age_seconds").to_number<double>();
        double const had = each.at("cpu_seconds").to_number<double>();
        double const slice = each.at("slice_seconds").to_number<double>();
        rows.push_back({count_at(each, "process"), printable(std::string{each.at("function").as_string()}),
                        std::string{each.at("class").as_string()}, slice == 0 ? "-" : as_time(slice), as_time(age),
                        as_time(had), as_time(std::max(age - had, 0.0))});
    }
    out << aligned(rows);
    if (invocation_lines < invocations.size()) {
        out << "and " << invocations.size() - invocation_lines << " more\n";
    }
    return out.str();
}

} // namespace hpcsched::cli
