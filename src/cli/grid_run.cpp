// SPDX-License-Identifier: Apache-2.0
#include "grid_run.hpp"

#include <hpcsched/experiment/build_identity.hpp>
#include <hpcsched/experiment/grid.hpp>
#include <hpcsched/experiment/grid_workloads.hpp>
#include <hpcsched/experiment/journal.hpp>
#include <hpcsched/experiment/perfetto_trace.hpp>
#include <hpcsched/experiment/report.hpp>
#include <hpcsched/experiment/results_io.hpp>
#include <hpcsched/experiment/schedule_watcher.hpp>
#include <hpcsched/experiment/suggest.hpp>
#include <hpcsched/experiment/summary.hpp>
#include <hpcsched/experiment/trace_file.hpp>
#include <hpcsched/workload/presets.hpp>

#include "commands.hpp"
#include "interrupt.hpp"
#include "progress_display.hpp"
#include "ranks.hpp"
#include "simulate_settings.hpp"
#include "workload_names.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <system_error>
#include <tuple>
#include <utility>
#include <vector>

namespace hpcsched::cli {
namespace {

using experiment::grid_outcome;
using experiment::grid_plan;

constexpr std::array options_of_presets{"--count",        "--functions", "--variation",   "--io-share",
                                        "--burst-length", "--drift",     "--drift-length"};

// --- from settings to a grid -------------------------------------------------------------------------------

experiment::grid_workload preset_of(std::string const& name, simulate_settings const& settings) {
    workload::generator_config config;
    config.from = or_fail(workload::parse_preset(name), exit_code::usage);
    config.count = settings.count;
    config.arrivals = settings.arrivals;
    config.function_count = static_cast<std::uint32_t>(settings.function_count);
    config.variation = settings.variation;
    config.io_share = settings.io_share;
    config.burst_length = settings.burst_length;
    config.drift = or_fail(asked_drift(config.from, settings.drift, settings.drift_length), exit_code::usage);
    return or_fail(experiment::generated_workload(config), exit_code::usage);
}

/// What a trace is called in results: its file name, if nothing else of the grid is called so, else as it was given.
std::string name_of_trace(std::string const& given, std::vector<std::string> const& all) {
    auto const file_name = [](std::string const& path) {
        std::filesystem::path const plain = std::filesystem::path{path}.lexically_normal();
        return (plain.has_filename() ? plain : plain.parent_path()).filename().string();
    };
    std::string const name = file_name(given);
    auto const same =
        std::count_if(all.begin(), all.end(), [&](std::string const& other) { return file_name(other) == name; });
    bool const is_clear = same == 1 && !is_preset(name) && name.find_first_not_of('.') != std::string::npos;
    return is_clear ? name : given;
}

experiment::grid_workload trace_of(grid_command const& command, std::string const& name,
                                   simulate_settings const& settings) {
    if (name == "-") {
        throw failure{exit_code::usage, "a grid reads its workload once per cell, and standard input only once: write "
                                        "it to a file (hpcsched workload convert - -o trace.csv)"};
    }
    experiment::recorded_config config{.name = name_of_trace(name, settings.workloads), .files = {name}};
    config.options.format = settings.format;
    config.options.seed = settings.all_seeds().front();
    if (settings.skip_malformed) {
        config.options.rows.on_bad_row = workload::bad_rows::skip;
    }
    config.limit = settings.limit;
    config.arrivals = settings.arrivals;
    experiment::recorded_trace trace = or_fail(experiment::recorded_workload(std::move(config)), exit_code::bad_input);
    report_counts(command.name, name, trace.counts);
    return std::move(trace.workload);
}

experiment::grid_workload workload_of(grid_command const& command, std::string const& name,
                                      simulate_settings const& settings) {
    if (is_preset(name)) {
        return preset_of(name, settings);
    }
    if (name == "-" || std::filesystem::exists(name)) {
        return trace_of(command, name, settings);
    }
    if (name.find_first_of("./") != std::string::npos) {
        throw failure{exit_code::bad_input, "cannot open '" + name + "': there is no such file"};
    }
    throw failure{exit_code::usage, "unknown workload '" + name + "': there is no such file, and no such preset; " +
                                        experiment::suggestion(name, preset_names(), "presets")};
}

void check_arrivals(simulate_settings const& settings) {
    bool const has_cv = settings.arrival_cvs != std::vector<double>{0};
    if (has_cv && settings.arrivals && *settings.arrivals != workload::arrival_kind::bursty) {
        throw failure{exit_code::usage, "--cv is for bursty arrivals, and --arrivals asks for " +
                                            std::string{name_of(*settings.arrivals)} + ": leave one of them out"};
    }
}

experiment::grid grid_of(grid_command const& command, simulate_settings const& settings,
                         experiment::policy_registry const& policies) {
    check_arrivals(settings);
    experiment::grid grid;
    for (std::string const& name : settings.workloads) {
        grid.workloads.push_back(workload_of(command, name, settings));
    }
    if (command.amend_workloads) {
        command.amend_workloads(grid.workloads);
    }
    grid.policies = settings.policies;
    if (grid.policies == std::vector<std::string>{"all"}) {
        grid.policies.clear();
        for (experiment::policy const& policy : policies.policies()) {
            grid.policies.push_back(policy.name);
        }
    }
    grid.loads = settings.loads;
    grid.arrival_cvs = settings.arrival_cvs;
    grid.cpu_counts = settings.cpu_counts;
    grid.seeds = settings.all_seeds();
    grid.machine = settings.machine;
    return grid;
}

/// Opens every workload as its cells will, so that what cannot be is said at once and once.
void check_workloads(grid_plan const& plan) {
    std::set<std::tuple<std::string, double, double, std::uint32_t>> seen;
    for (std::size_t i = 0; i < plan.cell_count(); ++i) {
        experiment::cell_key key = plan.key(i);
        if (!seen.emplace(key.workload, key.load, key.arrival_cv, key.cpu_count).second) {
            continue;
        }
        key.policy.clear();
        for (experiment::grid_workload const& workload : plan.cells().workloads) {
            if (workload.name == key.workload) {
                (void)or_fail(workload.open(key), exit_code::usage, workload.name + ": ");
            }
        }
    }
}

// --- running -----------------------------------------------------------------------------------------------

/// The cell of which a trace is written: the first of a real machine, where there is one, else the first of all.
std::size_t traced_cell(grid_plan const& plan, experiment::policy_registry const& policies) {
    for (std::size_t i = 0; i < plan.cell_count(); ++i) {
        if (policies.find(plan.key(i).policy)->reads_ahead) {
            return i;
        }
    }
    return 0;
}

/// The trace of one cell, while it is asked for.
class cell_trace {
  public:
    cell_trace(std::string command, std::string const& path, grid_plan const& plan, std::size_t cell)
        : command_{std::move(command)}, path_{path} {
        file_.open(path, std::ios::binary | std::ios::trunc);
        if (!file_) {
            throw failure{exit_code::failure, "cannot write '" + path + "': " + std::strerror(errno)};
        }
        experiment::cell_key key = plan.key(cell);
        experiment::perfetto_options options{.cpu_count = key.cpu_count, .title = key.policy + " on " + key.workload};
        key.policy.clear();
        if (auto const& names = plan.cells().workloads.front().function_names) {
            options.function_names = or_fail(names(key), exit_code::bad_input);
        }
        trace_.emplace(file_, std::move(options));
        watcher_.emplace(*trace_);
    }

