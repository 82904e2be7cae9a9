// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_WORKLOAD_READ_NOTEBOOK_CSV_HPP
#define HPCSCHED_WORKLOAD_READ_NOTEBOOK_CSV_HPP

#include <hpcsched/core/ids.hpp>
#include <hpcsched/core/result.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/workload/byte_source.hpp>
#include <hpcsched/workload/detail/own_header.hpp>
#include <hpcsched/workload/fields.hpp>
#include <hpcsched/workload/make_notebook_trace.hpp>
#include <hpcsched/workload/notebook_cell.hpp>
#include <hpcsched/workload/notebook_csv_format.hpp>
#include <hpcsched/workload/row_reader.hpp>
#include <hpcsched/workload/take_field.hpp>

#include <array>
#include <cstdint>
#include <limits>
#include <string>
#include <unordered_map>
#include <utility>

namespace hpcsched::workload {

/// How a file of notebooks becomes a workload.
struct notebook_csv_options {
    row_policy rows;
};

/// Reads hpcsched's own file of notebooks, which notebook_csv_format.hpp describes, cell by cell.
///
/// `collect_cells` reads the whole of it into a trace.
/// \thread_safety none
template <byte_source Source>
class notebook_csv_reader {
  public:
    explicit notebook_csv_reader(named_source<Source> input, notebook_csv_options options = {})
        : rows_{std::move(input), options.rows} {}

    /// \error the place and kind of the first bad row (unless these are skipped), or what the byte source says
    /// \complexity O(length of the row); memory O(sessions)
    [[nodiscard]] result<bool> next(notebook_cell& out) {
        if (!std::exchange(begun_, true) && !detail::read_own_header(rows_, columns_, own_file)) {
            return rows_.finish();
        }
        while (rows_.next()) {
            if (!rows_.row().starts_with('#') && parse(out)) {
                ++rows_.counts().taken_count;
                return true;
            }
        }
        return rows_.finish();
    }

    /// Of the rows so far.
    [[nodiscard]] read_counts const& counts() const noexcept { return rows_.counts(); }

  private:
    enum slot : std::uint8_t { submit_time, session, gpus, run_time, slot_count };

    struct seen_session {
        session_id id{};
        time_point ends{}; // its last cell, where nothing waits
    };

    [[nodiscard]] bool parse(notebook_cell& out) {
        constexpr std::int64_t largest_number = std::numeric_limits<std::uint32_t>::max();
        field_cursor cursor{rows_.row()};
        std::array<field, slot_count> f;
        std::int64_t submit_ns = 0;
        std::int64_t session_number = 0;
        std::int64_t gpu_count = 0;
        std::int64_t run_ns = 0;
        if (!columns_.split(rows_, cursor, f) || !take_time(rows_, f[submit_time], "submit_s", 9, submit_ns) ||
            !take_whole(rows_, f[session], "session", largest_number, session_number) ||
            !take_whole(rows_, f[gpus], "gpus", cell_gpus_max, gpu_count) ||
            !take_time(rows_, f[run_time], "run_s", 9, run_ns)) {
            return false;
        }
        if (gpu_count == 0) {
            rows_.reject(f[gpus].column, "gpus is 0, and a cell needs at least one device");
            return false;
        }
        if (run_ns == 0) {
            rows_.reject(f[run_time].column, "run_s is " + excerpt(f[run_time].text) + ", and a cell takes some time");
            return false;
        }
        time_point const submit{duration{submit_ns}};
        if (submit < last_submit_) {
            rows_.reject(f[submit_time].column,
                         "submit_s is " + excerpt(f[submit_time].text) + ", before the row above",
                         "sort the rows by submit_s, or skip bad rows");
            return false;
        }
        if (!enter(f, submit, duration{run_ns}, static_cast<std::uint32_t>(session_number), out.session)) {
            return false;
        }
        out.submit = last_submit_ = submit;
        out.run = duration{run_ns};
        out.gpus = static_cast<std::uint32_t>(gpu_count);
        return true;
    }

    /// The session that a file calls `number`, and until when its cell will run. \return false where the row was
    /// rejected
    [[nodiscard]] bool enter(std::array<field, slot_count> const& f, time_point submit, duration run,
                             std::uint32_t number, session_id& id) {
        seen_session const fresh{session_id{static_cast<std::uint32_t>(sessions_.size())}, time_point{}};
        seen_session& known = sessions_.try_emplace(number, fresh).first->second;
        if (submit < known.ends) {
            rows_.reject(f[submit_time].column,
                         "submit_s is " + excerpt(f[submit_time].text) + ", and session " + excerpt(f[session].text) +
                             " has a cell above that ends later",
                         "the cells of a session run one after another: mend this row, or skip bad rows");
            return false;
        }
        known.ends = submit + run;
        id = known.id;
        return true;
    }

    static constexpr detail::own_format own_file{notebook_csv_format::version_prefix, notebook_csv_format::version,
                                                 "a notebook file begins with a header that names "
                                                 "submit_s,session,gpus,run_s"};

    row_reader<Source> rows_;
    column_map<slot_count> columns_{{"submit_s", "session", "gpus", "run_s"}, "a notebook file of hpcsched"};
    std::unordered_map<std::uint32_t, seen_session> sessions_; // by their numbers in the file
    time_point last_submit_{};
    bool begun_ = false;
};

} // namespace hpcsched::workload

#endif
