// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/experiment/results_io.hpp>

#include <boost/json.hpp>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <limits>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace json = boost::json;

namespace hpcsched::experiment {
namespace {

// --- the fields, once for all formats --------------------------------------------------------------------

template <class Distribution, class Visitor>
void visit_distribution(Distribution& d, Visitor&& visit) {
    visit("mean", d.mean);
    visit("p50", d.p50);
    visit("p75", d.p75);
    visit("p90", d.p90);
    visit("p95", d.p95);
    visit("p99", d.p99);
    visit("p99.9", d.p999);
    visit("p99.99", d.p9999);
    visit("max", d.max);
}

template <class Key, class Visitor>
void visit_key(Key& key, Visitor&& visit) {
    visit("policy", key.policy);
    visit("workload", key.workload);
    visit("load", key.load);
    visit("arrival_cv", key.arrival_cv);
    visit("cpu_count", key.cpu_count);
    visit("seed", key.seed);
}

/// The figures of a cell that are one number each.
template <class Cell, class Visitor>
void visit_scalars(Cell& cell, Visitor&& visit) {
    visit("task_count", cell.task_count);
    visit("makespan", cell.makespan);
    visit("offered_load", cell.offered_load);
    visit("utilisation", cell.utilisation);
    visit("context_switches_mean", cell.context_switches_mean);
    visit("context_switches_p25", cell.context_switches_p25);
    visit("context_switches_p50", cell.context_switches_p50);
    visit("context_switches_p75", cell.context_switches_p75);
    visit("migrations_mean", cell.migrations_mean);
    visit("billed_cost", cell.billed_cost);
    visit("billed_cost_ideal", cell.billed_cost_ideal);
    visit("agent_share", cell.agent_share);
    visit("switch_share", cell.switch_share);
    visit("others_share", cell.others_share);
    visit("agent_events", cell.agent_events);
    visit("agent_commands", cell.agent_commands);
    visit("run_seconds", cell.run_seconds);
}

template <class Cell, class Visitor>
void visit_distributions(Cell& cell, Visitor&& visit) {
    visit("turnaround", cell.turnaround);
    visit("slowdown", cell.slowdown);
    visit("rte", cell.rte);
    visit("queueing_delay", cell.queueing_delay);
}

template <class Group, class Visitor>
void visit_group(Group& group, Visitor&& visit) {
    visit("name", group.name);
    visit("service_from", group.service_from);
    visit("service_to", group.service_to);
    visit("task_count", group.task_count);
    visit("context_switches_p25", group.context_switches_p25);
    visit("context_switches_p50", group.context_switches_p50);
    visit("context_switches_p75", group.context_switches_p75);
}

template <class Point, class Visitor>
void visit_delay_point(Point& point, Visitor&& visit) {
    visit("at", point.at);
    visit("mean_delay", point.mean_delay);
    visit("max_delay", point.max_delay);
    visit("arrivals", point.arrivals);
}

// --- rounding ----------------------------------------------------------------------------------------------

double rounded(double value) {
    std::array<char, 40> text{};
    auto const end = std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::scientific, 11);
    double result = 0;
    std::from_chars(text.data(), end.ptr, result);
    return result;
}

struct round_number {
    void operator()(char const*, double& value) const {
        if (value - value == 0.0) { // finite
            value = rounded(value);
        }
    }
    template <class Other>
    void operator()(char const*, Other&) const {}
};

// --- writing -----------------------------------------------------------------------------------------------

struct put_field {
    json::object& into;

