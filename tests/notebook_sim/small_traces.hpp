// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_TESTS_NOTEBOOK_SIM_SMALL_TRACES_HPP
#define HPCSCHED_TESTS_NOTEBOOK_SIM_SMALL_TRACES_HPP

#include <hpcsched/core/random.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/notebook_sim/run_record.hpp>
#include <hpcsched/workload/notebook_cell.hpp>

#include <boost/random/exponential_distribution.hpp>
#include <boost/random/uniform_int_distribution.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace hpcsched::notebook_sim {

inline double hours_of(double device_nanoseconds) {
    return hours(device_nanoseconds);
}

/// One session with these cells: when, and for how long.
inline workload::notebook_trace one_session(std::vector<std::pair<duration, duration>> const& cells, std::uint32_t gpus,
                                            std::optional<duration> opened = {}) {
    workload::notebook_trace t;
    workload::notebook_session s{.opened = time_point{opened.value_or(cells.front().first)}, .gpus = gpus};
    for (auto const& [at, run] : cells) {
        t.cells.push_back({.submit = time_point{at}, .session = {}, .run = run, .gpus = gpus});
        s.closed = std::max(s.closed, time_point{at + run});
        ++s.cell_count;
    }
    t.sessions.push_back(s);
    return t;
}

/// Sessions of 1, 4 and 8 devices with exponential runs and gaps of some minutes, over about a day.
inline workload::notebook_trace many_sessions(std::uint32_t count, std::uint32_t cells_each) {
    workload::notebook_trace t;
    random_stream draws{11, "sessions"};
    boost::random::exponential_distribution<double> gap{1 / 600.0};
    boost::random::exponential_distribution<double> run{1 / 300.0};
    boost::random::uniform_int_distribution<int> start{0, 20 * 3600};
    for (std::uint32_t i = 0; i < count; ++i) {
        std::uint32_t const gpus = std::array<std::uint32_t, 3>{1, 4, 8}[i % 3];
        time_point at{std::chrono::seconds{start(draws)}};
        workload::notebook_session s{.opened = at, .gpus = gpus};
        for (std::uint32_t n = 0; n < cells_each; ++n) {
            duration const length = std::chrono::seconds{1} + from_seconds(run(draws));
            t.cells.push_back({at, workload::session_id{i}, length, gpus});
            s.closed = at + length;
            at = s.closed + from_seconds(gap(draws));
            ++s.cell_count;
        }
        t.sessions.push_back(s);
    }
    std::stable_sort(t.cells.begin(), t.cells.end(), [](auto const& a, auto const& b) { return a.submit < b.submit; });
    return t;
}

} // namespace hpcsched::notebook_sim

#endif
