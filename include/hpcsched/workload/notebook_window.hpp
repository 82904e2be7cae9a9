// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_WORKLOAD_NOTEBOOK_WINDOW_HPP
#define HPCSCHED_WORKLOAD_NOTEBOOK_WINDOW_HPP

#include <hpcsched/core/assert.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/workload/make_notebook_trace.hpp>
#include <hpcsched/workload/notebook_cell.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

namespace hpcsched::workload {

/// Where the window of this length begins that has the most submissions, start included, end not: the earliest of
/// them; the start of the workload where there are no cells.
///
/// \param step  0: anywhere, and the answer is a submission; else the start is a multiple of it. Of `idlt_june.csv`
///              the busiest 17.5 hours begin at minute 33,696 with 1,332 cells; in whole hours, as published, at
///              33,720 with 1,325.
/// \pre length > 0, step >= 0
/// \complexity O(cells), O(cells + span / step)
[[nodiscard]] inline time_point busiest_window(notebook_trace const& trace, duration length, duration step = {}) {
    HPCSCHED_ASSERT(length > duration::zero());
    HPCSCHED_ASSERT(step >= duration::zero());
    time_point best{};
    if (trace.cells.empty()) {
        return best;
    }
    time_point const last = trace.cells.back().submit;
    std::size_t most = 0;
    std::size_t first = 0; // inside the window
    std::size_t end = 0;   // the first beyond it
    time_point start = step == duration::zero() ? trace.cells.front().submit : time_point{};
    while (start <= last) {
        while (trace.cells[first].submit < start) {
            ++first;
        }
        time_point const stop = saturating_add(start, length);
        while (end < trace.cells.size() && trace.cells[end].submit < stop) {
            ++end;
        }
        if (end - first > most) {
            most = end - first;
            best = start;
        }
        if (step != duration::zero()) {
            start = saturating_add(start, step);
            continue;
        }
        auto const later = std::find_if(trace.cells.begin() + static_cast<std::ptrdiff_t>(first), trace.cells.end(),
                                        [start](notebook_cell const& c) { return c.submit > start; });
        start = later == trace.cells.end() ? never : later->submit;
    }
    return best;
}

/// When the sessions of a window are open.
enum class window_sessions : std::uint8_t {
    /// As a platform that reserves devices for sessions would hold them in the window: a session that has a cell in it
    /// is open from the start of the window where it had one before, else from its first cell; until it closes in the
    /// whole trace, but not beyond the window's end; with the devices that it has in the whole trace.
    held,

    /// The same, and sessions that are open in the window without a cell in it are there too, behind the others and
    /// in their order, with a `cell_count` of 0: a platform that reserves would hold devices for these as well.
    held_and_idle,

    /// As the cells in the window alone would have it, as in every other trace: from the first submission to the
    /// latest `submit + run`, which may be beyond the window, with the most devices that one of these cells needs.
    of_cells,
};

namespace detail {

/// The session of the whole trace as it is held in a window, without its cells.
[[nodiscard]] inline notebook_session held_in_window(notebook_session const& whole, time_point start, duration length) {
    time_point const from = std::max(whole.opened, start);
    time_point const until = std::min(whole.closed, saturating_add(start, length));
    return {time_point{from - start}, time_point{until - start}, whole.gpus, 0};
}

} // namespace detail

/// The part of a trace that is submitted in a window, start included, end not; its times count from the window's
/// start. Sessions are numbered anew, in order of first appearance.
///
/// Cells keep their whole `run`, also where that goes beyond the window: a policy that is tried on the window has to
/// bear what was submitted in it. Cells that were submitted before it and still run in it are left out, so a window of
/// a trace with long runs begins with less load than the whole trace has there.
///
/// \param how  when sessions are open; `held` and `held_and_idle` cut them at the window's end, so that reserved time
///             is that of the window, while the runs of their cells may go on behind
/// \pre start >= 0, length > 0
/// \complexity O(cells + sessions)
[[nodiscard]] inline notebook_trace cut(notebook_trace const& trace, time_point start, duration length,
                                        window_sessions how = window_sessions::held) {
    HPCSCHED_ASSERT(start >= time_point{});
    HPCSCHED_ASSERT(length > duration::zero());
    constexpr std::uint32_t none = std::numeric_limits<std::uint32_t>::max();
    auto const is_before = [](notebook_cell const& c, time_point at) { return c.submit < at; };
    auto const first = std::lower_bound(trace.cells.begin(), trace.cells.end(), start, is_before);
    auto const end = std::lower_bound(first, trace.cells.end(), saturating_add(start, length), is_before);
    std::vector<notebook_cell> cells(first, end);
    std::vector<std::uint32_t> number(trace.sessions.size(), none);
    std::vector<std::uint32_t> old; // by new number
    for (notebook_cell& c : cells) {
        c.submit = time_point{c.submit - start};
        HPCSCHED_ASSERT(c.session.value < number.size());
        if (number[c.session.value] == none) {
            number[c.session.value] = static_cast<std::uint32_t>(old.size());
            old.push_back(c.session.value);
        }
    }
    notebook_trace part = make_notebook_trace(std::move(cells));
    HPCSCHED_ASSERT(part.sessions.size() == old.size());
    if (how == window_sessions::of_cells) {
        return part;
    }
    for (std::size_t i = 0; i < old.size(); ++i) {
        notebook_session held = detail::held_in_window(trace.sessions[old[i]], start, length);
        held.cell_count = part.sessions[i].cell_count;
        part.sessions[i] = held;
    }
    for (std::size_t i = 0; how == window_sessions::held_and_idle && i < trace.sessions.size(); ++i) {
        notebook_session const held = detail::held_in_window(trace.sessions[i], start, length);
        if (number[i] == none && held.opened < held.closed) {
            part.sessions.push_back(held);
        }
    }
    return part;
}

} // namespace hpcsched::workload

#endif