    // JSON has no infinity: the upper bound of the last group is null.
    void operator()(char const* name, double value) const {
        if (value == std::numeric_limits<double>::infinity()) {
            into[name] = nullptr;
        } else {
            into[name] = value;
        }
    }
    template <class Other>
    void operator()(char const* name, Other const& value) const {
        into[name] = value;
    }
};

json::object distribution_object(distribution const& d) {
    json::object object;
    visit_distribution(d, put_field{object});
    return object;
}

json::array cdf_array(std::vector<cdf_point> const& points) {
    json::array array;
    array.reserve(points.size());
    for (cdf_point const& point : points) {
        array.push_back(json::array{point.value, point.share});
    }
    return array;
}

std::string hexadecimal(std::uint64_t value) {
    std::array<char, 17> text{};
    std::snprintf(text.data(), text.size(), "%016llx", static_cast<unsigned long long>(value));
    return text.data();
}

json::object cell_object(cell_result const& cell) {
    json::object object;
    json::object key;
    visit_key(cell.key, put_field{key});
    object["key"] = std::move(key);
    visit_scalars(cell, put_field{object});
    visit_distributions(cell,
                        [&object](char const* name, distribution const& d) { object[name] = distribution_object(d); });
    json::array groups;
    for (group_result const& group : cell.groups) {
        json::object part;
        visit_group(group, put_field{part});
        part["turnaround"] = distribution_object(group.turnaround);
        part["slowdown"] = distribution_object(group.slowdown);
        groups.push_back(std::move(part));
    }
    object["groups"] = std::move(groups);
    object["turnaround_cdf"] = cdf_array(cell.turnaround_cdf);
    object["rte_cdf"] = cdf_array(cell.rte_cdf);
    json::array delays;
    for (delay_point const& point : cell.delay_over_time) {
        json::object part;
        visit_delay_point(point, put_field{part});
        delays.push_back(std::move(part));
    }
    object["delay_over_time"] = std::move(delays);
    // 64 bits do not fit a JavaScript number.
    object["trace_hash"] = hexadecimal(cell.trace_hash);
    return object;
}

json::object machine_object(cpu_sim::machine_config const& machine) {
    auto const seconds = [](duration length) -> json::value {
        // In braces, json::value would be an array of one.
        return length == unlimited ? json::value(nullptr) : json::value(rounded(to_seconds(length)));
    };
    return {{"tick", seconds(machine.tick)},
            {"context_switch_cost", seconds(machine.context_switch_cost)},
            {"migration_cost", seconds(machine.migration_cost)},
            {"balance_period", seconds(machine.balance_period)},
            {"idle_stealing", machine.idle_stealing},
            {"agent_event_cost", seconds(machine.agent_event_cost)},
            {"agent_command_cost", seconds(machine.agent_command_cost)},
            {"fair_server",
             {{"enabled", machine.fair_server.enabled},
              {"runtime", seconds(machine.fair_server.runtime)},
              {"period", seconds(machine.fair_server.period)}}}};
}

// --- reading: a missing or wrong field throws, caught where the line is known -------------------------------

json::value const& member(json::object const& from, char const* name) {
    json::value const* const found = from.if_contains(name);
    if (found == nullptr) {
        throw std::invalid_argument{std::string{"field '"} + name + "' is missing"};
    }
    return *found;
}

struct get_field {
    json::object const& from;

    void operator()(char const* name, double& value) const {
        if (std::string_view{name} == "others_share" && !from.contains(name)) {
            return; // earlier journals lack it
        }
        json::value const& found = member(from, name);
        value = found.is_null() ? std::numeric_limits<double>::infinity() : rounded(found.to_number<double>());
    }
    void operator()(char const* name, std::string& value) const { value = std::string{member(from, name).as_string()}; }
    template <class Integer>
        requires std::is_integral_v<Integer>
    void operator()(char const* name, Integer& value) const {
        value = member(from, name).to_number<Integer>();
    }
};

distribution read_distribution(json::object const& from, char const* name) {
    distribution d;
    visit_distribution(d, get_field{member(from, name).as_object()});
    return d;
}

std::vector<cdf_point> read_cdf(json::object const& from, char const* name) {
    std::vector<cdf_point> points;
    for (json::value const& point : member(from, name).as_array()) {
        points.push_back(
            {rounded(point.as_array().at(0).to_number<double>()), rounded(point.as_array().at(1).to_number<double>())});
    }
    return points;
}

cell_result read_cell(json::object const& object) {
    cell_result cell;
    visit_key(cell.key, get_field{member(object, "key").as_object()});
    visit_scalars(cell, get_field{object});
    visit_distributions(cell, [&object](char const* name, distribution& d) { d = read_distribution(object, name); });
    for (json::value const& part : member(object, "groups").as_array()) {
        group_result group;
        visit_group(group, get_field{part.as_object()});
        group.turnaround = read_distribution(part.as_object(), "turnaround");
        group.slowdown = read_distribution(part.as_object(), "slowdown");
        cell.groups.push_back(std::move(group));
    }
    cell.turnaround_cdf = read_cdf(object, "turnaround_cdf");
    cell.rte_cdf = read_cdf(object, "rte_cdf");
    for (json::value const& part : member(object, "delay_over_time").as_array()) {
        delay_point point;
        visit_delay_point(point, get_field{part.as_object()});
        cell.delay_over_time.push_back(point);
    }
    std::string const hash{member(object, "trace_hash").as_string()};
    std::from_chars(hash.data(), hash.data() + hash.size(), cell.trace_hash, 16);
    return cell;
}

// --- CSV ---------------------------------------------------------------------------------------------------

std::string csv_text(std::string const& text) {
    if (text.find_first_of(",\"\r\n") == std::string::npos) {
        return text;
    }
    std::string quoted = "\"";
    for (char const c : text) {
        quoted += c;
        if (c == '"') {
            quoted += '"';
        }
    }
    return quoted + "\"";
}

/// Collects either the names or the values of one row.
class csv_row {
  public:
    explicit csv_row(bool names) : names_{names} {}

