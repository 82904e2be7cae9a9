// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_WORKLOAD_READ_IDLT_HPP
#define HPCSCHED_WORKLOAD_READ_IDLT_HPP

#include <hpcsched/core/assert.hpp>
#include <hpcsched/core/ids.hpp>
#include <hpcsched/core/result.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/workload/byte_source.hpp>
#include <hpcsched/workload/fields.hpp>
#include <hpcsched/workload/make_notebook_trace.hpp>
#include <hpcsched/workload/notebook_cell.hpp>
#include <hpcsched/workload/parse_number.hpp>
#include <hpcsched/workload/row_reader.hpp>
#include <hpcsched/workload/take_field.hpp>

#include <array>
#include <chrono>
#include <cstdint>
#include <limits>
#include <string_view>
#include <utility>
#include <vector>

namespace hpcsched::workload {

/// How an IDLT trace becomes a workload.
struct idlt_options {
    row_policy rows;

    /// How long a cell runs whose duration is given as 0. The traces record whole minutes, and a workload has no cell
    /// that takes no time.
    duration zero_duration_as = std::chrono::seconds{30};
};

/// Reads a trace of interactive deep-learning training (IDLT): one row per training event of a notebook.
///
/// | column        | meaning                                                                              |
/// |---------------|--------------------------------------------------------------------------------------|
/// | `num_gpu`     | devices that the training needs; a row with 0 needs none and is left out             |
/// | `submit_time` | when it is submitted, in minutes since the start of the trace                        |
/// | `duration`    | how long it trains, in minutes                                                       |
///
/// Other columns are passed over; the published files have `job_id`, which counts the rows, `iterations` and
/// `interval`, which are 0, and `model_name`, which is drawn at random. Times are exact to 60 ns, for they are read as
/// decimal text of up to nine digits after the point; the published ones are whole minutes.
///
/// Sessions have no names in the trace, but rows stand session by session, each in order of time. So a row begins a
/// new session where it is submitted before the row above ends. That is so where time goes back, and where two would
/// overlap, since a kernel executes one cell at a time; a row that is submitted in the very instant in which the one
/// above ends belongs to its session. Two sessions are taken for one where the second begins after the end of the
/// first, so the count is a lower bound.
///
/// In the trace of June (`idlt_june.csv`, 30,909 rows) this gives 339 sessions: 337 by time that goes back, the first
/// row being a session by itself, and 2 more by an overlap alone. What is published of the trace follows from this
/// rule (notebook_statistics.hpp), but for what the publication says otherwise of percentiles: it interpolates between
/// ranks, so that 90 % of the sessions have up to 207 cells where the nearest rank says 209, and it leaves sessions
/// of one cell out of the busy fractions.
///
/// \source ds2-lab/NotebookOS-Dashboard, `tiresias_generator`: training events of Adobe's research clusters, summer
/// 2021, as NotebookOS (ASPLOS'26) replays them
/// \thread_safety none
template <byte_source Source>
class idlt_reader {
  public:
    explicit idlt_reader(named_source<Source> input, idlt_options options = {})
        : rows_{std::move(input), options.rows}, zero_duration_as_{options.zero_duration_as} {
        HPCSCHED_ASSERT(zero_duration_as_ > duration::zero());
    }

    /// Reads the whole trace. Its sessions are numbered in order of first appearance.
    /// \pre it was not called before
    /// \error the place and kind of the first bad row (unless these are skipped), or what the byte source says
    /// \complexity O(rows * log rows)
    [[nodiscard]] result<notebook_trace> read() {
        HPCSCHED_ASSERT(!was_read_);
        was_read_ = true;
        std::vector<notebook_cell> cells;
        if (columns_.read_header(rows_)) {
            notebook_cell c;
            while (rows_.next()) {
                if (parse(c)) {
                    cells.push_back(c);
                    ++rows_.counts().taken_count;
                }
            }
        }
        if (result<bool> const end = rows_.finish(); !end) {
            return end.error();
        }
        return make_notebook_trace(std::move(cells));
    }

    /// Complete after `read`; `filtered_count` counts rows that need no device.
    [[nodiscard]] read_counts const& counts() const noexcept { return rows_.counts(); }

  private:
    enum slot : std::uint8_t { num_gpu, submit_time, run_time, slot_count };

    /// \return whether the row is a cell; if not, it was rejected or counted as left out
    [[nodiscard]] bool parse(notebook_cell& out) {
        field_cursor cursor{rows_.row()};
        std::array<field, slot_count> f;
        std::int64_t gpus = 0;
        std::int64_t submit = 0;
        std::int64_t run = 0;
        if (!columns_.split(rows_, cursor, f) || !take_whole(rows_, f[num_gpu], "num_gpu", cell_gpus_max, gpus) ||
            !take_minutes(f[submit_time], "submit_time", submit) || !take_minutes(f[run_time], "duration", run)) {
            return false;
        }
        if (gpus == 0) {
            ++rows_.counts().filtered_count;
            return false;
        }
        out.submit = time_point{duration{submit}};
        out.run = run == 0 ? zero_duration_as_ : duration{run};
        out.gpus = static_cast<std::uint32_t>(gpus);
        if (out.submit < above_ends_) {
            HPCSCHED_ASSERT(session_.value < std::numeric_limits<std::uint32_t>::max());
            ++session_.value;
        }
        out.session = session_;
        above_ends_ = saturating_add(out.submit, out.run);
        return true;
    }

    [[nodiscard]] bool take_minutes(field const& f, std::string_view column_name, std::int64_t& out) {
        constexpr std::int64_t ns_of_billionth = 60;
        parsed_number const number = detail::at_most(parse_scaled(f.text, 9), trace_time_max / ns_of_billionth);
        out = number.value * ns_of_billionth;
        return number.ok() || detail::reject_number(rows_, f, column_name, number.fault, "a number");
    }

    row_reader<Source> rows_;
    column_map<slot_count> columns_{{"num_gpu", "submit_time", "duration"}, "an IDLT trace"};
    duration zero_duration_as_;
    session_id session_{};
    time_point above_ends_{}; // of the row above that was taken
    bool was_read_ = false;
};

} // namespace hpcsched::workload

#endif