    [[nodiscard]] experiment::schedule_watcher* watcher() { return &*watcher_; }

    void finish() {
        or_fail(trace_->finish(), exit_code::failure, "cannot write '" + path_ + "': ");
        if (trace_->cut()) {
            std::cerr << command_ + ": the trace ends after " << trace_->event_count()
                      << " events; a shorter workload (--count) is traced whole\n";
        }
    }

  private:
    std::string command_;
    std::string path_;
    std::ofstream file_;
    std::optional<experiment::perfetto_trace> trace_;
    std::optional<experiment::watching<experiment::perfetto_trace>> watcher_;
};

experiment::journal open_journal(std::string const& folder) {
    std::error_code failed;
    std::filesystem::create_directories(folder, failed);
    if (failed) {
        throw failure{exit_code::failure, "cannot make the folder '" + folder + "': " + failed.message()};
    }
    return or_fail(experiment::journal::open(folder + "/cells.jsonl"), exit_code::failure);
}

std::vector<std::string> idealised_policies(experiment::policy_registry const& policies) {
    std::vector<std::string> names;
    for (experiment::policy const& policy : policies.policies()) {
        if (policy.idealised) {
            names.push_back(policy.name);
        }
    }
    return names;
}

/// On the page of a real machine, what is only foretold cannot be the best either.
std::vector<std::string> not_to_be_best(experiment::policy_registry const& policies) {
    std::vector<std::string> names = idealised_policies(policies);
    auto const all = policies.policies();
    if (std::ranges::any_of(all, &experiment::policy::reads_ahead)) {
        for (experiment::policy const& policy : all) {
            if (!policy.reads_ahead && !policy.idealised) {
                names.push_back(policy.name);
            }
        }
    }
    return names;
}

std::string program_name() {
    return "hpcsched " + std::string{experiment::library_version()};
}

void write_results(grid_command const& command, std::string const& line, grid_plan const& plan,
                   grid_outcome const& outcome, simulate_settings const& settings,
                   experiment::policy_registry const& policies) {
    experiment::run_description const run{
        .program = program_name(), .machine = plan.cells().machine, .cells_planned = plan.cell_count()};
    std::string const json = experiment::results_json(run, outcome.cells);
    or_fail(experiment::write_file(settings.out + "/results.json", json), exit_code::failure);
    or_fail(experiment::write_file(settings.out + "/results.csv", experiment::results_csv(outcome.cells)),
            exit_code::failure);
    experiment::report_options options;
    options.command = line;
    options.roles = command.roles;
    options.footnote = program_name();
    options.roles.idealised = not_to_be_best(policies);
    for (experiment::policy const& policy : policies.policies()) {
        options.policies.push_back({policy.name, policy.description});
    }
    or_fail(experiment::write_report(std::filesystem::path{settings.out + "/report.html"}, outcome.cells, options),
            exit_code::failure);
    if (settings.json) {
        std::cout << json;
    } else if (!settings.quiet) {
        std::cout << experiment::summary_table(outcome.cells, idealised_policies(policies)) << "\nIn " << settings.out
                  << ": report.html, results.csv, results.json\n";
    }
}

/// Says what did not come out as asked. \return the exit status
exit_code account_for(grid_command const& command, grid_plan const& plan, grid_outcome const& outcome,
                      simulate_settings const& settings) {
    std::string said;
    for (experiment::cell_failure const& failed : outcome.failures) {
        if (failed.why.message != said) { // what stops one policy at a workload often stops all
            said = failed.why.message;
            std::cerr << command.name << ": " << failed.key.policy << " on " << failed.key.workload << ": " << said
                      << '\n';
        }
    }
    if (outcome.interrupted) {
        throw failure{exit_code::interrupted, "interrupted: " + std::to_string(outcome.cells.size()) + " of " +
                                                  std::to_string(plan.cell_count()) + " cells are kept in " +
                                                  settings.out + "; the same command goes on"};
    }
    if (!outcome.failures.empty()) {
        throw failure{exit_code::failure, std::to_string(outcome.failures.size()) + " of " +
                                              std::to_string(plan.cell_count()) + " cells failed"};
    }
    return exit_code::success;
}

/// What only the first rank has: the journal, the trace, the display.
struct first_rank {
    experiment::journal finished;
    std::size_t traced = 0;
    std::optional<cell_trace> trace{};
    progress_display display;

