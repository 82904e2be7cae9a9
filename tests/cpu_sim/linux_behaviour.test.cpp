// SPDX-License-Identifier: Apache-2.0
// What a real Linux 6.18 (HZ=250, two CPUs, hogs on one of them) was measured to do, asked of machine<rt, eevdf>. The
// measured figures stand beside what is checked; where the simulator deviates, the case says how and why.
#include <hpcsched/cpu_sim/machine.hpp>

#include <doctest/doctest.h>

#include "linux.hpp"

#include <array>
#include <vector>

namespace hpcsched::cpu_sim {
namespace {

using namespace scenario;

by_hand gives_slices(std::vector<duration> const& slices) {
    return greets_with([slices](task_id task, std::uint32_t function, cpu::command_sink& out) {
        out.append(cpu::set_slice{task, slices[function]});
    });
}

by_hand gives_nice(std::vector<int> const& values) {
    return greets_with([values](task_id task, std::uint32_t function, cpu::command_sink& out) {
        out.append(cpu::set_nice{task, values[function]});
    });
}

} // namespace

// Measured: shares of 12.4 to 12.8 %, runs of 3.1 ms. Here runs last exactly a tick: nothing else ever runs, while in
// the measured machine whatever wakes up cuts runs short.
TEST_CASE("linux: eight equal hogs have equal shares, and runs as long as a tick and not as the base slice") {
    auto const [seen, summary] = run(linux_on(1), hogs(8, 4s));
    for (std::uint32_t row = 0; row < 8; ++row) {
        CHECK(share(seen, row, 8s) == doctest::Approx(12.5).epsilon(0.01));
        CHECK(mean_run(seen, row, 8s) == 4ms);
        CHECK(longest_gap(seen, row, 8s) <= 32ms); // measured: 32 ms
    }
}

// Measured: 12.4 to 12.6 %, and the longest gap went from 32 to 96 ms. It is 44 ms here: a task is protected for the
// shortest slice on the queue only, in the simulator always and in the measured kernel it seems not always.
TEST_CASE("linux: slices do not change shares, they only make the gaps longer") {
    by_hand agent = gives_slices({100us, 300us, 1ms, 3ms, 10ms, 20ms, 50ms, 100ms});
    auto const [seen, summary] = run(linux_on(1), hogs(8, 20s), agent);
    duration gap{};
    for (std::uint32_t row = 0; row < 8; ++row) {
        CHECK(share(seen, row, 80s) == doctest::Approx(12.5).epsilon(0.02));
        gap = std::max(gap, longest_gap(seen, row, 80s));
    }
    CHECK(gap > 32ms);
    CHECK(gap <= 96ms);
}

// Measured: user code that asks for less than 4 ms is preempted at the tick only (HRTICK is off).
TEST_CASE("linux: slices under a tick have no effect, the tick ends them") {
    for (duration const slice : {100us, 1000us, 3000us}) {
        by_hand agent = gives_slices({slice, slice});
        auto const [seen, summary] = run(linux_on(1), hogs(2, 2s), agent);
        CHECK(mean_run(seen, 0, 3s) == 4ms);
        CHECK(mean_run(seen, 1, 3s) == 4ms);
    }
}

// Measured: 20 ms give runs of 17 to 19 ms in a kernel that does little else, 11 ms where groups compete. The simulator
// has no groups, and honours the slice.
TEST_CASE("linux: slices of several ticks give runs of that length") {
    by_hand agent = gives_slices({20ms, 20ms});
    auto const [seen, summary] = run(linux_on(1), hogs(2, 2s), agent);
    CHECK(mean_run(seen, 0, 3s) >= 17ms);
    CHECK(mean_run(seen, 0, 3s) <= 21ms);
}

// Measured: 66.9/22.1/7.2/2.4/0.8/0.3/0.1/0.0 %, and nice 19 did not run at all for 4 s.
TEST_CASE("linux: the ladder of nice has the measured shares, and its lowest step starves") {
    by_hand agent = gives_nice({-20, -15, -10, -5, 0, 5, 10, 19});
    auto const [seen, summary] = run(linux_on(1), hogs(8, 60s), agent);
    constexpr std::array measured{66.9, 22.1, 7.2, 2.4, 0.8, 0.3, 0.1, 0.0};
    for (std::uint32_t row = 0; row < 8; ++row) {
        CHECK(std::abs(share(seen, row, 60s) - measured[row]) < 0.5);
    }
    CHECK(longest_gap(seen, 7, 60s) >= 4s);
}

// Measured: 1.5 %.
TEST_CASE("linux: nice 19 has 1.5 % beside nice 0") {
    by_hand agent = gives_nice({0, 19});
    auto const [seen, summary] = run(linux_on(1), hogs(2, 40s), agent);
    CHECK(share(seen, 1, 40s) == doctest::Approx(1.5).epsilon(0.1));
}

// RUN_TO_PARITY and PREEMPT_SHORT: the running task is protected for its slice, but not from those with shorter ones.
TEST_CASE("linux: a task waking under a protected one waits for the tick, and takes the CPU if its slice is shorter") {
    for (bool const is_short : {true, false}) {
        by_hand agent = gives_slices({is_short ? duration{100us} : duration{1400us}, 1400us});
        // Row 0 sleeps from 1 ms to 2.5 ms; row 1 comes at 2 ms, and a first slice is half of one.
        auto const [seen, summary] = run(linux_on(1), {job(0ms, 2ms, {{1ms, 1500us}}), job(2ms, 100ms, {}, 1)}, agent);
        CHECK(seen.of(0).waited() == (is_short ? 0us : 1500us));
    }
}

} // namespace hpcsched::cpu_sim
