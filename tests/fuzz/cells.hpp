// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_TESTS_FUZZ_CELLS_HPP
#define HPCSCHED_TESTS_FUZZ_CELLS_HPP

#include <hpcsched/workload/in_memory_cells.hpp>
#include <hpcsched/workload/make_notebook_trace.hpp>
#include <hpcsched/workload/notebook_cell.hpp>
#include <hpcsched/workload/notebook_statistics.hpp>
#include <hpcsched/workload/notebook_window.hpp>

#include "fuzz.hpp"

#include <string>
#include <vector>

/// What the fuzz targets of the readers of notebooks share.
namespace hpcsched::fuzz {

/// What came out of a reader of notebooks.
struct notebook_outcome {
    workload::notebook_trace trace;
    std::string failure;
    workload::read_counts counts;

    friend bool operator==(notebook_outcome const&, notebook_outcome const&) = default;
};

/// Whatever was read is a trace: in order, of sessions that are numbered as they appear and do not overlap themselves.
/// It can be measured and cut.
inline void check_trace(workload::notebook_trace const& trace) {
    std::vector<time_point> ends;
    workload::notebook_cell previous{};
    for (workload::notebook_cell const& c : trace.cells) {
        HPCSCHED_ASSERT(c.submit >= previous.submit);
        HPCSCHED_ASSERT(c.submit > previous.submit || c.session >= previous.session);
        HPCSCHED_ASSERT(c.run > duration::zero());
        HPCSCHED_ASSERT(c.gpus >= 1);
        HPCSCHED_ASSERT(c.session.value <= ends.size());
        if (c.session.value == ends.size()) {
            ends.push_back({});
        }
        HPCSCHED_ASSERT(c.submit >= ends[c.session.value]);
        ends[c.session.value] = c.submit + c.run;
        previous = c;
    }
    HPCSCHED_ASSERT(trace.sessions.size() == ends.size());
    HPCSCHED_ASSERT(trace == workload::make_notebook_trace(trace.cells));
    workload::notebook_statistics const measured = workload::measure_notebooks(trace);
    HPCSCHED_ASSERT(measured.cell_count == trace.cells.size());
    HPCSCHED_ASSERT(measured.active <= measured.reserved);
    duration const length = std::chrono::hours{1};
    time_point const start = workload::busiest_window(trace, length);
    workload::notebook_trace const part = workload::cut(trace, start, length);
    HPCSCHED_ASSERT(part.cells.empty() == trace.cells.empty());
}

/// \param read  the result of a reader
inline notebook_outcome outcome_of(result<workload::notebook_trace> const& read, workload::read_counts const& counts) {
    notebook_outcome out;
    out.counts = counts;
    if (!read) {
        out.failure = read.error().message;
        check_message(out.failure);
    } else {
        out.trace = *read;
        check_trace(out.trace);
    }
    HPCSCHED_ASSERT((counts.skipped_count == 0) == counts.first_skipped.empty());
    if (!counts.first_skipped.empty()) {
        check_message(counts.first_skipped);
    }
    return out;
}

} // namespace hpcsched::fuzz

#endif
