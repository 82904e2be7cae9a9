// SPDX-License-Identifier: Apache-2.0
#include "simulate_settings.hpp"

#include <hpcsched/experiment/trace_file.hpp>
#include <hpcsched/workload/arrivals.hpp>
#include <hpcsched/workload/function_drift.hpp>

#include "config_file.hpp"
#include "values.hpp"
#include "workload_names.hpp"

#include <limits>
#include <utility>

namespace hpcsched::cli {
namespace {

using values = std::vector<std::string>;
constexpr std::uint64_t count_max = 1'000'000'000;

/// What an option and the key of the same meaning in a configuration file do.
struct setting {
    enum class shape : std::uint8_t { one, list, words, toggle };

    option_spec option;
    std::string key; ///< in the file; empty: only on the command line
    shape of = shape::one;
    result<void> (*apply)(simulate_settings&, values const&) = nullptr;
};

// --- how values reach the settings -------------------------------------------------------------------------

template <class Value, class Target>
result<void> store(result<Value> const& parsed, Target& target) {
    if (parsed.has_error()) {
        return parsed.error();
    }
    target = static_cast<Target>(*parsed);
    return {};
}

template <class Target, class Parse>
result<void> store_all(values const& given, std::vector<Target>& target, Parse parse) {
    std::vector<Target> parsed;
    for (std::string const& text : given) {
        auto const one = parse(text);
        if (one.has_error()) {
            return one.error();
        }
        parsed.push_back(static_cast<Target>(*one));
    }
    target = std::move(parsed);
    return {};
}

result<void> store_words(values const& given, std::vector<std::string>& target) {
    for (std::string const& text : given) {
        if (text.empty()) {
            return error{"a name in the list is empty: take out the comma too many"};
        }
    }
    target = given;
    return {};
}

template <duration cpu_sim::machine_config::* Member>
result<void> machine_time(simulate_settings& s, values const& given) {
    return store(parse_duration(given.front()), s.machine.*Member);
}

template <bool simulate_settings::* Member>
result<void> toggle(simulate_settings& s, values const& given) {
    return store(given.empty() ? result<bool>{true} : parse_switch(given.front()), s.*Member);
}

result<void> balance_period(simulate_settings& s, values const& given) {
    if (given.front() == "never") {
        s.machine.balance_period = unlimited;
        return {};
    }
    return store(parse_duration(given.front()), s.machine.balance_period);
}

result<void> arrivals(simulate_settings& s, values const& given) {
    if (given.front() == "own") {
        s.arrivals.reset();
        return {};
    }
    auto const kind = workload::parse_arrival_kind(given.front());
    if (kind.has_error()) {
        return kind.error();
    }
    s.arrivals = *kind;
    return {};
}

result<void> seeds(simulate_settings& s, values const& given) {
    constexpr auto most = std::numeric_limits<std::uint64_t>::max();
    if (given.size() > 1) {
        return store_all(given, s.seeds, [](std::string const& text) { return parse_count(text, 0, most); });
    }
    s.seeds.clear();
    return store(parse_count(given.front(), 1, 100'000), s.seed_count);
}

result<void> format(simulate_settings& s, values const& given) {
    return store(experiment::find_trace_format(given.front()), s.format);
}

std::vector<std::string> arrival_names() {
    std::vector<std::string> names = arrival_kind_names();
    names.emplace_back("own");
    return names;
}

std::vector<std::string> policy_names(experiment::policy_registry const& policies) {
    std::vector<std::string> names;
    for (experiment::policy const& policy : policies.policies()) {
        names.push_back(policy.name);
    }
    return names;
}

// --- the table ---------------------------------------------------------------------------------------------

std::vector<setting> workload_settings() {
    using shape = setting::shape;
    std::string const group = "Workload";
    return {
        {{"-w,--workload", "NAME",
          "a preset ('hpcsched workload describe' lists them) or a trace file; may be given\nseveral times [default: "
          "sfs-table1]",
          group, value_completion::file_or(preset_names()), true},
         "workloads",
         shape::words,
         [](simulate_settings& s, values const& v) { return store_words(v, s.workloads); }},
        {{"-n,--count", "N", "invocations of a preset [default: 10000]", group},
         "count",
         shape::one,
         [](simulate_settings& s, values const& v) { return store(parse_count(v.front(), 1, count_max), s.count); }},
        {{"--arrivals", "KIND",
          "how arrivals are spaced: exponential, uniform, even, bursty, poisson25,\nrecorded (of a file), or own "
          "[default: own]",
          group, value_completion::one_of(arrival_names())},
         "arrivals",
         shape::one,
         &arrivals},
        {{"--format", "FORMAT",
          "format of trace files: auto (by their contents), csv, azure2019, azure2021,\nhuawei2023, huawei2025, sfs, "
          "sfs-openlambda, alps [default: auto]",
          group, value_completion::one_of(trace_format_names())},
         "format",
         shape::one,
         &format},
        {{"--limit", "N", "read at most so many invocations of a file [default: all]", group},
         "limit",
         shape::one,
         [](simulate_settings& s, values const& v) { return store(parse_count(v.front(), 1, count_max), s.limit); }},
        {{"--skip-malformed", "", "leave out rows of a file that are malformed, and say how many", group},
         "skip_malformed",
         shape::toggle,
         &toggle<&simulate_settings::skip_malformed>},
    };
}

/// What a preset leaves open.
std::vector<setting> preset_settings() {
    using shape = setting::shape;
    std::string const group = "Workload";
    return {
        {{"--functions", "N", "functions of a preset that can have more or fewer", group},
         "functions",
         shape::one,
         [](simulate_settings& s, values const& v) {
             return store(parse_count(v.front(), 1, 1'000'000), s.function_count);
         }},
        {{"--variation", "SHARE",
          "service times of a preset vary within this share of their function's mean,\neither way: 0.25 is +-25 % "
          "[default: the preset's own]",
          group},
         "variation",
         shape::one,
         [](simulate_settings& s, values const& v) { return store(parse_real(v.front(), 0, 0.99), s.variation); }},
        {{"--io-share", "SHARE", "share of a preset's invocations that block once, 10 to 100 ms [default: 0]", group},
         "io_share",
         shape::one,
         [](simulate_settings& s, values const& v) { return store(parse_real(v.front(), 0, 1), s.io_share); }},
        {{"--burst-length", "N",
          "arrivals that a burst of a preset lasts on average, where the CV is above 1;\n1 draws each gap anew "
          "[default: the preset's own, 1 or 50]",
          group},
         "burst_length",
         shape::one,
         [](simulate_settings& s, values const& v) {
             return store(parse_real(v.front(), 1, workload::clustered_interarrivals::max_burst_length),
                          s.burst_length);
         }},
        {{"--drift", "R",
          "how the shares of a preset's functions drift: correlation of neighbouring\ninvocations, 0 to 0.5 "
          "[default: the preset's own, 0 or 0.035]",
          group},
         "drift",
         shape::one,
         [](simulate_settings& s, values const& v) {
             return store(parse_real(v.front(), 0, workload::function_drift::max_correlation), s.drift);
         }},
        {{"--drift-length", "N", "invocations that a phase of drift lasts on average [default: 250]", group},
         "drift_length",
         shape::one,
         [](simulate_settings& s, values const& v) {
             return store(parse_real(v.front(), 1, workload::function_drift::max_length), s.drift_length);
         }},
    };
}

std::vector<setting> grid_settings(std::vector<std::string> const& policies) {
    using shape = setting::shape;
    std::string const group = "Grid";
    return {
        {{"-p,--policies", "LIST",
          "policies, with commas between them; 'list' shows what there is, 'all' takes all\n[default: "
          "eevdf,sfs,alps,serpt,srpt]",
          group, value_completion::list_of(policies)},
         "policies",
         shape::list,
         [](simulate_settings& s, values const& v) { return store_words(v, s.policies); }},
        {{"-l,--loads", "LIST",
          "offered loads, service / (CPUs x time), such as 0.8 or 80%; 'recorded' leaves\narrivals as they are, of a "
          "preset at its published rate [default: 0.8,1]",
          group},
         "loads",
         shape::list,
         [](simulate_settings& s, values const& v) { return store_all(v, s.loads, &parse_load); }},
        {{"--cv", "LIST",
          "coefficients of variation of inter-arrival times, or 'own' for the workload's\n[default: own]", group},
         "cv",
         shape::list,
         [](simulate_settings& s, values const& v) { return store_all(v, s.arrival_cvs, &parse_arrival_cv); }},
        {{"-c,--cores", "LIST", "CPUs of the machine [default: 12]", group},
         "cores",
         shape::list,
         [](simulate_settings& s, values const& v) {
             return store_all(v, s.cpu_counts, [](std::string const& text) { return parse_count(text, 1, 1024); });
         }},
        {{"-s,--seeds", "N", "how many seeds; or the seeds themselves, with commas between them [default: 1]", group},
         "seeds",
         shape::list,
         &seeds},
        {{"--seed", "N", "the first seed [default: 1]", group},
         "seed",
         shape::one,
         [](simulate_settings& s, values const& v) {
             return store(parse_count(v.front(), 0, std::numeric_limits<std::uint64_t>::max() - 100'000), s.first_seed);
         }},
    };
}

std::vector<setting> machine_settings() {
    using shape = setting::shape;
    using machine = cpu_sim::machine_config;
    std::string const group = "Simulated machine (of every policy but the textbook's, which cost nothing)";
    return {
        {{"--tick", "TIME", "period of the scheduler tick [default: 4ms]", group},
         "machine.tick",
         shape::one,
         &machine_time<&machine::tick>},
        {{"--context-switch", "TIME", "CPU time lost when a CPU turns to another task [default: 3.5us]", group},
         "machine.context_switch",
         shape::one,
         &machine_time<&machine::context_switch_cost>},
        {{"--migration", "TIME", "CPU time a task loses on another CPU than before [default: 20us]", group},
         "machine.migration",
         shape::one,
         &machine_time<&machine::migration_cost>},
        {{"--agent-event", "TIME", "an agent's CPU time per event [default: 700ns]", group},
         "machine.agent_event",
         shape::one,
         &machine_time<&machine::agent_event_cost>},
        {{"--agent-command", "TIME", "an agent's CPU time per command [default: 450ns]", group},
         "machine.agent_command",
         shape::one,
         &machine_time<&machine::agent_command_cost>},
        {{"--balance-period", "TIME", "between two balances of the run queues, or 'never' [default: 16ms]", group},
         "machine.balance_period",
         shape::one,
         &balance_period},
        {{"--idle-stealing", "on|off", "whether an idle CPU takes waiting tasks of others [default: on]", group,
          value_completion::one_of({"on", "off"})},
         "machine.idle_stealing",
         shape::one,
         [](simulate_settings& s, values const& v) { return store(parse_switch(v.front()), s.machine.idle_stealing); }},
        {{"--fair-server", "on|off",
          "whether the fair class keeps 5 % of a CPU that real-time tasks would fill\n[default: on; kernels before "
          "6.12 throttle real time instead]",
          group, value_completion::one_of({"on", "off"})},
         "machine.fair_server",
         shape::one,
         [](simulate_settings& s, values const& v) {
             return store(parse_switch(v.front()), s.machine.fair_server.enabled);
         }},
    };
}

std::vector<setting> run_settings() {
    using shape = setting::shape;
    std::string const group = "Run and output";
    return {
        {{"-o,--out", "DIR", "where results go, and where finished cells are found [default: hpcsched-results]", group,
          value_completion::folder()},
         "out",
         shape::one,
         [](simulate_settings& s, values const& v) {
             s.out = v.front();
             return result<void>{};
         }},
        {{"-f,--force", "", "run cells again that are finished already", group},
         "force",
         shape::toggle,
         &toggle<&simulate_settings::force>},
        {{"-j,--threads", "N", "cells that run at once [default: one per CPU; under mpirun 1 per rank]", group},
         "threads",
         shape::one,
         [](simulate_settings& s, values const& v) { return store(parse_count(v.front(), 1, 4096), s.thread_count); }},
        {{"--perfetto", "FILE",
          "trace who ran where in the grid's first cell (the first of all that is listed),\nfor ui.perfetto.dev", group,
          value_completion::file()},
         "perfetto",
         shape::one,
         [](simulate_settings& s, values const& v) {
             s.perfetto = v.front();
             return result<void>{};
         }},
        {{"--json", "", "print the results as JSON in place of the table", group},
         "json",
         shape::toggle,
         &toggle<&simulate_settings::json>},
        {{"-q,--quiet", "", "print neither table nor progress", group},
         "quiet",
         shape::toggle,
         &toggle<&simulate_settings::quiet>},
    };
}

std::vector<setting> all_settings(std::vector<std::string> const& policies) {
    std::vector<setting> all;
    for (auto&& part :
         {workload_settings(), preset_settings(), grid_settings(policies), machine_settings(), run_settings()}) {
        all.insert(all.end(), part.begin(), part.end());
    }
    return all;
}

std::string long_name(option_spec const& option) {
    return option.name.substr(option.name.find("--"));
}

/// What a setting is given on the command line, taken apart.
values given_values(setting const& s, arguments const& given) {
    values const raw = given.all(long_name(s.option));
    return s.of == setting::shape::list ? split_list(raw.front()) : raw;
}

void apply_file(simulate_settings& settings, std::string const& path, std::vector<setting> const& known) {
    std::vector<std::string> keys;
    for (setting const& s : known) {
        keys.push_back(s.key);
    }
    for (config_entry const& entry : read_config_file(path, keys)) {
        for (setting const& s : known) {
            if (s.key != entry.key) {
                continue;
            }
            bool const many = s.of == setting::shape::list || s.of == setting::shape::words;
            if (!many && entry.values.size() != 1) {
                throw failure{exit_code::usage, entry.where + ": " + entry.key + " takes one value, not a list"};
            }
            if (entry.values.empty()) {
                throw failure{exit_code::usage, entry.where + ": " + entry.key + " is an empty list"};
            }
            or_fail(s.apply(settings, entry.values), exit_code::usage, entry.where + ": " + entry.key + ": ");
        }
    }
}

} // namespace

std::vector<std::uint64_t> simulate_settings::all_seeds() const {
    if (!seeds.empty()) {
        return seeds;
    }
    std::vector<std::uint64_t> counted;
    for (std::uint64_t i = 0; i < seed_count; ++i) {
        counted.push_back(first_seed + i);
    }
    return counted;
}

std::vector<option_spec> simulate_options(experiment::policy_registry const& policies) {
    std::vector<option_spec> options{{"WORKLOAD", "WORKLOAD", "presets and trace files, as --workload", "Workload",
                                      value_completion::file_or(preset_names()), true},
                                     {"--config", "FILE", "a TOML file with settings; options given here override it",
                                      "Workload", value_completion::file()}};
    for (setting const& s : all_settings(policy_names(policies))) {
        options.push_back(s.option);
    }
    return options;
}

simulate_settings read_simulate_settings(arguments const& given, simulate_settings defaults) {
    simulate_settings settings = std::move(defaults);
    std::vector<setting> const known = all_settings({});
    if (given.has("--config")) {
        apply_file(settings, given.one("--config"), known);
    }
    for (setting const& s : known) {
        std::string const name = long_name(s.option);
        if (given.has(name)) {
            or_fail(s.apply(settings, given_values(s, given)), exit_code::usage, name + ": ");
        }
    }
    if (given.has("WORKLOAD")) {
        values named = given.all("--workload");
        values const positional = given.all("WORKLOAD");
        named.insert(named.end(), positional.begin(), positional.end());
        settings.workloads = std::move(named);
    }
    return settings;
}

} // namespace hpcsched::cli
