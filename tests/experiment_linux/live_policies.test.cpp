// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/experiment/invocation_stream.hpp>
#include <hpcsched/experiment_linux/live_policies.hpp>
#include <hpcsched/workload/in_memory.hpp>

#include <doctest/doctest.h>

#include "live_cell.hpp"
#include <signal.h>
#include <skip.hpp>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace hpcsched;
using namespace std::chrono_literals;

/// Twelve invocations of 2 to 40 ms within 60 ms, some of which block.
std::vector<workload::invocation> a_dozen() {
    std::vector<workload::invocation> rows;
    for (std::uint32_t i = 0; i < 12; ++i) {
        rows.push_back(
            {.arrival = time_point{i * 5ms}, .function = function_id{i % 3}, .service = (2 + 19 * (i % 3)) * 1ms});
        if (i % 4 == 0) {
            rows.back().blocking.push_back({.after_cpu = 1ms, .length = 10ms});
        }
    }
    return rows;
}

TEST_CASE("live policies: every policy brings every invocation to its end, with the CPU time that it asked for") {
    if (HPCSCHED_IS_SANITIZED != 0) {
        HPCSCHED_SKIP("a sanitizer makes a process use more CPU time than it is told to");
    }
    if (auto const possible = experiment_linux::check_live("eevdf"); possible.has_error()) {
        HPCSCHED_SKIP(possible.error().message.c_str());
    }
    auto const rows = a_dozen();
    for (experiment::policy const& each : experiment_linux::live_runners({.disturbed_above = 1})) {
        CAPTURE(each.name);
        if (experiment_linux::check_live(each.name.substr(0, each.name.size() - 5)).has_error()) {
            continue; // a kernel without sched_ext; tests/guest.sh has one
        }
        auto const run_once = [&] {
            auto const stream = experiment::make_stream(workload::in_memory{rows});
            return each.run({.key = {.policy = each.name, .workload = "dozen", .cpu_count = 2}, .workload = *stream});
        };
        auto cell = run_once();
        // The machine was disturbed, or changed its speed. Where it does so all the time nothing can be said of
        // policies.
        auto const is_disturbed = [&] { return cell.has_error() && cell.error().message.ends_with("run it again"); };
        for (int again = 0; again < 20 && is_disturbed(); ++again) {
            cell = run_once();
        }
        if (is_disturbed()) {
            HPCSCHED_SKIP(cell.error().message.c_str());
        }
        REQUIRE_MESSAGE(cell.has_value(), cell.error().message);
        CHECK(cell->task_count == 12);
        CHECK(cell->turnaround.mean >= 0.0233); // the mean of service and blocking
        CHECK(cell->turnaround.max < 10);
        CHECK(cell->slowdown.p50 >= 1);
        CHECK(cell->utilisation > 0);
        CHECK(cell->agent_share > 0);
    }
}

TEST_CASE("live policies: an invocation whose end is told twice, late by the sensor, counts once") {
    std::vector<workload::invocation> const rows{{.arrival = time_point{}, .function = {}, .service = 2ms}};
    auto const stream = experiment::make_stream(workload::in_memory{rows});
    experiment_linux::detail::live_books books{rows, {}, cpu_linux::now(), 1ms, {.key = {}, .workload = *stream}};
    task_id const task{.index = 3, .generation = 1};
    books.begin(task, 0);
    cpu_linux::live_record const record{.exit = cpu_linux::now(), .cpu_time = 2ms};
    books.end_process({.row = 0, .at = cpu_linux::now(), .cpu_time = 2'000'000});
    books.end(task, record);
    CHECK(books.done_count() == 1);
    CHECK(books.used() == 2ms);
}

TEST_CASE("live policies: who was gone before it could be steered ended then, not when it was waited for") {
    std::vector<workload::invocation> const rows{{.arrival = time_point{}, .function = {}, .service = 2ms}};
    auto const stream = experiment::make_stream(workload::in_memory{rows});
    time_point const start = cpu_linux::now() - 10ms;
    experiment_linux::detail::live_books books{rows, {}, start, 1ms, {.key = {}, .workload = *stream}};
    books.miss(0);
    books.end_process({.row = 0, .at = cpu_linux::now() + 5s, .cpu_time = 2'000'000});
    CHECK(books.unsteered_count() == 1);
    auto const cell = books.metrics().report({}, {.task_count = 1});
    CHECK(cell.turnaround.max < 1);
}

