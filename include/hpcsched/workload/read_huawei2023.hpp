// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_WORKLOAD_READ_HUAWEI2023_HPP
#define HPCSCHED_WORKLOAD_READ_HUAWEI2023_HPP

#include <hpcsched/core/assert.hpp>
#include <hpcsched/core/ids.hpp>
#include <hpcsched/core/random.hpp>
#include <hpcsched/core/result.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/workload/byte_source.hpp>
#include <hpcsched/workload/detail/huawei2023_delays.hpp>
#include <hpcsched/workload/detail/huawei2023_table.hpp>
#include <hpcsched/workload/function_names.hpp>
#include <hpcsched/workload/interval_arrivals.hpp>
#include <hpcsched/workload/invocation.hpp>
#include <hpcsched/workload/published_names.hpp>
#include <hpcsched/workload/row_reader.hpp>
#include <hpcsched/workload/take_field.hpp>
#include <hpcsched/workload/time_unit.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace hpcsched::workload {

/// How a day of the Huawei 2023 traces becomes a workload.
struct huawei2023_options {
    row_policy rows;
    spread within_interval = spread::uniform;

    /// What one row stands for; 0: a second or a minute, told from the distance of the first two rows.
    duration interval{};

    /// The unit of the function_delay table; by default told from the magnitude of its first values.
    time_unit delay_unit = time_unit::inferred;

    /// The service demand where the trace tells none: no function_delay table was given, or it has had no value for
    /// the function so far. 0: such invocations are left out and counted as filtered; at least one of this and the
    /// table is needed.
    duration service_if_unknown{};

    /// What the trace's clock shows at time 0 of the workload; by default what it shows in the first row. For the
    /// second day of several, the origin of the first.
    std::optional<duration> origin;
};

/// The tables of a day.
template <byte_source Source>
struct huawei2023_files {
    named_source<Source> requests;                      ///< requests_second or requests_minute
    std::optional<named_source<Source>> function_delay; ///< function_delay_second or function_delay_minute
};

/// Reads a day of the Huawei 2023 traces: how often each function was invoked in each second or minute, and how long
/// its invocations took on average.
///
/// | table            | columns                                                                                   |
/// |------------------|-------------------------------------------------------------------------------------------|
/// | `requests_*`     | `day`, `time` (seconds since the start of the trace), then one per function: invocations   |
/// | `function_delay_*` | the same, with the average execution time; the unit is not published                     |
///
/// A value may be missing, empty or NaN: no invocations; or, for the delay, the function's last known one. Both tables
/// ascend in time and are read side by side, a row at a time. Their functions are matched by the names of the columns
/// ("0" to "199" in the private trace, "0" to "5092" in the public one, which has no delays).
///
/// The trace has no time of a single invocation: the arrivals within an interval are made up, as `spread` says, and
/// every invocation of a function in an interval takes as long.
///
/// \source Joosen et al., "How Does It Function? Characterizing Long-term Trends in Production Serverless Workloads",
/// SoCC 2023, and README_data_release_2023.md of its data release
/// \thread_safety none
template <byte_source Source>
class huawei2023_reader {
  public:
    /// \param names  receives the functions, in order of their first arrival; borrowed, must outlive the reader
    huawei2023_reader(huawei2023_files<Source> files, function_names& names, random_stream const& draws,
                      huawei2023_options options = {})
        : options_{options}, requests_{std::move(files.requests), options.rows}, names_{names},
          arrivals_{options.within_interval, draws.split("arrivals")}, interval_{options.interval} {
        HPCSCHED_ASSERT(options.interval >= duration::zero());
        HPCSCHED_ASSERT(options.service_if_unknown >= duration::zero());
        if (files.function_delay) {
            delays_.emplace(std::move(*files.function_delay), options.rows, options.delay_unit);
        }
    }

    /// \error the place and kind of the first bad row (unless these are skipped), or what the byte source says
    /// \complexity O(log functions in the interval), and once per interval O(functions)
    [[nodiscard]] result<bool> next(invocation& out) {
        if (!std::exchange(begun_, true)) {
            begin();
        }
        std::uint32_t column = 0;
        while (!arrivals_.next(out.arrival, column)) {
            if (!begin_interval()) {
                return finish();
            }
        }
        out.function = names_.publish(function_id{column});
        out.service = service_of(column);
        out.memory_mb = 0;
        out.blocking.clear();
        return true;
    }

    /// Of both tables together, so far.
    [[nodiscard]] read_counts counts() const {
        read_counts sum = requests_.rows().counts();
        if (delays_) {
            sum += delays_->counts();
        }
        return sum;
    }

    /// The unit of the delays: as given, or as inferred once the first ones were read.
    [[nodiscard]] time_unit delay_unit() const noexcept { return delays_ ? delays_->unit() : options_.delay_unit; }

