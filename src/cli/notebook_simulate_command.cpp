// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/experiment/build_identity.hpp>
#include <hpcsched/experiment/notebook_policies.hpp>
#include <hpcsched/experiment/notebook_result.hpp>
#include <hpcsched/experiment/notebook_results_io.hpp>
#include <hpcsched/experiment/notebook_trace_file.hpp>
#include <hpcsched/experiment/results_io.hpp>
#include <hpcsched/experiment/suggest.hpp>
#include <hpcsched/notebook/standing_cluster.hpp>
#include <hpcsched/workload/notebook_generator.hpp>
#include <hpcsched/workload/notebook_window.hpp>

#include "commands.hpp"
#include "interrupt.hpp"
#include "standing_settings.hpp"
#include "values.hpp"
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <iomanip>
#include <iostream>
#include <limits>
#include <mutex>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace hpcsched::cli {
namespace {

constexpr char const* all_queues = "fifo,shortest,aged,fair-share";

constexpr char const* details =
    R"(A trace of notebook cells is replayed on a cluster of GPU hosts that a policy schedules: where kernels
live, where their cells run, how many hosts there are. Without a trace one is generated, as large and as uneven
as a month of Adobe's sessions.

Examples:
  hpcsched notebook simulate                              a generated month, all policies
  hpcsched notebook simulate idlt_june.csv                a real one
  hpcsched notebook simulate idlt_june.csv --window 17.5h its busiest 17.5 hours
  hpcsched notebook simulate --sessions 3000 -p notebookos,predictive --seeds 5
  hpcsched notebook simulate --host-lifetime 30d          hosts fail, each once in 30 days on average
  hpcsched notebook simulate mine.csv --hosts 24          what users would wait for on 24 hosts, by queue

Policies: reservation (a session has its GPUs from its first to its last moment), batch (every cell a job),
notebookos-lcp (the same, from a large pool of containers), notebookos (three replicas, GPUs while a cell runs),
notebookos-foreseen (the same, admitted and moved by noisy futures of the cluster), predictive and foreseeing (this
library's own; those that ask noisy futures take a minute for a month). With --hosts, the cluster is one that hpcsched
notebook serve keeps: so many hosts all the time, three replicas, and a queue for what finds no room; a policy for each
queue (standing-fifo, ...), to which -p adds others.

"saved" is GPU-hours provisioned less than reservation; "at once" the share of cells whose GPUs were there when
they were submitted; "delay" runs from submission to the start of the cell's code, "done" to its reply; "moved"
counts replicas that moved because a cell waited, "ahead" those that moved before one did.

The folder of --out gets report.html, results.csv and results.json.

Exit status: 0 success, 1 failure, 2 wrong command line, 3 a trace that cannot be read, 130 interrupted.)";

struct settings {
    workload::notebook_trace trace;
    std::string workload;
    std::string window; ///< in words
    std::vector<experiment::notebook_policy> policies;
    notebook_sim::cluster_config cluster;
    std::uint64_t seeds = 1;
    experiment::device_price price;
    duration sample_every{};
    std::filesystem::path out;
    unsigned threads = 1;
    bool quiet = false;
};

/// Up to three digits behind the point, none of them an idle 0: "17.5", "15".
std::string short_number(double value) {
    std::ostringstream text;
    text << std::fixed << std::setprecision(3) << value;
    std::string digits = text.str();
    digits.erase(digits.find_last_not_of('0') + 1);
    return digits.ends_with('.') ? digits.substr(0, digits.size() - 1) : digits;
}

duration time_of(arguments const& given, char const* option, duration otherwise) {
    return given.has(option) ? or_fail(parse_duration(given.one(option)), exit_code::usage, std::string{option} + ": ")
                             : otherwise;
}

std::uint64_t count_of(arguments const& given, char const* option, std::uint64_t least, std::uint64_t most,
                       std::uint64_t otherwise) {
    return given.has(option)
               ? or_fail(parse_count(given.one(option), least, most), exit_code::usage, std::string{option} + ": ")
               : otherwise;
}

/// A policy for each queue of the hosts that stay, where there are such.
void choose_queues(arguments const& given, settings& s) {
    if (!given.has("--hosts")) {
        for (char const* const option :
             {"--queue", "--placement", "--admission", "--service-level", "--patience", "--replicas"}) {
            if (given.has(option)) {
                throw failure{exit_code::usage, std::string{option} + " needs --hosts, which says how many there are"};
            }
        }
        return;
    }
    std::uint64_t const hosts = count_of(given, "--hosts", 1, 1'000'000, 0);
    auto const queues = split_list(given.one("--queue", all_queues));
    if (queues.empty()) {
        throw failure{exit_code::usage, "--queue: name at least one"};
    }
    for (std::string const& queue : queues) {
        notebook::standing_policies policies = standing_settings(given, hosts, queue);
        policies.scaling.hosts = static_cast<std::uint32_t>(hosts);
        s.policies.push_back(experiment::standing_notebook_policy(policies));
    }
}

void choose_policies(arguments const& given, settings& s) {
    choose_queues(given, s);
    if (!s.policies.empty() && !given.has("--policies")) {
        return;
    }
    auto shipped = experiment::shipped_notebook_policies();
    std::vector<std::string> names;
    for (auto const& p : shipped) {
        names.push_back(p.name);
    }
    std::string const list = given.one("--policies", "all");
    for (std::string const& name : list == "all" ? names : split_list(list)) {
        auto const at = std::find_if(shipped.begin(), shipped.end(), [&](auto const& p) { return p.name == name; });
        if (at == shipped.end()) {
            std::string const near = experiment::nearest_name(name, names);
            std::string all;
            for (std::string const& n : names) {
                all += (all.empty() ? "" : ", ") + n;
            }
            throw failure{exit_code::usage, "--policies: there is no policy '" + name + "'; " +
                                                (near.empty() ? "there are " + all : "did you mean '" + near + "'?")};
        }
        s.policies.push_back(*at);
    }
    if (s.policies.empty()) {
        throw failure{exit_code::usage, "--policies: name at least one, or all"};
    }
}

void choose_trace(arguments const& given, settings& s) {
    if (given.has("trace")) {
        workload::row_policy rows;
        rows.on_bad_row = given.has("--skip-malformed") ? workload::bad_rows::skip : workload::bad_rows::stop;
        workload::read_counts counts;
        s.trace = or_fail(experiment::read_notebook_trace(given.one("trace"), rows, &counts), exit_code::bad_input);
        s.workload = std::filesystem::path{given.one("trace")}.filename().string();
        if (counts.skipped_count > 0) {
            std::cerr << "hpcsched: " << counts.skipped_count << " rows left out; the first: " << counts.first_skipped
                      << '\n';
        }
    } else {
        workload::notebook_generator_config config;
        config.seed = count_of(given, "--trace-seed", 0, std::numeric_limits<std::uint64_t>::max(), config.seed);
        config.session_count =
            static_cast<std::uint32_t>(count_of(given, "--sessions", 1, 1'000'000, config.session_count));
        config.length = time_of(given, "--length", config.length);
        s.trace = or_fail(workload::generate_notebooks(config), exit_code::usage);
        s.workload = "generated, " + std::to_string(config.session_count) + " sessions";
    }
    if (s.trace.cells.empty()) {
        throw failure{exit_code::bad_input, s.workload + ": there is no cell in this trace"};
    }
    std::uint32_t largest = 0;
    for (workload::notebook_cell const& c : s.trace.cells) {
        largest = std::max(largest, c.gpus);
    }
    if (largest > s.cluster.host_kind.devices.size()) {
        throw failure{exit_code::usage,
                      "a cell of the trace needs " + std::to_string(largest) + " GPUs on one host, which has " +
                          std::to_string(s.cluster.host_kind.devices.size()) + ": give hosts more with --host-gpus"};
    }
}

void choose_window(arguments const& given, settings& s) {
    if (!given.has("--window")) {
        if (given.has("--from")) {
            throw failure{exit_code::usage, "--from needs --window, which says how long"};
        }
        return;
    }
    duration const length = time_of(given, "--window", {});
    if (length <= duration{0}) {
        throw failure{exit_code::usage, "--window: give a time above 0"};
    }
    time_point const start =
        given.has("--from") ? time_point{time_of(given, "--from", {})} : workload::busiest_window(s.trace, length);
    s.trace = workload::cut(s.trace, start, length, workload::window_sessions::held_and_idle);
    if (s.trace.cells.empty()) {
        throw failure{exit_code::bad_input, s.workload + ": no cell is submitted in that window"};
    }
    s.cluster.until = time_point{length};
    auto const hours = [](duration d) { return short_number(to_seconds(d) / 3600); };
    s.window = std::string{given.has("--from") ? "A window" : "The busiest window"} +
               " of the trace: " + hours(length) + " hours from hour " + hours(start - time_point{}) +
               "; cells that ran before it and go on are not in it.";
}

std::string assumptions_of(settings const& s) {
    auto const& c = s.cluster;
    auto const seconds = [](duration d) { return short_number(to_seconds(d)) + " s"; };
    return "Hosts of " + std::to_string(c.host_kind.devices.size()) + " GPUs, up after " +
           seconds(c.provisioning.mean) + " +- " + seconds(c.provisioning.deviation) + ", gone after " +
           seconds(c.releasing.mean) + "; containers cold " + seconds(c.cold_start) + ", warm " +
           seconds(c.warm_start) + "; state from the store 99 % within " + seconds(c.store_read_p99) + ", to it " +
           seconds(c.store_write_p99) + "; a commit " + seconds(c.commit) + ", a model onto its devices " +
           seconds(c.device_load) + "; a session is opened " + seconds(c.session_lead) +
           " before its first cell; a GPU costs $" + short_number(s.price.dollars_per_hour) + " an hour, provisioned.";
}

settings read_settings(arguments const& given) {
    settings s;
    s.cluster.host_kind = gpu::uniform_host(count_of(given, "--host-gpus", 1, gpu::device_count_max, 8));
    s.cluster.provisioning.mean = time_of(given, "--provisioning", s.cluster.provisioning.mean);
    s.cluster.cold_start = time_of(given, "--cold-start", s.cluster.cold_start);
    s.cluster.warm_start = time_of(given, "--warm-start", s.cluster.warm_start);
    s.cluster.commit = time_of(given, "--commit", s.cluster.commit);
    s.cluster.session_lead = time_of(given, "--session-lead", s.cluster.session_lead);
    s.cluster.host_lifetime = time_of(given, "--host-lifetime", s.cluster.host_lifetime);
    s.cluster.seed = count_of(given, "--seed", 0, std::numeric_limits<std::uint64_t>::max() - 10'000, 1);
    s.seeds = count_of(given, "--seeds", 1, 10'000, 1);
    if (given.has("--gpu-price")) {
        s.price.dollars_per_hour =
            or_fail(parse_real(given.one("--gpu-price"), 0, 1e6), exit_code::usage, "--gpu-price: ");
    }
    s.sample_every = time_of(given, "--sample-every", std::chrono::minutes{5});
    if (s.sample_every <= duration{0} || s.cluster.host_lifetime <= duration{0}) {
        throw failure{exit_code::usage, "--sample-every and --host-lifetime: give a time above 0"};
    }
    s.out = given.one("--out", "notebook-results");
    unsigned const cpus = std::max(1U, std::thread::hardware_concurrency());
    s.threads = static_cast<unsigned>(count_of(given, "--threads", 1, 1024, cpus));
    s.quiet = given.has("--quiet");
    choose_policies(given, s);
    choose_trace(given, s);
    choose_window(given, s);
    return s;
}

/// Runs every policy with every seed, on several threads; in order of seeds and then of policies.
std::vector<experiment::notebook_result> run_all(settings const& s, std::atomic<bool> const& interrupted) {
    std::size_t const count = s.policies.size() * s.seeds;
    std::vector<experiment::notebook_result> results(count);
    std::atomic<std::size_t> next{0};
    std::size_t done = 0;
    std::mutex screen;
    auto const begin = std::chrono::steady_clock::now();
    auto const work = [&] {
        for (std::size_t i = next++; i < count && !interrupted; i = next++) {
            auto const& policy = s.policies[i % s.policies.size()];
            notebook_sim::cluster_config config = s.cluster;
            config.seed += i / s.policies.size();
            auto const from = std::chrono::steady_clock::now();
            auto const record = policy.run(s.trace, config, s.sample_every);
            std::chrono::duration<double> const took = std::chrono::steady_clock::now() - from;
            auto r = experiment::summarize_notebooks(
                record, static_cast<std::uint32_t>(s.cluster.host_kind.devices.size()), s.price);
            r.policy = policy.name;
            r.workload = s.workload;
            r.seed = config.seed;
            r.run_seconds = took.count();
            results[i] = std::move(r);
            std::scoped_lock const lock{screen};
            ++done;
            std::chrono::duration<double> const elapsed = std::chrono::steady_clock::now() - begin;
            if (!s.quiet && elapsed.count() > 2) {
                std::cerr << "hpcsched: " << done << " of " << count << " runs\n";
            }
        }
    };
    std::vector<std::jthread> workers;
    for (unsigned t = 1; t < std::min<std::size_t>(s.threads, count); ++t) {
        workers.emplace_back(work);
    }
    work();
    workers.clear();
    if (interrupted) {
        throw failure{exit_code::interrupted, "interrupted: nothing was written"};
    }
    return results;
}

exit_code simulate(arguments const& given) {
    settings const s = read_settings(given);
    auto const& interrupted = catch_interrupts();
    auto const results = run_all(s, interrupted);
    double span = to_seconds(s.cluster.until - time_point{}) / 3600;
    if (s.cluster.until == never) {
        time_point last{};
        for (auto const& session : s.trace.sessions) {
            last = std::max(last, session.closed);
        }
        span = to_seconds(last - time_point{}) / 3600;
    }
    experiment::notebook_run_description const run{.program = "hpcsched " + std::string{experiment::library_version()},
                                                   .command = given.command(),
                                                   .span_hours = span,
                                                   .window = s.window,
                                                   .price = s.price,
                                                   .assumptions = assumptions_of(s)};
    std::cout << s.workload << ": " << s.trace.cells.size() << " cells of " << s.trace.sessions.size() << " sessions\n"
              << (s.window.empty() ? "" : s.window + "\n") << experiment::notebook_table(results) << '\n';
    std::error_code failed;
    std::filesystem::create_directories(s.out, failed);
    if (failed) {
        throw failure{exit_code::failure, "cannot make the folder '" + s.out.string() + "': " + failed.message()};
    }
    auto const write = [&](char const* name, std::string const& text) {
        or_fail(experiment::write_file((s.out / name).string(), text), exit_code::failure);
    };
    write("results.json", experiment::notebook_results_json(run, results));
    write("results.csv", experiment::notebook_results_csv(results));
    write("report.html", experiment::notebook_report(run, results));
    std::cout << "In " << s.out.string() << ": report.html, results.csv, results.json\n";
    return exit_code::success;
}

void append_standing_options(std::vector<option_spec>& options) {
    std::string const standing = "Hosts that stay";
    options.push_back({.name = "--hosts",
                       .value = "N",
                       .help = "so many, all the time; one in place of each that is lost",
                       .group = standing});
    for (option_spec& o :
         standing_options(standing,
                          {.name = "--queue",
                           .value = "LIST",
                           .help = "which of the cells that wait for devices runs next: fifo; shortest, by how long\n"
                                   "the kernel's cells have kept their devices; aged, by waiting over that;\n"
                                   "fair-share, which session has the fewest devices [default: each of them]",
                           .complete = value_completion::list_of(split_list(all_queues))},
                          "of each kernel [default: 3, or on every host if there are fewer]")) {
        options.push_back(std::move(o));
    }
}

} // namespace

command_spec notebook_simulate_command() {
    std::vector<std::string> names{"all"};
    for (auto const& p : experiment::shipped_notebook_policies()) {
        names.push_back(p.name);
    }
    std::string const workload = "Workload";
    std::string const cluster = "Cluster";
    std::vector<option_spec> options{
        {.name = "trace",
         .value = "FILE",
         .help = "a trace, also compressed with gzip; -: standard input\n"
                 "[default: one is generated]",
         .group = workload,
         .complete = value_completion::file()},
        {.name = "--window", .value = "TIME", .help = "only so long a part of it, the busiest", .group = workload},
        {.name = "--from",
         .value = "TIME",
         .help = "where the window begins [default: where most is submitted]",
         .group = workload},
        {.name = "--skip-malformed",
         .value = "",
         .help = "leave out malformed rows, and say how many",
         .group = workload},
        {.name = "--sessions", .value = "N", .help = "of a generated trace [default: 339]", .group = workload},
        {.name = "--length", .value = "TIME", .help = "of a generated trace [default: 30d]", .group = workload},
        {.name = "--trace-seed", .value = "N", .help = "of a generated trace [default: 1]", .group = workload},
        {.name = "-p,--policies",
         .value = "LIST",
         .help = "which policies [default: all]",
         .complete = value_completion::list_of(names)},
        {.name = "-s,--seed", .value = "N", .help = "of provisioning times, the store, failures [default: 1]"},
        {.name = "--seeds", .value = "N", .help = "how many seeds, from that one on [default: 1]"},
        {.name = "-o,--out",
         .value = "FOLDER",
         .help = "where the results go [default: notebook-results]",
         .complete = value_completion::folder()},
        {.name = "-t,--threads", .value = "N", .help = "runs at one time [default: one for each CPU]"},
        {.name = "--sample-every", .value = "TIME", .help = "of the curves over time [default: 5min]"},
        {.name = "-q,--quiet", .value = "", .help = "no progress"},
        {.name = "--host-gpus", .value = "N", .help = "GPUs of each host [default: 8]", .group = cluster},
        {.name = "--provisioning",
         .value = "TIME",
         .help = "until a host is up, on average [default: 15s, as NotebookOS emulates it]",
         .group = cluster},
        {.name = "--cold-start", .value = "TIME", .help = "of a container [default: 15s]", .group = cluster},
        {.name = "--warm-start", .value = "TIME", .help = "of one that waits [default: 1s]", .group = cluster},
        {.name = "--commit",
         .value = "TIME",
         .help = "of one entry in a kernel's log [default: 5ms]",
         .group = cluster},
        {.name = "--session-lead",
         .value = "TIME",
         .help = "a session is opened so long before its first cell [default: 60s]",
         .group = cluster},
        {.name = "--host-lifetime",
         .value = "TIME",
         .help = "mean time until a host is lost [default: none is lost]",
         .group = cluster},
        {.name = "--gpu-price", .value = "DOLLARS", .help = "of a GPU for an hour [default: 3.06]", .group = cluster}};
    append_standing_options(options);
    return {.name = "simulate",
            .description = "Replay a trace of notebooks under several schedulers: a table, a page, CSV and JSON",
            .details = details,
            .options = std::move(options),
            .run = &simulate};
}

} // namespace hpcsched::cli
