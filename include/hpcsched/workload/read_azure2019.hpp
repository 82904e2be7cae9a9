// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_WORKLOAD_READ_AZURE2019_HPP
#define HPCSCHED_WORKLOAD_READ_AZURE2019_HPP

#include <hpcsched/core/assert.hpp>
#include <hpcsched/core/ids.hpp>
#include <hpcsched/core/random.hpp>
#include <hpcsched/core/result.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/workload/byte_source.hpp>
#include <hpcsched/workload/detail/azure2019_tables.hpp>
#include <hpcsched/workload/fields.hpp>
#include <hpcsched/workload/function_names.hpp>
#include <hpcsched/workload/interval_arrivals.hpp>
#include <hpcsched/workload/invocation.hpp>
#include <hpcsched/workload/published_names.hpp>
#include <hpcsched/workload/row_reader.hpp>
#include <hpcsched/workload/take_field.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hpcsched::workload {

/// Where the service demand of an invocation comes from.
enum class azure2019_service : std::uint8_t {
    percentiles, ///< drawn from the function's published percentiles, linear between them
    average,     ///< the function's published average
};

/// How a day of the Azure Functions 2019 trace becomes a workload.
struct azure2019_options {
    row_policy rows;
    spread within_minute = spread::uniform;
    azure2019_service service = azure2019_service::percentiles;

    /// The service demand in place of 0, which a percentile can be: durations are recorded in whole milliseconds.
    duration zero_duration_as = std::chrono::microseconds{500};

    /// When the first minute begins; day d of several begins at d x 24 h.
    time_point start{};
};

/// The three files of a day.
template <byte_source Source>
struct azure2019_files {
    named_source<Source> invocations;
    named_source<Source> durations;
    std::optional<named_source<Source>> memory; ///< published for the first twelve of the fourteen days
};

/// Reads a day of the Azure Functions 2019 trace: how often each function was invoked in each minute, how long its
/// invocations took, and how much memory its application had.
///
/// | file                                  | columns                                                                  |
/// |---------------------------------------|--------------------------------------------------------------------------|
/// | `invocations_per_function_md.anon.d*` | HashOwner, HashApp, HashFunction, Trigger, then one per minute, 1 .. 1440
/// | | `function_durations_percentiles.*`    | the three hashes, Average, Minimum, Maximum, percentile_Average_{0, 1,
/// 25, 50, 75, 99, 100}, in milliseconds; Count is not used | | `app_memory_percentiles.*`            | HashOwner,
/// HashApp, perhaps HashFunction, AverageAllocatedMb; the percentiles are not used |
///
/// The files are joined on the hashes (an inner join): a function without a partner in the durations file, or in the
/// memory file where there is one, is left out and counted as unmatched. Functions whose Minimum or Maximum is 0 or
/// less, the trace's sign for a value that is missing, are left out and counted as filtered, and so are second rows
/// for the same function; the first one stands.
///
/// The trace has no finer time than a minute, so the arrivals within it are made up, as `spread` says, and service
/// demands are drawn: equal streams of random bits give equal workloads. A function's name is
/// "HashOwner/HashApp/HashFunction". The percentiles are published over averages of 30 seconds, so single invocations
/// vary more than the trace, and this reader, shows.
///
/// The first call of `next` reads the three files; 8 bytes are kept for each function and minute with invocations,
/// and given back minute by minute.
///
/// \source Shahrad et al., "Serverless in the Wild", USENIX ATC 2020; the schema is that of
/// AzureFunctionsDataset2019.md in the Azure Public Dataset
/// \thread_safety none
template <byte_source Source>
class azure2019_reader {
  public:
    /// \param names  receives the functions, in order of their first arrival; borrowed, must outlive the reader
    /// \param draws  for arrivals and service demands
    azure2019_reader(azure2019_files<Source> files, function_names& names, random_stream const& draws,
                     azure2019_options options = {})
        : options_{options}, profiles_{std::move(files.durations), names, options.rows},
          rows_{std::move(files.invocations), options.rows}, arrivals_{options.within_minute, draws.split("arrivals")},
          service_draws_{draws.split("service")}, minute_begin_{options.start} {
        HPCSCHED_ASSERT(options.zero_duration_as > duration::zero());
        HPCSCHED_ASSERT(options.start >= time_point{});
        if (files.memory) {
            memory_.emplace(std::move(*files.memory), options.rows);
        }
    }

    /// \error the place and kind of the first bad row in any of the files (unless these are skipped), or what the
    ///        byte source says
    /// \complexity the first call reads the files; each later one is O(log functions in the minute)
    [[nodiscard]] result<bool> next(invocation& out) {
        if (!std::exchange(loaded_, true)) {
            if (result<bool> const loaded = load(); !loaded) {
                minutes_.clear();
                return loaded;
            }
        }
        time_point at;
        std::uint32_t function = 0;
        while (!arrivals_.next(at, function)) {
            if (minute_ == minutes_.size()) {
                return false;
            }
            begin_minute();
        }
        out.arrival = at;
        out.function = profiles_.names().publish(function_id{function});
        duration_percentiles const& durations = profiles_.durations(function_id{function});
        out.service =
            options_.service == azure2019_service::average ? durations.average : durations.draw(service_draws_);
        if (out.service == duration::zero()) {
            out.service = options_.zero_duration_as;
        }
        out.memory_mb = memory_of_[function];
        out.blocking.clear();
        return true;
    }