    first_rank(grid_command const& command, simulate_settings const& settings, grid_plan const& plan,
               experiment::policy_registry const& policies)
        : finished{open_journal(settings.out)}, display{settings.quiet} {
        if (!settings.perfetto.empty()) {
            traced = traced_cell(plan, policies);
            trace.emplace(command.name, settings.perfetto, plan, traced);
        }
    }
};

grid_outcome run(ranks& all, grid_command const& command, grid_plan const& plan, simulate_settings const& settings,
                 experiment::policy_registry const& policies) {
    std::optional<first_rank> here;
    all.together([&] {
        if (all.is_first()) {
            here.emplace(command, settings, plan, policies);
        }
    });
    experiment::grid_options options{
        .thread_count = settings.thread_count, .force = settings.force, .stop = &catch_interrupts()};
    if (here) {
        options.finished = &here->finished;
        options.watcher = here->trace ? here->trace->watcher() : nullptr;
        options.watched_cell = here->traced;
        options.progress = [&here](experiment::grid_progress const& progress) { here->display.show(progress); };
    }
    grid_outcome outcome = or_fail(all.run(plan, options), exit_code::failure);
    if (here && here->trace) {
        here->trace->finish();
    }
    return outcome;
}

} // namespace

exit_code run_grid(grid_command const& command, arguments const& given, simulate_settings const& settings,
                   experiment::policy_registry const& policies) {
    if (settings.policies == std::vector<std::string>{"list"}) {
        std::cout << policy_list(policies);
        return exit_code::success;
    }
    if (!settings.workloads.empty()) {
        check_in_use(given, settings.workloads, options_of_presets);
    }
    ranks all;
    std::optional<grid_plan> plan;
    all.together([&] {
        plan = or_fail(grid_plan::make(grid_of(command, settings, policies), policies), exit_code::usage);
        check_workloads(*plan);
    });
    grid_outcome const outcome = run(all, command, *plan, settings, policies);
    if (!all.is_first()) {
        return exit_code::success;
    }
    if (outcome.cells_reused > 0 && !settings.quiet) {
        std::cerr << command.name << ": " << outcome.cells_reused << " of " << plan->cell_count()
                  << " cells were finished before (--force runs them again)\n";
    }
    if (!outcome.cells.empty()) {
        write_results(command, given.command(), *plan, outcome, settings, policies);
    }
    return account_for(command, *plan, outcome, settings);
}

} // namespace hpcsched::cli
