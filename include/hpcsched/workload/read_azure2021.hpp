// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_WORKLOAD_READ_AZURE2021_HPP
#define HPCSCHED_WORKLOAD_READ_AZURE2021_HPP

#include <hpcsched/core/assert.hpp>
#include <hpcsched/core/ids.hpp>
#include <hpcsched/core/result.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/workload/arrival_sorter.hpp>
#include <hpcsched/workload/byte_source.hpp>
#include <hpcsched/workload/fields.hpp>
#include <hpcsched/workload/function_names.hpp>
#include <hpcsched/workload/invocation.hpp>
#include <hpcsched/workload/published_names.hpp>
#include <hpcsched/workload/row_reader.hpp>
#include <hpcsched/workload/take_field.hpp>

#include <array>
#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace hpcsched::workload {

/// How an Azure Functions 2021 trace becomes a workload.
struct azure2021_options {
    row_policy rows;

    /// The service demand of an invocation whose duration is given as 0. The trace records whole milliseconds, and
    /// a workload has no invocation without demand.
    duration zero_duration_as = std::chrono::microseconds{500};

    /// Whether the first arrival becomes time 0. If not, arrivals are as recorded, and a row that starts before the
    /// trace's own time 0 is a bad row.
    bool from_first_arrival = false;
};

/// Reads the Azure Functions Invocation Trace of January 2021: one row per invocation.
///
/// | column          | meaning                                                                        |
/// |-----------------|--------------------------------------------------------------------------------|
/// | `app`           | application, a hash                                                            |
/// | `func`          | function, a hash, unique within its application                                |
/// | `end_timestamp` | end of the invocation, in seconds since the start of the trace                 |
/// | `duration`      | of the invocation, in seconds with three decimals: taken as its service demand |
///
/// An invocation arrives at end_timestamp - duration, computed in whole nanoseconds from the decimal text, never by
/// way of floating point. The trace is not written in that order, so the first call of `next` reads it whole, into
/// 24 bytes for each row, and gives them out sorted; equal arrivals keep the order of the rows. A function's name is
/// "app/func". The trace tells nothing of memory or blocking.
///
/// \source Zhang et al., "Faster and Cheaper Serverless Computing on Harvested Resources", SOSP 2021; the schema is
/// that of AzureFunctionsInvocationTrace2021.md in the Azure Public Dataset
/// \thread_safety none
template <byte_source Source>
class azure2021_reader {
  public:
    /// \param names  receives the functions, in order of their first arrival; borrowed, must outlive the reader
    azure2021_reader(named_source<Source> input, function_names& names, azure2021_options options = {})
        : rows_{std::move(input), options.rows}, names_{names}, options_{options} {
        HPCSCHED_ASSERT(options.zero_duration_as > duration::zero());
    }

    /// \error the place and kind of the first bad row (unless these are skipped), or what the byte source says
    /// \complexity the first call reads the trace; each later one is O(1) where the trace is nearly in order
    [[nodiscard]] result<bool> next(invocation& out) {
        if (!std::exchange(loaded_, true)) {
            if (result<bool> const loaded = load(); !loaded) {
                return loaded;
            }
            origin_ = options_.from_first_arrival && !sorted_.empty() ? sorted_.first_arrival() : 0;
        }
        record r;
        if (!sorted_.next(r)) {
            return false;
        }
        out.arrival = time_point{duration{r.arrival - origin_}};
        out.service = duration{r.service};
        out.function = names_.publish(r.function);
        out.memory_mb = 0;
        out.blocking.clear();
        return true;
    }

    /// Complete after the first call of `next`.
    [[nodiscard]] read_counts const& counts() const noexcept { return rows_.counts(); }

  private:
    enum slot : std::uint8_t { app, func, end_timestamp, duration_seconds };

    struct record {
        std::int64_t arrival; // nanoseconds
        std::int64_t service; // nanoseconds
        function_id function; // of names_
    };

    /// What was read before an error is not given out: the rows behind it may come before.
    [[nodiscard]] result<bool> load() {
        if (columns_.read_header(rows_)) {
            while (rows_.next()) {
                record r;
                if (parse(r)) {
                    sorted_.add(r);
                    ++rows_.counts().taken_count;
                }
            }
        }
        result<bool> const end = rows_.finish();
        if (end) {
            sorted_.finish();
        }
        return end;
    }

    [[nodiscard]] bool parse(record& out) {
        field_cursor cursor{rows_.row()};
        std::array<field, 4> f;
        std::int64_t end = 0;
        if (!columns_.split(rows_, cursor, f) || !take_name(rows_, f[app], "app") ||
            !take_name(rows_, f[func], "func") || !take_time(rows_, f[end_timestamp], "end_timestamp", 9, end) ||
            !take_time(rows_, f[duration_seconds], "duration", 9, out.service)) {
            return false;
        }
        out.arrival = end - out.service;
        if (out.arrival < 0 && !options_.from_first_arrival) {
            reject_early_start(f);
            return false;
        }
        if (out.service == 0) {
            out.service = options_.zero_duration_as.count();
        }
        out.function = names_.intern(join_fields(std::span{f}.first(2), key_),
                                     [&f] { return std::string{f[app].text} + '/' + std::string{f[func].text}; });
        return true;
    }

    [[gnu::cold]] void reject_early_start(std::array<field, 4> const& f) {
        rows_.reject(f[duration_seconds].column,
                     "the invocation starts before time 0: duration " + excerpt(f[duration_seconds].text) +
                         " is longer than end_timestamp " + excerpt(f[end_timestamp].text),
                     "count time from the first arrival, mend this row, or skip bad rows");
    }

    row_reader<Source> rows_;
    column_map<4> columns_{{"app", "func", "end_timestamp", "duration"}, "an Azure Functions 2021 trace"};
    published_names names_;
    std::string key_;
    azure2021_options options_;
    arrival_sorter<record> sorted_;
    std::int64_t origin_ = 0;
    bool loaded_ = false;
};

} // namespace hpcsched::workload

#endif
