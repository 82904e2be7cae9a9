// SPDX-License-Identifier: Apache-2.0
// Real-time tasks beside fair ones: the fair server of Linux since 6.12 and the throttling before it, as measured on a
// Linux 6.18.
#include <hpcsched/cpu_sim/machine.hpp>

#include <doctest/doctest.h>

#include "linux.hpp"

namespace hpcsched::cpu_sim {
namespace {

using namespace scenario;

linux_machine with_fair_server(std::uint32_t cpus) {
    auto hardware = machine_config::ideal(cpus);
    hardware.fair_server.enabled = true;
    return linux_with(hardware);
}

} // namespace

// Measured: 95.0 / 5.0 %; the fair task sees gaps of 950 ms, the FIFO task one of 50 ms per second.
TEST_CASE("fair server: a FIFO hog and a fair hog on one CPU have 95 and 5 %, in turns of 950 and 50 ms") {
    by_hand agent = makes_fifo(0);
    auto const [seen, summary] = run(with_fair_server(1), hogs(2, 30s), agent);
    CHECK(share(seen, 0, 20s) == doctest::Approx(95).epsilon(0.001));
    CHECK(share(seen, 1, 20s) == doctest::Approx(5).epsilon(0.01));
    CHECK(longest_gap(seen, 0, 20s) == 50ms);
    CHECK(longest_gap(seen, 1, 20s) == 950ms);
}

TEST_CASE("fair server: two fair hogs share its 5 %, a tick each") {
    by_hand agent = makes_fifo(0);
    auto const [seen, summary] = run(with_fair_server(1), hogs(3, 30s), agent);
    CHECK(share(seen, 0, 20s) == doctest::Approx(95).epsilon(0.001));
    CHECK(share(seen, 1, 20s) == doctest::Approx(2.5).epsilon(0.05));
    CHECK(share(seen, 2, 20s) == doctest::Approx(2.5).epsilon(0.05));
}

TEST_CASE("fair server: a CPU without real-time tasks takes the fair ones, so that none starves") {
    by_hand agent = makes_fifo(0);
    auto const [seen, summary] = run(with_fair_server(2), hogs(2, 10s), agent);
    CHECK(share(seen, 0, 10s) == doctest::Approx(100));
    CHECK(share(seen, 1, 10s) == doctest::Approx(100).epsilon(0.001));
}

TEST_CASE("fair server: without it a FIFO hog starves a fair one for good") {
    by_hand agent = makes_fifo(0);
    auto const [seen, summary] = run(linux_on(1), hogs(2, 10s), agent);
    CHECK(seen.of(0).exit == time_point{10s});
    CHECK(share(seen, 1, 10s) == doctest::Approx(0).epsilon(0.001));
}

// Measured with 950 ms of each second: 95.0 / 5.0 %. Measured with 500 ms, set for a cgroup: 58 % with holes of 500 ms.
// The simulator knows no groups, throttles each CPU as a whole, and so has 50 %.
TEST_CASE("throttling: real-time tasks have their runtime of each period, and fair tasks the rest") {
    for (duration const runtime : {950ms, 500ms}) {
        by_hand agent = makes_fifo(0);
        auto const machine = linux_with(machine_config::ideal(1), cpu::rt::config{.rt_runtime = runtime});
        auto const [seen, summary] = run(machine, hogs(2, 60s), agent);
        double const percent = 100 * to_seconds(runtime);
        CHECK(share(seen, 0, 40s) == doctest::Approx(percent).epsilon(0.01));
        CHECK(share(seen, 1, 40s) == doctest::Approx(100 - percent).epsilon(0.05));
        // It is noticed at the tick, and what was too much is taken off the next share.
        CHECK(longest_gap(seen, 0, 40s) >= 1s - runtime - 4ms);
        CHECK(longest_gap(seen, 0, 40s) <= 1s - runtime + 4ms);
    }
}

TEST_CASE("throttling: it counts by CPU, so two hogs on two CPUs are both held to it") {
    by_hand agent = greets_with([](task_id task, std::uint32_t, cpu::command_sink& out) {
        out.append(cpu::set_policy{task, cpu::sched_policy::fifo, 50});
    });
    auto const machine = linux_with(machine_config::ideal(2), cpu::rt::config::throttled());
    auto const [seen, summary] = run(machine, hogs(2, 30s), agent);
    CHECK(share(seen, 0, 20s) == doctest::Approx(95).epsilon(0.01));
    CHECK(share(seen, 1, 20s) == doctest::Approx(95).epsilon(0.01));
}

} // namespace hpcsched::cpu_sim