    /// Of all files together; complete after the first call of `next`.
    [[nodiscard]] read_counts counts() const {
        read_counts sum = rows_.counts();
        sum += profiles_.counts();
        if (memory_) {
            sum += memory_->counts();
        }
        return sum;
    }

  private:
    struct cell {
        std::uint32_t function;
        std::uint32_t count;
    };

    static constexpr std::array<std::string_view, 4> key_columns{"HashOwner", "HashApp", "HashFunction", "Trigger"};
    static constexpr std::string_view expectation =
        "an Azure Functions 2019 table of invocations begins with a header HashOwner,HashApp,HashFunction,Trigger,1,2 "
        "and so on, one column per minute";

    [[nodiscard]] result<bool> load() {
        if (result<bool> const read = profiles_.read(); !read) {
            return read;
        }
        if (memory_) {
            if (result<bool> const read = memory_->read(); !read) {
                return read;
            }
        }
        memory_of_.assign(profiles_.names().size(), 0);
        if (read_header()) {
            while (rows_.next()) {
                take_row();
            }
        }
        return rows_.finish();
    }

    [[nodiscard]] bool read_header() {
        if (!rows_.next()) {
            if (!rows_.failed()) {
                rows_.refuse_empty(expectation);
            }
            return false;
        }
        field_cursor cursor{rows_.row()};
        std::size_t column = 0;
        std::int64_t last_minute = 0;
        for (field f; cursor.next(f); ++column) {
            if (column < key_columns.size()) {
                if (f.text != key_columns[column]) {
                    rows_.refuse(f.column,
                                 "the header has " + excerpt(f.text) + " in place of " + excerpt(key_columns[column]),
                                 expectation);
                    return false;
                }
                continue;
            }
            parsed_number const minute = parse_whole(f.text);
            if (!minute.ok() || (column > key_columns.size() && minute.value != last_minute + 1)) {
                rows_.refuse(f.column, "the header has " + excerpt(f.text) + " where a minute's number should follow",
                             expectation);
                return false;
            }
            last_minute = minute.value;
            if (column == key_columns.size()) {
                first_minute_ = static_cast<std::size_t>(minute.value);
            }
        }
        if (column <= key_columns.size()) {
            rows_.refuse(rows_.row().size() + 1, "no column for a minute in the header", expectation);
            return false;
        }
        minutes_.resize(column - key_columns.size());
        return true;
    }

    void take_row() {
        field_cursor cursor{rows_.row()};
        std::array<field, 4> key;
        std::size_t column = 0;
        for (; column < key.size() && cursor.next(key[column]); ++column) {
        }
        counts_.clear();
        for (field f; cursor.next(f); ++column) {
            std::size_t const minute = column - key.size();
            if (minute < minutes_.size()) {
                parsed_number const count = detail::at_most(parse_count(f.text), interval_count_max);
                if (!count.ok()) {
                    rows_.reject(f.column,
                                 describe_fault("the count of minute " + std::to_string(first_minute_ + minute), f,
                                                count.fault, "a whole number"));
                    return;
                }
                if (count.value > 0) {
                    counts_.emplace_back(minute, static_cast<std::uint32_t>(count.value));
                }
            }
        }
        if (!check_column_count(rows_, cursor, column, key.size() + minutes_.size())) {
            return;
        }
        std::optional<function_id> const function =
            profiles_.names().find(join_fields(std::span{key}.first(3), key_text_));
        std::optional<std::uint32_t> const memory_mb = !memory_ ? std::optional{std::uint32_t{0}} : memory_->find(key);
        if (!function || !memory_mb) {
            ++rows_.counts().unmatched_count;
            return;
        }
        memory_of_[function->value] = *memory_mb;
        for (auto const& [minute, count] : counts_) {
            minutes_[minute].push_back({function->value, count});
        }
        ++rows_.counts().taken_count;
    }

    void begin_minute() {
        constexpr duration minute_length = std::chrono::minutes{1};
        arrivals_.begin(minute_begin_, minute_length);
        for (cell const& c : minutes_[minute_]) {
            arrivals_.add(c.function, c.count);
        }
        arrivals_.finish();
        std::vector<cell>{}.swap(minutes_[minute_]);
        ++minute_;
        minute_begin_ += minute_length;
    }

    azure2019_options options_;
    detail::azure2019_durations<Source> profiles_;
    std::optional<detail::azure2019_memory<Source>> memory_;
    row_reader<Source> rows_;
    std::vector<std::vector<cell>> minutes_;                    // by minute, what happens in it
    std::vector<std::uint32_t> memory_of_;                      // by the durations file's id of a function
    std::vector<std::pair<std::size_t, std::uint32_t>> counts_; // of one row: minute, count
    std::string key_text_;
    interval_arrivals arrivals_;
    random_stream service_draws_;
    time_point minute_begin_;
    std::size_t minute_ = 0;       // the next one, from 0
    std::size_t first_minute_ = 1; // its number in the header
    bool loaded_ = false;
};

} // namespace hpcsched::workload

#endif