    /// What the trace's clock shows at time 0 of the workload, once the first row was read.
    [[nodiscard]] std::optional<duration> origin() const noexcept { return origin_; }

  private:
    struct cell {
        std::uint32_t column;
        std::int64_t count;
    };

    struct interval_row {
        std::int64_t time_ns = 0;
        std::vector<cell> cells; // those with invocations
    };

    void begin() {
        row_reader<Source>& rows = requests_.rows();
        if (!delays_ && options_.service_if_unknown == duration::zero()) {
            rows.fail(rows.name() + ": this table tells how often functions are invoked, not how long they take; give "
                                    "its function_delay table too, or one service time for all");
            return;
        }
        if (!requests_.read_header() || (delays_ && !delays_->begin(requests_.names()))) {
            return;
        }
        for (std::uint32_t column = 0; column < requests_.names().size(); ++column) {
            // In the order of the columns, so that this file's ids are their indices.
            static_cast<void>(names_.intern(requests_.names().name(function_id{column})));
        }
        has_ahead_ = read_row();
        if (has_ahead_) {
            origin_ = options_.origin.value_or(duration{ahead_.time_ns});
            if (*origin_ > duration{ahead_.time_ns}) {
                rows.refuse(1, "the first row lies before the origin", "give the days in order of time");
                has_ahead_ = false;
            }
        }
    }

    /// Turns the row that was read ahead into arrivals. \return false: there is none, or it came to a failure
    [[nodiscard]] bool begin_interval() {
        if (!std::exchange(has_ahead_, false)) {
            return false;
        }
        std::swap(current_, ahead_);
        has_ahead_ = read_ahead();
        if (requests_.rows().failed() || (delays_ && !delays_->advance(current_.time_ns))) {
            has_ahead_ = false;
            return false;
        }
        arrivals_.begin(time_point{duration{current_.time_ns} - *origin_}, interval_);
        for (cell const& c : current_.cells) {
            if (service_of(c.column) > duration::zero()) {
                arrivals_.add(c.column, c.count);
            } else {
                ++requests_.rows().counts().filtered_count;
            }
        }
        arrivals_.finish();
        return true;
    }

    /// Reads the row after the current one, which tells how long an interval is where nothing else does.
    [[nodiscard]] bool read_ahead() {
        while (read_row()) {
            duration const distance{ahead_.time_ns - current_.time_ns};
            if (interval_ == duration::zero()) {
                constexpr duration minute = std::chrono::minutes{1};
                interval_ = distance < minute ? std::chrono::seconds{1} : minute;
            }
            if (distance >= interval_) {
                return true;
            }
            requests_.reject(1, "the row begins before the interval of the row before it has ended");
        }
        if (interval_ == duration::zero() && !requests_.rows().failed()) {
            requests_.rows().refuse(1, "one row does not tell how long an interval is",
                                    "give the interval, 1 s or 60 s");
        }
        return false;
    }

    /// Reads the next row that is good into `ahead_`.
    [[nodiscard]] bool read_row() {
        while (requests_.next()) {
            if (take_cells()) {
                ahead_.time_ns = requests_.time_ns();
                return true;
            }
        }
        return false;
    }

    [[nodiscard]] bool take_cells() {
        ahead_.cells.clear();
        for (auto const& c : requests_.cells()) {
            parsed_number const count = detail::at_most(parse_count(c.value.text), interval_count_max);
            if (!count.ok()) {
                std::string const name = excerpt(requests_.names().name(function_id{c.column}));
                requests_.reject(c.value.column, describe_fault("the count of function " + name, c.value, count.fault,
                                                                "a whole number"));
                return false;
            }
            if (count.value > 0) {
                ahead_.cells.push_back({c.column, count.value});
            }
        }
        return true;
    }

    [[nodiscard]] duration service_of(std::uint32_t column) const noexcept {
        duration const known = delays_ ? delays_->last_known(column) : duration::zero();
        return known > duration::zero() ? known : options_.service_if_unknown;
    }

    [[nodiscard]] result<bool> finish() {
        if (result<bool> const requests = requests_.rows().finish(); !requests) {
            return requests;
        }
        return delays_ ? delays_->finish() : result<bool>{false};
    }

    huawei2023_options options_;
    detail::huawei2023_table<Source> requests_;
    std::optional<detail::huawei2023_delays<Source>> delays_;
    published_names names_;
    interval_arrivals arrivals_;
    duration interval_;
    std::optional<duration> origin_;
    interval_row current_;
    interval_row ahead_;
    bool has_ahead_ = false;
    bool begun_ = false;
};

} // namespace hpcsched::workload

#endif
