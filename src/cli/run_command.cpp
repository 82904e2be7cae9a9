// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/cpu_linux/kernel_facts.hpp>
#include <hpcsched/experiment/suggest.hpp>
#include <hpcsched/experiment_linux/live_policies.hpp>

#include "commands.hpp"
#include "grid_run.hpp"
#include "run_functions.hpp"
#include "simulate_settings.hpp"
#include "values.hpp"

#include <algorithm>
#include <iostream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace hpcsched::cli {
namespace {

constexpr char const* details =
    R"(Each invocation becomes a process of this machine: it uses the CPU for its service time, sleeps where it blocks,
is forked ahead and let go at its arrival whatever else happens. An agent steers the processes; the kernel does the
rest.
Beside each policy, here called -live, stands what the simulator foretells for the same invocations, CPUs and
kernel. A run takes as long as its workload; one that other processes disturbed, or whose processes began late, is
not counted, and the same command runs it again.

Examples:
  hpcsched run --check                                what works on this machine, and what does not
  hpcsched run --count 300 --loads 0.7                some minutes
  hpcsched run alps-azure-paper --variation 0.25 --loads 0.7,0.9,1 --seeds 3
  hpcsched run trace.csv --loads recorded --policies eevdf,serpt
  hpcsched run --command hash='sha1sum big.iso' --command list='find /usr' --loads 0.7

With --command, a function is a program with its arguments, quoted as in a shell, and each invocation runs it once, its
input and output /dev/null. Each is run six times before, alone: what it takes there is its service time for the loads,
the prediction and the oracle, and is kept in the folder of the results. Other processes that it starts are not steered,
so a pipeline (sh -c '...') is run, but not as a whole.

Needs root, or CAP_SYS_NICE (and CAP_BPF and CAP_PERFMON for exact events). If this program dies, whatever way,
every steered process gets its own scheduling back.

Exit status: as of hpcsched simulate.)";

/// What `run` does where nothing else is asked for.
simulate_settings live_defaults(std::uint32_t cpus) {
    simulate_settings settings;
    settings.workloads.clear(); // unless some are named: the commands, or else a preset
    settings.policies = {"eevdf", "sfs", "alps-nice", "serpt", "srpt"};
    settings.loads = {0.7, 0.9};
    settings.cpu_counts = {cpus};
    settings.count = 500;
    settings.variation = 0.25;
    settings.out = "hpcsched-run";
    return settings;
}

std::vector<std::string> policy_names() {
    std::vector<std::string> names;
    for (experiment_linux::live_policy const& each : experiment_linux::live_policies()) {
        names.push_back(each.called);
    }
    return names;
}

/// Those of `hpcsched simulate` that mean something on a real machine, with the defaults of this command.
std::vector<option_spec> run_options(experiment::policy_registry const& policies) {
    std::vector<option_spec> options;
    for (option_spec& each : simulate_options(policies)) {
        bool const is_simulation = each.group.starts_with("Simulated machine") || each.name.ends_with("--threads");
        if (!is_simulation) {
            options.push_back(std::move(each));
        }
    }
    auto const set_help = [&](char const* name, std::string help) {
        auto const option = std::ranges::find_if(options, [&](auto const& o) { return o.name.ends_with(name); });
        option->help = std::move(help);
    };
    set_help("--workload", "a preset or a trace file; may be given several times\n[default: alps-azure-paper]");
    set_help("--count", "invocations of a preset [default: 500]");
    set_help("--variation", "service times of a preset vary within this share of their function's mean,\neither way: "
                            "0.25 is +-25 % [default: 0.25]");
    set_help("--policies",
             "policies, with commas between them: eevdf (this kernel, left alone), sfs,\nalps-nice, serpt, "
             "srpt (the oracle) [default: these]; on a kernel with\nsched_ext also sfs-scx, alps-scx, serpt-scx");
    set_help("--loads", "offered loads: service / (CPUs x time); 'recorded' leaves arrivals as they are\n[default: "
                        "0.7,0.9]");
    set_help("--cores", "the first so many CPUs of this machine [default: all]");
    set_help("--perfetto", "trace who ran where in the first live cell, for ui.perfetto.dev; needs the BPF\nsensor");
    set_help("--out", "where results go, and where finished cells are found [default: hpcsched-run]");
    std::ranges::find_if(options, [](auto const& o) { return o.name.ends_with("--policies"); })->complete =
        value_completion::list_of(policy_names());
    std::string const group = "Real machine";
    options.push_back({"--disturbed", "SHARE",
                       "share of the CPUs that other processes may take before a run does not count\n[default: 0.05]",
                       group});
    options.push_back({"--command",
                       "NAME=COMMAND",
                       "an invocation of function NAME is a process that runs COMMAND; may be given several\ntimes. "
                       "Without a workload the commands are the workload, each as likely as the\nother",
                       group,
                       {},
                       true});
    options.push_back({"--no-prediction", "", "leave the simulator's prediction out", group});
    options.push_back({"--check", "", "say what works on this machine, and run nothing", group});
    return options;
}