    void operator()(std::string const& name, double value) {
        std::array<char, 32> text{};
        auto const end = std::to_chars(text.data(), text.data() + text.size(), value);
        add(name, {text.data(), end.ptr});
    }
    void operator()(std::string const& name, std::string const& value) { add(name, csv_text(value)); }
    template <class Integer>
        requires std::is_integral_v<Integer>
    void operator()(std::string const& name, Integer value) {
        add(name, std::to_string(value));
    }

    [[nodiscard]] std::string take() { return std::move(line_) + "\n"; }

  private:
    void add(std::string const& name, std::string const& value) {
        if (!line_.empty()) {
            line_ += ',';
        }
        line_ += names_ ? name : value;
    }

    bool names_;
    std::string line_;
};

std::string csv_line(cell_result const& cell, bool names) {
    csv_row row{names};
    visit_key(cell.key, row);
    visit_scalars(cell, row);
    auto const with_prefix = [&row](std::string const& prefix, distribution const& d) {
        visit_distribution(d, [&](char const* name, double value) { row(prefix + "_" + name, value); });
    };
    visit_distributions(cell, with_prefix);
    for (char const* const name : {"G1", "G2", "G3", "G4"}) {
        group_result group;
        for (group_result const& candidate : cell.groups) {
            if (candidate.name == name) {
                group = candidate;
            }
        }
        std::string const prefix{name};
        row(prefix + "_task_count", group.task_count);
        with_prefix(prefix + "_turnaround", group.turnaround);
        with_prefix(prefix + "_slowdown", group.slowdown);
        row(prefix + "_context_switches_p50", group.context_switches_p50);
    }
    row("trace_hash", hexadecimal(cell.trace_hash));
    return row.take();
}

} // namespace

void round_figures(cell_result& cell) {
    round_number const round;
    visit_key(cell.key, round);
    visit_scalars(cell, round);
    auto const round_all = [&round](char const*, distribution& d) { visit_distribution(d, round); };
    visit_distributions(cell, round_all);
    for (group_result& group : cell.groups) {
        visit_group(group, round);
        round_all("", group.turnaround);
        round_all("", group.slowdown);
    }
    for (auto* const points : {&cell.turnaround_cdf, &cell.rte_cdf}) {
        for (cdf_point& point : *points) {
            point = {rounded(point.value), rounded(point.share)};
        }
    }
    for (delay_point& point : cell.delay_over_time) {
        visit_delay_point(point, round);
    }
}

std::string to_json(cell_result const& cell) {
    return json::serialize(cell_object(cell));
}

result<cell_result> cell_from_json(std::string_view text) {
    boost::system::error_code parse_error;
    json::value const value = json::parse({text.data(), text.size()}, parse_error);
    if (parse_error) {
        return error{"not JSON: " + parse_error.message()};
    }
    try {
        return read_cell(value.as_object());
    } catch (std::exception const& wrong) {
        return error{std::string{"not a cell: "} + wrong.what()};
    }
}

std::string results_json(run_description const& run, std::span<cell_result const> cells) {
    json::object const head{{"schema", "hpcsched.results"},
                            {"version", results_schema_version},
                            {"program", run.program},
                            {"machine", machine_object(run.machine)},
                            {"cells_planned", run.cells_planned}};
    // One line per cell, so that the file can be looked at and compared line by line.
    std::string text = json::serialize(head);
    text.pop_back();
    text += ",\"cells\":[";
    for (std::size_t i = 0; i < cells.size(); ++i) {
        text += i == 0 ? "\n" : ",\n";
        text += to_json(cells[i]);
    }
    text += "\n]}\n";
    return text;
}

std::string results_csv(std::span<cell_result const> cells) {
    std::string text = csv_line(cell_result{}, true);
    for (cell_result const& cell : cells) {
        text += csv_line(cell, false);
    }
    return text;
}

result<void> write_file(std::string const& path, std::string_view text) {
    std::string const unfinished = path + ".tmp";
    {
        std::ofstream file{unfinished, std::ios::binary | std::ios::trunc};
        file.write(text.data(), static_cast<std::streamsize>(text.size()));
        file.flush();
        if (!file) {
            return error{"cannot write '" + unfinished + "': " + std::strerror(errno)};
        }
    }
    if (std::rename(unfinished.c_str(), path.c_str()) != 0) {
        return error{"cannot write '" + path + "': " + std::strerror(errno)};
    }
    return {};
}

} // namespace hpcsched::experiment
