// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_WORKLOAD_DETAIL_HUAWEI2023_TABLE_HPP
#define HPCSCHED_WORKLOAD_DETAIL_HUAWEI2023_TABLE_HPP

#include <hpcsched/core/ids.hpp>
#include <hpcsched/workload/byte_source.hpp>
#include <hpcsched/workload/fields.hpp>
#include <hpcsched/workload/function_names.hpp>
#include <hpcsched/workload/parse_number.hpp>
#include <hpcsched/workload/row_reader.hpp>
#include <hpcsched/workload/take_field.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hpcsched::workload::detail {

/// One of the wide tables of the Huawei 2023 traces: `day,time`, then one column per function; one row per interval,
/// in ascending order of time.
template <byte_source Source>
class huawei2023_table {
  public:
    /// A value of the current row.
    struct cell {
        std::uint32_t column; ///< from 0, the first function
        field value;
    };

    huawei2023_table(named_source<Source> input, row_policy policy) : rows_{std::move(input), policy} {}

    /// Reads the header. \return false where it is none; the table has failed then
    [[nodiscard]] bool read_header() {
        if (!rows_.next()) {
            if (!rows_.failed()) {
                rows_.refuse_empty(expectation);
            }
            return false;
        }
        field_cursor cursor{rows_.row()};
        std::size_t column = 0;
        for (field f; cursor.next(f); ++column) {
            if (column < fixed_columns) {
                if (f.text != (column == 0 ? "day" : "time")) {
                    return refuse_header(f.column, "the header has " + excerpt(f.text) + " in place of " +
                                                       (column == 0 ? "'day'" : "'time'"));
                }
            } else if (f.text.empty()) {
                return refuse_header(f.column, "a column has no name");
            } else if (names_.intern(f.text).value != column - fixed_columns) {
                return refuse_header(f.column, "the column " + excerpt(f.text) + " stands twice in the header");
            }
        }
        return column > fixed_columns ||
               refuse_header(rows_.row().size() + 1, "no column for a function in the header");
    }

    /// Moves to the next row. \return false at the end, or after a failure
    [[nodiscard]] bool next() {
        while (rows_.next()) {
            if (split()) {
                ++rows_.counts().taken_count;
                return true;
            }
        }
        return false;
    }

    /// Of the current row, in nanoseconds.
    [[nodiscard]] std::int64_t time_ns() const noexcept { return time_ns_; }

    /// The values of the current row that are not missing, in order of their columns; valid until the next row.
    [[nodiscard]] std::vector<cell> const& cells() const noexcept { return cells_; }

    /// The current row is bad after all, or left out: it does not count as taken.
    void reject(std::size_t column, std::string_view what, std::string_view advice = {}) {
        --rows_.counts().taken_count;
        rows_.reject(column, what, advice);
    }

    /// The names of the columns; a column's index is its id.
    [[nodiscard]] function_names const& names() const noexcept { return names_; }

    [[nodiscard]] row_reader<Source>& rows() noexcept { return rows_; }
    [[nodiscard]] row_reader<Source> const& rows() const noexcept { return rows_; }

  private:
    static constexpr std::size_t fixed_columns = 2;
    static constexpr std::string_view expectation =
        "a Huawei 2023 table begins with a header day,time and then one column per function";

    bool refuse_header(std::size_t column, std::string_view what) {
        rows_.refuse(column, what, expectation);
        return false;
    }

    [[nodiscard]] bool split() {
        cursor_ = field_cursor{rows_.row()};
        cells_.clear();
        std::size_t column = 0;
        std::int64_t day = 0;
        std::int64_t time = 0;
        for (field f; cursor_.next(f); ++column) {
            if (column >= fixed_columns) {
                if (!is_missing(f.text)) {
                    cells_.push_back({static_cast<std::uint32_t>(column - fixed_columns), f});
                }
            } else if (column == 0 ? !take_whole(rows_, f, "day", trace_time_max, day)
                                   : !take_time(rows_, f, "time", 9, time) || !is_later(time, f)) {
                return false;
            }
        }
        if (!check_column_count(rows_, cursor_, column, names_.size() + fixed_columns)) {
            return false;
        }
        time_ns_ = time;
        return true;
    }

    [[nodiscard]] static bool is_missing(std::string_view text) noexcept {
        return text.empty() || equals_ignoring_case(text, "nan");
    }

    [[nodiscard]] bool is_later(std::int64_t time, field const& f) {
        if (time > time_ns_) {
            return true;
        }
        rows_.reject(f.column, "time is " + excerpt(f.text) + ", not later than in the row before");
        return false;
    }

    row_reader<Source> rows_;
    function_names names_;
    field_cursor cursor_{{}}; // holds the texts that were quoted
    std::vector<cell> cells_;
    std::int64_t time_ns_ = -1;
};

} // namespace hpcsched::workload::detail

#endif
