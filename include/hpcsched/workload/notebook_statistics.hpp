// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_WORKLOAD_NOTEBOOK_STATISTICS_HPP
#define HPCSCHED_WORKLOAD_NOTEBOOK_STATISTICS_HPP

#include <hpcsched/core/assert.hpp>
#include <hpcsched/core/percentiles.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/workload/notebook_cell.hpp>

#include <boost/sort/pdqsort/pdqsort.hpp>

#include <algorithm>
#include <chrono>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <utility>
#include <vector>

namespace hpcsched::workload {

/// Devices multiplied by the time for which they are held, exact.
struct gpu_time {
    std::uint64_t seconds = 0;
    std::uint32_t nanoseconds = 0; ///< below 10^9

    /// Adds `gpus` devices for `length`.
    /// \pre length >= 0; the sum stays below 2^64 s: a million devices for half a million years
    constexpr void add(std::uint32_t gpus, duration length) noexcept {
        HPCSCHED_ASSERT(length >= duration::zero());
        constexpr std::uint64_t ns_of_second = 1'000'000'000;
        auto const ns = static_cast<std::uint64_t>(length.count());
        std::uint64_t const rest = ns % ns_of_second * gpus + nanoseconds;
        seconds += ns / ns_of_second * gpus + rest / ns_of_second;
        nanoseconds = static_cast<std::uint32_t>(rest % ns_of_second);
    }

    /// For reports.
    [[nodiscard]] constexpr double hours() const noexcept {
        return (static_cast<double>(seconds) + nanoseconds * 1e-9) / 3'600;
    }

    friend constexpr auto operator<=>(gpu_time const&, gpu_time const&) = default;
};

/// Percentiles by nearest rank; where there are no values, each is `Value{}`.
template <class Value>
struct notebook_percentiles {
    std::uint64_t count = 0; ///< of the values
    Value min{};
    Value p10{};
    Value p25{};
    Value p50{};
    Value p75{};
    Value p90{};
    Value p95{};
    Value p99{};
    Value max{};

    /// \complexity O(n log n)
    [[nodiscard]] static notebook_percentiles of(std::vector<Value> values) {
        notebook_percentiles p;
        if (values.empty()) {
            return p;
        }
        boost::sort::pdqsort(values.begin(), values.end());
        std::span<Value const> const sorted{values};
        p.count = sorted.size();
        p.min = sorted.front();
        p.p10 = percentile(sorted, ratio{10, 100});
        p.p25 = percentile(sorted, ratio{25, 100});
        p.p50 = percentile(sorted, hpcsched::p50);
        p.p75 = percentile(sorted, hpcsched::p75);
        p.p90 = percentile(sorted, hpcsched::p90);
        p.p95 = percentile(sorted, hpcsched::p95);
        p.p99 = percentile(sorted, hpcsched::p99);
        p.max = sorted.back();
        return p;
    }

    friend bool operator==(notebook_percentiles const&, notebook_percentiles const&) = default;
};

/// The cells that need one number of devices.
struct gpu_count_summary {
    std::uint32_t gpus = 0;
    std::uint64_t cell_count = 0;
    gpu_time active; ///< of all of them together

    friend bool operator==(gpu_count_summary const&, gpu_count_summary const&) = default;
};

/// What a trace of notebooks is like where nothing waits. Where it has no cells, every figure is 0.
struct notebook_statistics {
    std::uint64_t session_count = 0; ///< those that have a cell
    std::uint64_t cell_count = 0;
    time_point first_submit{};
    time_point last_submit{};
    time_point last_end{}; ///< the latest `submit + run`

    notebook_percentiles<duration> run;
    notebook_percentiles<duration> interarrival;           ///< within a session, from start to start
    notebook_percentiles<duration> gap;                    ///< within a session, from end to start
    notebook_percentiles<std::uint64_t> cells_per_session; ///< of sessions that have a cell

    /// The share of its life, from `opened` to `closed`, for which a session computes; over sessions of two cells and
    /// more, for one cell is its session's whole life.
    notebook_percentiles<double> busy;

    std::vector<gpu_count_summary> gpu_counts; ///< ascending in `gpus`
    gpu_time active;                           ///< devices of the cells while they run
    gpu_time reserved;                         ///< devices of the sessions while they are open
    std::uint64_t peak_gpus = 0;               ///< the most that run at one time; who ends makes room for who begins

    duration short_limit{};             ///< up to which a cell is called short
    std::uint64_t short_cell_count = 0; ///< cells that run for at most so long
    gpu_time short_active;              ///< of these

    /// From the first submission to the last end.
    [[nodiscard]] duration span() const noexcept { return last_end - first_submit; }

    /// Devices that run, averaged over the span.
    [[nodiscard]] double mean_gpus() const noexcept {
        return cell_count == 0 ? 0 : active.hours() * 3'600 / to_seconds(span());
    }

    /// What of the reserved GPU-hours is used; 0 where none are reserved.
    [[nodiscard]] double active_share() const noexcept {
        return reserved == gpu_time{} ? 0 : active.hours() / reserved.hours();
    }