TEST_CASE("live policies: what a process outside the run takes of the CPUs is reported as others'") {
    if (auto const possible = experiment_linux::check_live("eevdf"); possible.has_error()) {
        HPCSCHED_SKIP(possible.error().message.c_str());
    }
    pid_t const other = fork();
    if (other == 0) {
        for (;;) {
            asm volatile("" ::: "memory");
        }
    }
    auto const rows = a_dozen();
    auto const runners = experiment_linux::live_runners({.disturbed_above = 1});
    auto const run_once = [&] {
        auto const stream = experiment::make_stream(workload::in_memory{rows});
        return runners.front().run(
            {.key = {.policy = "eevdf-live", .workload = "dozen", .cpu_count = 2}, .workload = *stream});
    };
    auto cell = run_once();
    for (int again = 0; again < 20 && cell.has_error() && cell.error().message.ends_with("run it again"); ++again) {
        cell = run_once();
    }
    kill(other, SIGKILL);
    waitpid(other, nullptr, 0);
    if (cell.has_error() && cell.error().message.ends_with("run it again")) {
        HPCSCHED_SKIP(cell.error().message.c_str());
    }
    REQUIRE_MESSAGE(cell.has_value(), cell.error().message);
    CHECK(cell->others_share > 0.1); // of two CPUs it could have half
}

TEST_CASE("live policies: told to stop, a run ends at once and leaves no process") {
    if (auto const possible = experiment_linux::check_live("eevdf"); possible.has_error()) {
        HPCSCHED_SKIP(possible.error().message.c_str());
    }
    std::vector<workload::invocation> const rows(3, {.service = 1h});
    auto const stream = experiment::make_stream(workload::in_memory{rows});
    std::atomic<std::uint64_t> begun = 0;
    std::atomic<bool> stop = false;
    std::jthread const watcher{[&] {
        while (begun < rows.size()) {
            std::this_thread::yield();
        }
        stop = true;
    }};
    auto const runners = experiment_linux::live_runners();
    auto const cell = runners.front().run({.key = {.policy = "eevdf-live", .workload = "hours", .cpu_count = 2},
                                           .workload = *stream,
                                           .tasks_begun = &begun,
                                           .stop = &stop});
    REQUIRE(cell.has_error());
    CHECK(cell.error().message == "interrupted");
    CHECK(begun == rows.size());
    CHECK(waitpid(-1, nullptr, WNOHANG) == -1); // no child is left
}

TEST_CASE("live policies: each has a policy of the simulator that foretells it") {
    auto const simulated = experiment::shipped_policies();
    auto const runners = experiment_linux::live_runners();
    REQUIRE(runners.size() == experiment_linux::live_policies().size());
    for (std::size_t i = 0; i < runners.size(); ++i) {
        auto const& live = experiment_linux::live_policies()[i];
        CHECK(live.name == live.called + "-live");
        CHECK(runners[i].name == live.name);
        CHECK(simulated.find(live.simulated) != nullptr);
        CHECK(simulated.find(live.name) == nullptr);
        CHECK(live.called.starts_with(live.simulated));
    }
}

TEST_CASE("live policies: a run that others disturbed does not count") {
    using experiment_linux::detail::check_undisturbed;
    using experiment_linux::detail::share_of_others;
    // Two CPUs for 10 s, of which this run used 8 s.
    CHECK(share_of_others(8900ms, 8s, 10s, 2) == doctest::Approx(0.045));
    CHECK(share_of_others(7s, 8s, 10s, 2) == 0); // clocks of different steps
    CHECK(check_undisturbed(0.045, {.disturbed_above = 0.05}).has_value());
    auto const refused = check_undisturbed(0.075, {.disturbed_above = 0.05});
    REQUIRE(refused.has_error());
    CHECK(refused.error().message.starts_with("disturbed: other processes took 7.5 % of the CPUs"));
    CHECK(check_undisturbed(0, {.disturbed_above = 0}).has_value());
}

TEST_CASE("live policies: a run whose processes began late does not count") {
    using experiment_linux::detail::check_arrivals;
    CHECK(check_arrivals({}).has_value());
    std::vector<duration> lateness(200, 1ms);
    lateness[7] = lateness[8] = 900ms; // a hundredth
    CHECK(check_arrivals(lateness).has_value());
    lateness[100] = 250ms;
    auto const refused = check_arrivals(lateness);
    REQUIRE(refused.has_error());
    CHECK(refused.error().message.starts_with("late: 3 of 200 processes began 0.25 s after their time or later"));
}

TEST_CASE("live policies: a run whose processes used far more CPU time than they were to does not count") {
    using experiment_linux::detail::check_demand;
    CHECK(check_demand(1s, 1010ms).has_value());
    CHECK(check_demand(1050ms, 1010ms).has_value());
    CHECK(check_demand(1s, 0s).has_value()); // all are commands
    auto const refused = check_demand(1212ms, 1010ms);
    REQUIRE(refused.has_error());
    CHECK(refused.error().message.starts_with("the processes used 20.0 % more CPU time than their service times"));
}

} // namespace
