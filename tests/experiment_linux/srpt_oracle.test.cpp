// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/cpu/eevdf.hpp>
#include <hpcsched/cpu/rt.hpp>
#include <hpcsched/cpu_sim/machine.hpp>
#include <hpcsched/experiment_linux/srpt_oracle.hpp>
#include <hpcsched/testing/conformance/scheduling_agent.hpp>
#include <hpcsched/workload/in_memory.hpp>

#include <doctest/doctest.h>

#include <map>
#include <string>
#include <vector>

namespace {

using namespace hpcsched;
using namespace std::chrono_literals;
using experiment_linux::srpt_oracle;

struct exits : cpu_sim::silent {
    std::map<std::uint64_t, duration> of_row;
    void on_exit(cpu_sim::task_record const& record, time_point) { of_row[record.sequence] = record.turnaround(); }
};

/// Invocations at {arrival, service} in ms on one ideal CPU, steered by the oracle: the turnaround of each.
exits run(std::vector<std::pair<int, int>> const& what) {
    std::vector<workload::invocation> rows;
    std::vector<duration> demands;
    for (auto const& [arrival, service] : what) {
        rows.push_back({.arrival = time_point{std::chrono::milliseconds{arrival}},
                        .function = function_id{static_cast<std::uint32_t>(rows.size())},
                        .service = std::chrono::milliseconds{service}});
        demands.push_back(rows.back().service);
    }
    workload::in_memory source{rows};
    srpt_oracle oracle{demands};
    exits seen;
    cpu_sim::machine<cpu::rt, cpu::eevdf> const machine{cpu_sim::machine_config::ideal(1)};
    REQUIRE(machine.run(source, oracle, seen).has_value());
    return seen;
}

TEST_CASE("srpt oracle: who has the least left runs, as SRPT says") {
    exits const seen = run({{0, 100}, {10, 20}, {15, 10}, {20, 200}});
    CHECK(seen.of_row.at(2) == 10ms);  // displaces the second, which has 15 left
    CHECK(seen.of_row.at(1) == 30ms);  // 5 before, 15 after
    CHECK(seen.of_row.at(0) == 130ms); // the first waits for both
    CHECK(seen.of_row.at(3) == 310ms);
}

TEST_CASE("srpt oracle: equals do not displace each other") {
    exits const seen = run({{0, 50}, {0, 50}, {0, 50}});
    CHECK(seen.of_row.at(0) == 50ms);
    CHECK(seen.of_row.at(1) == 100ms);
    CHECK(seen.of_row.at(2) == 150ms);
}

TEST_CASE("srpt oracle: conforms to scheduling_agent") {
    for (std::uint32_t const cpus : {1U, 2U, 7U}) {
        for (std::uint64_t seed = 1; seed <= 5; ++seed) {
            auto const make = [] { return srpt_oracle{std::vector<duration>(10, 5ms)}; };
            for (std::string const& each : testing::check_scheduling_agent(make, {.seed = seed, .cpu_count = cpus})) {
                FAIL_CHECK(each);
            }
        }
    }
}

} // namespace
