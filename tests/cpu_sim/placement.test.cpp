// SPDX-License-Identifier: Apache-2.0
// On which CPU a task of the fair class runs: wake-up placement, idle stealing, periodic balance.
#include <hpcsched/cpu_sim/machine.hpp>

#include <doctest/doctest.h>

#include "linux.hpp"

#include <algorithm>
#include <set>
#include <vector>

namespace hpcsched::cpu_sim {
namespace {

using namespace scenario;

/// The CPU on which the task of that row was at `at`; 99: on none.
std::uint32_t cpu_at(log const& seen, std::uint32_t row, duration at) {
    for (log::stretch const& s : runs_of(seen, row)) {
        if (s.from <= time_point{at} && time_point{at} < s.to) {
            return s.cpu.value;
        }
    }
    return 99;
}

/// Two CPUs that balance only as told.
linux_machine two_cpus(bool steals, duration balance_period) {
    auto hardware = machine_config::ideal(2);
    hardware.idle_stealing = steals;
    hardware.balance_period = balance_period;
    return linux_with(hardware);
}

} // namespace

TEST_CASE("placement: a waking task goes to its previous CPU if that is idle, though a lower one is too") {
    // Row 0 keeps CPU 0 busy while row 1 comes to CPU 1, and is gone when it wakes.
    auto const [seen, summary] = run(linux_on(2), {job(0ms, 3ms), job(1ms, 10ms, {{1ms, 8ms}})});
    CHECK(cpu_at(seen, 1, 1500us) == 1);
    CHECK(cpu_at(seen, 1, 11ms) == 1);
    CHECK(seen.of(1).migrations == 0);
}

TEST_CASE("placement: a waking task goes to an idle CPU if its previous one is busy") {
    // Row 0 leaves CPU 0 to row 2 and wakes while CPU 1 idles.
    auto const [seen, summary] = run(linux_on(2), {job(0ms, 4ms, {{1ms, 10ms}}), job(0ms, 5ms), job(2ms, 20ms)});
    CHECK(cpu_at(seen, 2, 12ms) == 0);
    CHECK(cpu_at(seen, 0, 12ms) == 1);
    CHECK(seen.of(0).exit == time_point{14ms});
    CHECK(seen.of(0).migrations == 1);
}

TEST_CASE("placement: a waking task joins its previous CPU if none is idle, however long its queue") {
    // On CPU 1 rows 1 and 3 take turns, on CPU 0 row 2 is alone when row 1 wakes.
    auto const [seen, summary] =
        run(two_cpus(false, unlimited), {job(0ms, 50ms), job(0ms, 20ms, {{1ms, 5ms}}), job(2ms, 50ms), job(2ms, 50ms)});
    for (log::stretch const& s : runs_of(seen, 1)) {
        CHECK(s.cpu == cpu_id{1});
    }
    CHECK(seen.of(1).migrations == 0);
}

TEST_CASE("placement: a new task goes to an idle CPU, else to the one with the fewest runnable tasks") {
    // Rows 0 to 2 take the three CPUs, 3 and 4 join the lowest two; 5 goes to the third, 6 to the first again.
    std::vector<workload::invocation> jobs;
    for (std::int64_t i = 0; i < 7; ++i) {
        jobs.push_back(job(i * 100us, 40ms));
    }
    auto hardware = machine_config::ideal(3);
    hardware.balance_period = unlimited;
    auto const [seen, summary] = run(linux_with(hardware), jobs);
    for (std::uint32_t row = 0; row < 7; ++row) {
        CHECK(runs_of(seen, row).front().cpu.value == row % 3);
    }
}

TEST_CASE("placement: a CPU that would idle takes a waiting task from the longest queue") {
    // Rows 0, 2 and 4 share CPU 0, rows 1 and 3 CPU 1; row 5 on CPU 2 is done after 1 ms.
    std::vector<workload::invocation> jobs{job(0ms, 30ms), job(0ms, 30ms), job(0ms, 1ms)};
    jobs.push_back(job(100us, 30ms));
    jobs.push_back(job(200us, 30ms));
    jobs.push_back(job(300us, 30ms)); // joins CPU 2, which is the shortest queue by then
    jobs.push_back(job(400us, 30ms));
    auto hardware = machine_config::ideal(3);
    hardware.balance_period = unlimited;
    SUBCASE("with stealing") {
        auto const [seen, summary] = run(linux_with(hardware), jobs);
        // No CPU idles while a task waits: six times 30 ms and 1 ms on three CPUs, to a tick.
        CHECK(summary.makespan <= (6 * 30ms + 1ms) / 3 + 30ms);
        CHECK(summary.migrations > 0);
    }
    SUBCASE("without") {
        hardware.idle_stealing = false;
        auto const [seen, summary] = run(linux_with(hardware), jobs);
        CHECK(summary.migrations == 0);
        CHECK(summary.makespan == 90ms + 0ms);
    }
}

TEST_CASE("placement: an idle CPU steals at once, a periodic balance moves a task within its period") {
    // CPU 1 is done with row 1 at 6 ms, while rows 0 and 2 share CPU 0.
    std::vector<workload::invocation> const jobs{job(0ms, 60ms), job(0ms, 6ms), job(1ms, 60ms)};
    auto const moved_at = [&](linux_machine const& machine) {
        auto const [seen, summary] = run(machine, jobs);
        for (log::stretch const& s : seen.stretches) {
            if (s.cpu == cpu_id{1} && s.task != 1) {
                return s.from.time_since_epoch();
            }
        }
        return unlimited;
    };
    CHECK(moved_at(two_cpus(true, unlimited)) == 6ms);
    CHECK(moved_at(two_cpus(false, 16ms)) == 16ms);
    CHECK(moved_at(two_cpus(false, unlimited)) == unlimited);
}

TEST_CASE("placement: a balance leaves queues alone that differ by one") {
    // Five hogs on two CPUs: three and two of them, which no move can better.
    auto hardware = machine_config::ideal(2);
    hardware.balance_period = 1ms;
    auto const [seen, summary] = run(linux_with(hardware), hogs(5, 1s));
    for (std::uint32_t row = 0; row < 5; ++row) {
        std::set<std::uint32_t> cpus;
        for (log::stretch const& s : runs_of(seen, row)) {
            if (s.to < time_point{1s}) {
                cpus.insert(s.cpu.value);
            }
        }
        CHECK(cpus.size() == 1);
    }
}

TEST_CASE("placement: a task waits for the CPUs that its affinity allows, though others idle") {
    by_hand agent = greets_with([](task_id task, std::uint32_t, cpu::command_sink& out) {
        out.append(cpu::set_affinity{task, cpu::cpu_mask::range(cpu_id{1}, 1)});
    });
    auto const [seen, summary] = run(linux_on(3), hogs(4, 10ms), agent);
    for (log::stretch const& s : seen.stretches) {
        CHECK((s.cpu == cpu_id{1} || s.from == s.to));
    }
    CHECK(summary.makespan == 40ms);
}

} // namespace hpcsched::cpu_sim
