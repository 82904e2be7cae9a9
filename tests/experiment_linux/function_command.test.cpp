// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/experiment_linux/function_command.hpp>
#include <hpcsched/experiment_linux/live_policies.hpp>
#include <hpcsched/workload/in_memory.hpp>
#include <hpcsched/workload/offered_work.hpp>

#include <doctest/doctest.h>

#include "live_cell.hpp"
#include <skip.hpp>

#include <string>
#include <vector>

namespace {

using namespace hpcsched;
using namespace std::chrono_literals;
using experiment_linux::function_command;

std::vector<function_command> two_commands() {
    return {{.function = "hash", .command = "sha1sum big", .cpu_time = 40ms, .turnaround = 40ms},
            {.function = "fetch", .command = "curl x", .cpu_time = 10ms, .turnaround = 70ms}};
}

std::vector<workload::invocation> rows_of(experiment::grid_workload const& workload, experiment::cell_key const& key) {
    return experiment_linux::detail::read_all(*workload.open(key).value()).value();
}

/// Three functions, 10 ms each, every 100 ms.
experiment::grid_workload three_functions() {
    std::vector<workload::invocation> rows;
    for (std::uint32_t i = 0; i < 9; ++i) {
        rows.push_back({.arrival = time_point{i * 100ms}, .function = function_id{i % 3}, .service = 10ms});
    }
    return {.name = "three",
            .identity = 1,
            .expected_tasks = 9,
            .open = [rows](experiment::cell_key const&) -> result<std::unique_ptr<experiment::invocation_stream>> {
                struct held {
                    std::vector<workload::invocation> rows;
                    std::size_t at = 0;
                    result<bool> next(workload::invocation& out) {
                        if (at == rows.size()) {
                            return false;
                        }
                        out = rows[at++];
                        return true;
                    }
                };
                return experiment::make_stream(held{rows});
            },
            .function_names =
                [](experiment::cell_key const&) {
                    return result<std::vector<std::string>>{std::vector<std::string>{"a", "fetch", "hash"}};
                }};
}

double load_of(std::vector<workload::invocation> const& rows, std::uint32_t cpus) {
    workload::in_memory source{rows};
    return workload::measure_work(source).value().load(cpus).value();
}

TEST_CASE("function command: what a command takes is measured, its children's CPU time and its sleep apart") {
    auto const sleeps = experiment_linux::measured_command("nap", "sleep 0.05", 1).value();
    CHECK(sleeps.turnaround >= 50ms);
    CHECK(sleeps.cpu_time > 0ns);
    CHECK(sleeps.cpu_time < 50ms);
    auto const works =
        experiment_linux::measured_command("work", "sh -c 'head -c 8000000 /dev/zero | sha1sum'", 1).value();
    CHECK(works.cpu_time > 2 * sleeps.cpu_time);
}

TEST_CASE("function command: one that fails says how") {
    auto const why = [](char const* command) {
        return experiment_linux::measured_command("bad", command).error().message;
    };
    CHECK(why("sh -c 'exit 3'") == "the command of 'bad' fails (exit status 3): sh -c 'exit 3'");
    CHECK(why("sh -c 'kill -9 $$'") == "the command of 'bad' fails (killed by SIGKILL): sh -c 'kill -9 $$'");
    CHECK(why("no-such-thing") ==
          "the command of 'bad' fails (exit status 127: there is no such program): no-such-thing");
    CHECK(why("") == "the command of 'bad' cannot be run (it is empty): ");
    CHECK(why("echo 'a") == "the command of 'bad' cannot be run (a quotation in it does not end): echo 'a");
    CHECK(why("echo a | sort")
              .starts_with("the command of 'bad' cannot be run (only a shell knows what that means: "
                           "write sh -c '...'"));
    CHECK(why("echo $(date)").starts_with("the command of 'bad' cannot be run (only a shell"));
}

TEST_CASE("function command: commands alone are a workload at the load of the cell, each as likely as the other") {
    auto const workload = experiment_linux::commands_workload(two_commands(), 2000);
    auto const rows = rows_of(workload, {.load = 0.7, .cpu_count = 2, .seed = 3});
    REQUIRE(rows.size() == 2000);
    CHECK(load_of(rows, 2) == doctest::Approx(0.7).epsilon(1e-6));
    auto const hashes = std::ranges::count(rows, function_id{0}, &workload::invocation::function);
    CHECK(hashes > 900); // 1000 +- 4.5 standard deviations of 22
    CHECK(hashes < 1100);
    for (workload::invocation const& row : rows) {
        bool const is_hash = row.function == function_id{0};
        CHECK(row.service == (is_hash ? 40ms : 10ms));
        CHECK(row.blocking == (is_hash ? std::vector<workload::blocking_segment>{}
                                       : std::vector<workload::blocking_segment>{{5ms, 60ms}}));
    }
    CHECK(rows_of(workload, {.load = 0.7, .cpu_count = 2, .seed = 3}) == rows);
    CHECK(rows_of(workload, {.load = 0.7, .cpu_count = 2, .seed = 4}) != rows);
    CHECK(workload.open({.load = 0, .cpu_count = 2}).error().message ==
          "commands have no recorded arrivals: give a load, such as --loads 0.7");
}

TEST_CASE("function command: a workload of which functions are commands keeps its arrivals, and a load holds for it") {
    auto const workload = experiment_linux::with_commands(three_functions(), two_commands());
    auto const recorded = rows_of(workload, {.load = 0, .cpu_count = 1});
    REQUIRE(recorded.size() == 9);
    CHECK(recorded[4].arrival == time_point{400ms});
    CHECK(recorded[0].service == 10ms);
    CHECK(recorded[1].blocking == std::vector<workload::blocking_segment>{{5ms, 60ms}});
    CHECK(recorded[2].service == 40ms);
    auto const loaded = rows_of(workload, {.load = 0.5, .cpu_count = 1});
    CHECK(load_of(loaded, 1) == doctest::Approx(0.5).epsilon(1e-6));
    CHECK(workload.identity != three_functions().identity);
}

TEST_CASE("function command: the commands of a cell are found by the names of its functions") {
    auto const find = experiment_linux::find_commands({three_functions()}, two_commands());
    CHECK(find({.workload = "three"}).value() == std::vector<std::string>{"", "curl x", "sha1sum big"});
    CHECK(find({.workload = "other"}).value().empty());
}

experiment::cell_runner live_eevdf(std::vector<std::string> const& commands) {
    experiment_linux::live_options options{.disturbed_above = 1};
    options.commands = [commands](experiment::cell_key const&) { return result<std::vector<std::string>>{commands}; };
    return experiment_linux::live_runners(options).front().run;
}

TEST_CASE("function command: a cell runs it, and counts what it had others do") {
    if (auto const possible = experiment_linux::check_live("eevdf"); possible.has_error()) {
        HPCSCHED_SKIP(possible.error().message.c_str());
    }
    auto const stream = three_functions().open({}).value();
    auto const cell = live_eevdf({"sh -c 'head -c 20000000 /dev/zero | sha1sum'", "sleep 0.2", "true"})(
        {.key = {.policy = "eevdf-live", .workload = "three", .cpu_count = 2}, .workload = *stream});
    REQUIRE_MESSAGE(cell.has_value(), cell.error().message);
    CHECK(cell->task_count == 9);
    CHECK(cell->turnaround.max >= 0.2);
    CHECK(cell->turnaround.mean >= 0.2 / 3);
}

TEST_CASE("function command: a cell in which one fails is no result") {
    if (auto const possible = experiment_linux::check_live("eevdf"); possible.has_error()) {
        HPCSCHED_SKIP(possible.error().message.c_str());
    }
    auto const stream = three_functions().open({}).value();
    auto const cell = live_eevdf({"true", "sh -c 'exit 4'", "true"})(
        {.key = {.policy = "eevdf-live", .workload = "three", .cpu_count = 2}, .workload = *stream});
    REQUIRE(cell.has_error());
    CHECK(cell.error().message == "a process fails (exit status 4): sh -c 'exit 4'");
}

} // namespace
