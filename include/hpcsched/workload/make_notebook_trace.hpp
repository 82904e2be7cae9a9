// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_WORKLOAD_MAKE_NOTEBOOK_TRACE_HPP
#define HPCSCHED_WORKLOAD_MAKE_NOTEBOOK_TRACE_HPP

#include <hpcsched/core/assert.hpp>
#include <hpcsched/core/result.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/workload/notebook_cell.hpp>

#include <boost/sort/pdqsort/pdqsort.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

namespace hpcsched::workload {

namespace detail {

/// Numbers sessions in order of their first submission, equals in order of the numbers that they had; numbers without
/// a cell vanish.
inline void number_by_first_submission(std::vector<notebook_cell>& cells) {
    std::vector<time_point> first;
    for (notebook_cell const& c : cells) {
        if (c.session.value >= first.size()) {
            first.resize(c.session.value + std::size_t{1}, never);
        }
        first[c.session.value] = std::min(first[c.session.value], c.submit);
    }
    std::vector<std::uint32_t> order;
    for (std::size_t session = 0; session < first.size(); ++session) {
        if (first[session] != never) {
            order.push_back(static_cast<std::uint32_t>(session));
        }
    }
    boost::sort::pdqsort(order.begin(), order.end(), [&first](std::uint32_t a, std::uint32_t b) {
        return first[a] != first[b] ? first[a] < first[b] : a < b;
    });
    std::vector<std::uint32_t> number(first.size());
    for (std::size_t position = 0; position < order.size(); ++position) {
        number[order[position]] = static_cast<std::uint32_t>(position);
    }
    for (notebook_cell& c : cells) {
        c.session.value = number[c.session.value];
    }
}

/// The sessions that cells make.
/// \pre cells are in the order of a trace, sessions numbered in order of first appearance
[[nodiscard]] inline std::vector<notebook_session> sessions_of(std::vector<notebook_cell> const& cells) {
    std::vector<notebook_session> sessions;
    for (notebook_cell const& c : cells) {
        if (c.session.value == sessions.size()) {
            sessions.push_back({c.submit, c.submit, c.gpus, 0});
        }
        HPCSCHED_ASSERT(c.session.value < sessions.size());
        notebook_session& s = sessions[c.session.value];
        s.closed = std::max(s.closed, saturating_add(c.submit, c.run));
        s.gpus = std::max(s.gpus, c.gpus);
        HPCSCHED_ASSERT(s.cell_count < std::numeric_limits<std::uint32_t>::max());
        ++s.cell_count;
    }
    return sessions;
}

} // namespace detail

/// A trace of cells that come in any order, of sessions with any numbers.
///
/// Sessions are numbered anew in order of first appearance, those that appear at the same instant in order of the
/// numbers they had; then the cells are put in order of submission, equals in order of sessions; then each session is
/// what its cells make it: opened by the first submission, closed at the latest `submit + run`.
///
/// \pre submit >= 0 and not `never`, run > 0, gpus >= 1; submissions of one session differ
/// \complexity O(cells * log cells), O(cells) where they are in order; memory O(cells + largest number of a session)
[[nodiscard]] inline notebook_trace make_notebook_trace(std::vector<notebook_cell> cells) {
    for (notebook_cell const& c : cells) {
        HPCSCHED_ASSERT(c.submit >= time_point{});
        HPCSCHED_ASSERT(c.submit != never);
        HPCSCHED_ASSERT(c.run > duration::zero());
        HPCSCHED_ASSERT(c.gpus >= 1);
    }
    detail::number_by_first_submission(cells);
    auto const is_before = [](notebook_cell const& a, notebook_cell const& b) {
        return a.submit != b.submit ? a.submit < b.submit : a.session < b.session;
    };
    if (!std::is_sorted(cells.begin(), cells.end(), is_before)) {
        boost::sort::pdqsort(cells.begin(), cells.end(), is_before);
    }
    notebook_trace trace;
    trace.sessions = detail::sessions_of(cells);
    trace.cells = std::move(cells);
    return trace;
}

/// Reads a source to its end into a trace.
/// \error what the source says
/// \complexity O(cells * log cells), O(cells) where no two are submitted at the same instant
template <cell_source Source>
[[nodiscard]] result<notebook_trace> collect_cells(Source& source) {
    std::vector<notebook_cell> cells;
    notebook_cell c;
    for (;;) {
        result<bool> const more = source.next(c);
        if (!more) {
            return more.error();
        }
        if (!*more) {
            return make_notebook_trace(std::move(cells));
        }
        cells.push_back(c);
    }
}

} // namespace hpcsched::workload

#endif