    /// Short cells among all cells.
    [[nodiscard]] double short_cell_share() const noexcept {
        return cell_count == 0 ? 0 : static_cast<double>(short_cell_count) / static_cast<double>(cell_count);
    }

    /// GPU-hours of short cells among all GPU-hours.
    [[nodiscard]] double short_active_share() const noexcept {
        return cell_count == 0 ? 0 : short_active.hours() / active.hours();
    }

    friend bool operator==(notebook_statistics const&, notebook_statistics const&) = default;
};

namespace detail {

/// The most devices that run at one time.
[[nodiscard]] inline std::uint64_t peak_gpus_of(std::vector<notebook_cell> const& cells) {
    std::vector<std::pair<time_point, std::uint32_t>> ends;
    ends.reserve(cells.size());
    for (notebook_cell const& c : cells) {
        ends.emplace_back(saturating_add(c.submit, c.run), c.gpus);
    }
    boost::sort::pdqsort(ends.begin(), ends.end());
    std::uint64_t running = 0;
    std::uint64_t peak = 0;
    auto end = ends.begin();
    for (notebook_cell const& c : cells) {
        for (; end != ends.end() && end->first <= c.submit; ++end) {
            running -= end->second;
        }
        running += c.gpus;
        peak = std::max(peak, running);
    }
    return peak;
}

/// What follows from how the cells of each session follow each other.
inline void add_sessions(notebook_trace const& trace, notebook_statistics& out) {
    struct progress {
        time_point submit{};
        time_point end{};
        duration computed{};
        std::uint64_t cell_count = 0;
    };
    std::vector<progress> sessions(trace.sessions.size());
    std::vector<duration> interarrivals;
    std::vector<duration> gaps;
    for (notebook_cell const& c : trace.cells) {
        HPCSCHED_ASSERT(c.session.value < sessions.size());
        progress& s = sessions[c.session.value];
        if (s.cell_count > 0) {
            interarrivals.push_back(c.submit - s.submit);
            gaps.push_back(c.submit - s.end);
        }
        s = {c.submit, saturating_add(c.submit, c.run), s.computed + c.run, s.cell_count + 1};
    }
    std::vector<std::uint64_t> cell_counts;
    std::vector<double> busy;
    for (std::size_t i = 0; i < sessions.size(); ++i) {
        progress const& s = sessions[i];
        duration const open = trace.sessions[i].closed - trace.sessions[i].opened;
        out.reserved.add(trace.sessions[i].gpus, open);
        if (s.cell_count > 0) {
            cell_counts.push_back(s.cell_count);
        }
        if (s.cell_count > 1) {
            busy.push_back(to_seconds(s.computed) / to_seconds(open));
        }
    }
    out.session_count = cell_counts.size();
    out.interarrival = notebook_percentiles<duration>::of(std::move(interarrivals));
    out.gap = notebook_percentiles<duration>::of(std::move(gaps));
    out.cells_per_session = notebook_percentiles<std::uint64_t>::of(std::move(cell_counts));
    out.busy = notebook_percentiles<double>::of(std::move(busy));
}

} // namespace detail

/// Measures a trace.
///
/// Of `idlt_june.csv` it gives what is published of it: see read_idlt.hpp for how the publication takes percentiles.
///
/// \param short_limit  up to which a cell is short; the publication takes 15 minutes
/// \pre the trace is one, as `make_notebook_trace` makes it, or a part that `cut` made of one; the runs of one session
///      add up to at most 292 years
/// \complexity O(cells * log cells) time, O(cells) memory
/// \source the statistics of NotebookOS's workload (ASPLOS'26), as far as they are of the trace alone
[[nodiscard]] inline notebook_statistics measure_notebooks(notebook_trace const& trace,
                                                           duration short_limit = std::chrono::minutes{15}) {
    notebook_statistics out;
    out.short_limit = short_limit;
    detail::add_sessions(trace, out);
    if (trace.cells.empty()) {
        return out;
    }
    std::map<std::uint32_t, gpu_count_summary> gpu_counts;
    std::vector<duration> runs;
    runs.reserve(trace.cells.size());
    for (notebook_cell const& c : trace.cells) {
        runs.push_back(c.run);
        out.last_end = std::max(out.last_end, saturating_add(c.submit, c.run));
        out.active.add(c.gpus, c.run);
        gpu_count_summary& alike = gpu_counts[c.gpus];
        alike.gpus = c.gpus;
        ++alike.cell_count;
        alike.active.add(c.gpus, c.run);
        if (c.run <= short_limit) {
            ++out.short_cell_count;
            out.short_active.add(c.gpus, c.run);
        }
    }
    out.cell_count = trace.cells.size();
    out.first_submit = trace.cells.front().submit;
    out.last_submit = trace.cells.back().submit;
    out.run = notebook_percentiles<duration>::of(std::move(runs));
    for (auto const& [gpus, alike] : gpu_counts) {
        out.gpu_counts.push_back(alike);
    }
    out.peak_gpus = detail::peak_gpus_of(trace.cells);
    return out;
}

} // namespace hpcsched::workload

#endif
