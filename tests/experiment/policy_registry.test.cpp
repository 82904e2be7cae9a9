// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/cpu/eevdf.hpp>
#include <hpcsched/cpu/hands_off.hpp>
#include <hpcsched/cpu/rt.hpp>
#include <hpcsched/cpu_sim/machine.hpp>
#include <hpcsched/experiment/policy_registry.hpp>
#include <hpcsched/experiment/simulate_on.hpp>
#include <hpcsched/workload/in_memory.hpp>

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <vector>

namespace hpcsched::experiment {

using namespace std::chrono_literals;

namespace {

/// Short and long tasks of three functions, some of which block, more than two CPUs can serve at once.
std::vector<workload::invocation> busy_minute() {
    std::vector<workload::invocation> tasks;
    for (int i = 0; i < 3000; ++i) {
        workload::invocation task;
        task.arrival = time_point{20ms * i};
        task.function = function_id{static_cast<std::uint32_t>(i % 3)};
        task.service = i % 3 == 0 ? 5ms : i % 3 == 1 ? 20ms : 80ms;
        if (i % 7 == 0) {
            task.blocking.push_back({task.service / 2, 3ms});
        }
        tasks.push_back(task);
    }
    return tasks;
}

cell_result run(policy const& policy, std::vector<workload::invocation> const& tasks, std::uint32_t cpus = 2) {
    auto const stream = make_stream(workload::in_memory{tasks});
    cell_inputs const inputs{.key = {.policy = policy.name, .workload = "w", .cpu_count = cpus},
                             .machine = cpu_sim::machine_config::with_cpus(cpus),
                             .workload = *stream,
                             .expected_tasks = tasks.size()};
    auto cell = policy.run(inputs);
    REQUIRE(cell.has_value());
    return *cell;
}

} // namespace

TEST_CASE("policy_registry: every shipped policy finishes every task of a busy machine, the same way each time") {
    std::vector<workload::invocation> const tasks = busy_minute();
    policy_registry const registry = shipped_policies();
    for (policy const& policy : registry.policies()) {
        CAPTURE(policy.name);
        CHECK(!policy.description.empty());
        CHECK(!policy.kernel.empty());
        cell_result const cell = run(policy, tasks);
        CHECK(cell.task_count == tasks.size());
        CHECK(cell.utilisation > (policy.name == "hybrid" ? 0.4 : 0.8)); // whose other half is for long tasks
        CHECK(cell.utilisation <= 1.0);
        CHECK(cell.slowdown.p50 >= 1.0);
        CHECK(run(policy, tasks).trace_hash == cell.trace_hash);
    }
}

TEST_CASE("policy_registry: the names that papers and tables use are there") {
    policy_registry const registry = shipped_policies();
    for (char const* const name :
         {"eevdf",     "cfs",        "sfs",        "sfs-repo",  "sfs-cfs",     "sfs-ranks",   "alps",
          "alps-repo", "fifo-rt",    "rr-rt",      "alps-nice", "alps-linear", "alps-forest", "alps-ewma",
          "serpt",     "serpt-mean", "serpt-fair", "hybrid",    "srpt",        "psjf",        "sjf",
          "fcfs",      "rr",         "ps",         "mlfq"}) {
        CAPTURE(name);
        CHECK(registry.find(name) != nullptr);
    }
    CHECK(registry.find("no such policy") == nullptr);
}

TEST_CASE("policy_registry: on one CPU no textbook scheduler beats the oracle's mean, faas.md 9.1 number 9") {
    std::vector<workload::invocation> tasks = busy_minute();
    for (workload::invocation& task : tasks) {
        task.blocking.clear();
    }
    policy_registry const registry = shipped_policies();
    double const oracle = run(*registry.find("srpt"), tasks, 1).turnaround.mean;
    for (std::string const name : {"fcfs", "rr", "ps", "mlfq", "sjf", "psjf"}) {
        CAPTURE(name);
        CHECK(run(*registry.find(name), tasks, 1).turnaround.mean >= oracle * (1 - 1e-9));
    }
    CHECK(run(*registry.find("fcfs"), tasks, 1).context_switches_mean == 0);
    CHECK(run(*registry.find("rr"), tasks, 1).context_switches_mean > 1);
}

TEST_CASE("policy_registry: a policy of one's own joins in a few lines, and takes the place of one of its name") {
    auto policies = shipped_policies();
    std::size_t const before = policies.policies().size();
    policies.add(
        "mine", "leaves everything to the kernel",
        simulate_on<cpu_sim::machine<cpu::rt, cpu::eevdf>>([](cell_inputs const&) { return cpu::hands_off{}; }));
    REQUIRE(policies.policies().size() == before + 1);
    std::vector<workload::invocation> const tasks = busy_minute();
    CHECK(run(*policies.find("mine"), tasks).task_count == tasks.size());
    policies.add("mine", "again", policies.find("fcfs")->run);
    CHECK(policies.policies().size() == before + 1);
    CHECK(policies.find("mine")->description == "again");
}

TEST_CASE("policy_registry: a machine that cannot be is an error of the cell") {
    std::vector<workload::invocation> const tasks = busy_minute();
    auto const stream = make_stream(workload::in_memory{tasks});
    cell_inputs inputs{.key = {}, .machine = cpu_sim::machine_config::with_cpus(2), .workload = *stream};
    inputs.machine.tick = 0ms;
    auto const cell = shipped_policies().find("eevdf")->run(inputs);
    REQUIRE(cell.has_error());
    CHECK(cell.error().message.find("tick") != std::string::npos);
}

TEST_CASE("policy_registry: a watcher sees every arrival and every exit") {
    struct counter : cpu_sim::silent {
        void on_arrival(task_id, function_id, time_point) noexcept { ++arrivals; }
        void on_run(cpu_id, task_id, time_point) noexcept { ++runs; }
        void on_exit(cpu_sim::task_record const&, time_point) noexcept { ++exits; }
        std::size_t arrivals = 0, runs = 0, exits = 0;
    } seen;
    watching<counter> watcher{seen};
    std::vector<workload::invocation> const tasks = busy_minute();
    auto const stream = make_stream(workload::in_memory{tasks});
    cell_inputs const inputs{
        .key = {}, .machine = cpu_sim::machine_config::with_cpus(2), .workload = *stream, .watcher = &watcher};
    policy_registry const registry = shipped_policies();
    cell_result const unseen = run(*registry.find("eevdf"), tasks);
    auto const cell = registry.find("eevdf")->run(inputs);
    REQUIRE(cell.has_value());
    CHECK(cell->trace_hash == unseen.trace_hash); // being watched changes nothing
    CHECK(seen.arrivals == tasks.size());
    CHECK(seen.exits == tasks.size());
    CHECK(seen.runs >= tasks.size());
}

} // namespace hpcsched::experiment