/// Each policy, as the simulator foretells it and live.
std::vector<std::string> in_pairs(std::vector<std::string> const& asked_for, bool with_prediction) {
    std::vector<std::string> names;
    for (std::string const& name : asked_for) {
        auto const& known = experiment_linux::live_policies();
        auto const found = std::ranges::find(known, name, &experiment_linux::live_policy::called);
        if (found == known.end()) {
            throw failure{exit_code::usage, "policy '" + name + "' cannot be run live; " +
                                                experiment::suggestion(name, policy_names(), "live policies")};
        }
        or_fail(experiment_linux::check_live(name), exit_code::failure);
        bool const is_foretold = std::ranges::find(names, found->simulated) != names.end();
        if (with_prediction && !is_foretold) {
            names.push_back(found->simulated);
        }
        names.push_back(found->name);
    }
    return names;
}

/// Options that say what a workload is like, and nothing of commands.
void check_commands_alone(arguments const& given) {
    for (char const* const option : {"--arrivals", "--functions", "--variation", "--io-share", "--burst-length",
                                     "--drift", "--drift-length", "--format", "--limit", "--skip-malformed"}) {
        if (given.has(option)) {
            throw failure{exit_code::usage, std::string{option} + " is for presets or traces, and the commands are the "
                                                                  "workload: leave it out, or name a workload"};
        }
    }
}

experiment::cell_key first_cell(simulate_settings const& settings) {
    return {.load = settings.loads.front(),
            .arrival_cv = settings.arrival_cvs.front(),
            .cpu_count = settings.cpu_counts.front(),
            .seed = settings.all_seeds().front()};
}

exit_code run(arguments const& given, experiment::policy_registry registry) {
    cpu_linux::kernel_facts const facts = cpu_linux::probe_kernel();
    if (given.has("--check")) {
        std::cout << to_text(facts);
        return exit_code::success;
    }
    simulate_settings settings = read_simulate_settings(given, live_defaults(facts.cpu_count));
    for (std::uint32_t const cpus : settings.cpu_counts) {
        if (cpus > facts.cpu_count) {
            throw failure{exit_code::usage, "--cores: " + std::to_string(cpus) + " is more than the " +
                                                std::to_string(facts.cpu_count) + " CPUs of this machine"};
        }
    }
    if (!facts.real_time_unhindered.works) {
        std::cerr << "hpcsched run: " << facts.real_time_unhindered.why_not << '\n';
    }
    experiment_linux::live_options options;
    if (given.has("--disturbed")) {
        options.disturbed_above =
            or_fail(parse_real(given.one("--disturbed"), 0, 1), exit_code::usage, "--disturbed: ");
    }
    settings.policies = in_pairs(settings.policies, !given.has("--no-prediction"));
    if (!settings.perfetto.empty() && !facts.bpf_sensor.works) {
        throw failure{exit_code::failure, "--perfetto: only BPF tells who runs where: " + facts.bpf_sensor.why_not};
    }
    grid_command command{.name = "hpcsched run", .roles = {.oracle = "srpt-live", .baseline = "eevdf-live"}};
    bool const alone = settings.workloads.empty() && given.has("--command");
    if (alone) {
        check_commands_alone(given);
    } else if (settings.workloads.empty()) {
        settings.workloads = {"alps-azure-paper"};
    }
    if (auto const commands = measured_commands(given.all("--command"), settings); !commands.empty()) {
        auto const of_cell = std::make_shared<experiment_linux::commands_of_cell>(); // known once the workloads are
        options.commands = [of_cell](experiment::cell_key const& key) { return (*of_cell)(key); };
        command.amend_workloads = [&settings, alone, commands,
                                   of_cell](std::vector<experiment::grid_workload>& workloads) {
            if (alone) {
                workloads.push_back(experiment_linux::commands_workload(commands, settings.count));
            } else {
                check_functions(commands, workloads, first_cell(settings));
                for (experiment::grid_workload& each : workloads) {
                    each = experiment_linux::with_commands(std::move(each), commands);
                }
            }
            *of_cell = experiment_linux::find_commands(workloads, commands);
        };
    }
    settings.thread_count = 1; // two live cells at once would disturb each other
    settings.machine.tick = facts.tick;
    for (experiment::policy& each : experiment_linux::live_runners(options)) {
        registry.add(std::move(each));
    }
    return run_grid(command, given, settings, registry);
}

} // namespace

command_spec run_command(experiment::policy_registry const& policies) {
    return {.name = "run",
            .description = "Run policies on workloads with real processes on this machine, beside the prediction",
            .details = details,
            .options = run_options(policies),
            .run = [&policies](arguments const& given) { return run(given, policies); }};
}

} // namespace hpcsched::cli
