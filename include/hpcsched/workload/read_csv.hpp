// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_WORKLOAD_READ_CSV_HPP
#define HPCSCHED_WORKLOAD_READ_CSV_HPP

#include <hpcsched/core/result.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/workload/byte_source.hpp>
#include <hpcsched/workload/csv_format.hpp>
#include <hpcsched/workload/detail/own_header.hpp>
#include <hpcsched/workload/fields.hpp>
#include <hpcsched/workload/function_names.hpp>
#include <hpcsched/workload/invocation.hpp>
#include <hpcsched/workload/row_reader.hpp>
#include <hpcsched/workload/take_field.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <utility>

namespace hpcsched::workload {

/// How a file of hpcsched's own becomes a workload.
struct csv_options {
    row_policy rows;
};

/// Reads hpcsched's own file of invocations, which csv_format.hpp describes, row by row.
/// \thread_safety none
template <byte_source Source>
class csv_reader {
  public:
    /// \param names  receives the functions, in order of their first arrival; borrowed, must outlive the reader
    csv_reader(named_source<Source> input, function_names& names, csv_options options = {})
        : rows_{std::move(input), options.rows}, names_{&names} {}

    /// \error the place and kind of the first bad row (unless these are skipped), or what the byte source says
    /// \complexity O(length of the row)
    [[nodiscard]] result<bool> next(invocation& out) {
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
    enum slot : std::uint8_t { arrival, function, service, memory, blocking, slot_count };

    [[nodiscard]] bool parse(invocation& out) {
        field_cursor cursor{rows_.row()};
        std::array<field, slot_count> f;
        std::int64_t arrival_ns = 0;
        std::int64_t service_ns = 0;
        std::int64_t memory_mb = 0;
        if (!columns_.split(rows_, cursor, f) || !take(f, arrival, largest_time, arrival_ns) ||
            !take_name(rows_, f[function], columns_.name(function)) || !take(f, service, largest_time, service_ns) ||
            (!f[memory].text.empty() && !take(f, memory, std::numeric_limits<std::uint32_t>::max(), memory_mb))) {
            return false;
        }
        if (time_point{duration{arrival_ns}} < last_arrival_) {
            rows_.reject(f[arrival].column, "arrival_ns is " + excerpt(f[arrival].text) + ", before the row above",
                         "sort the rows by arrival_ns, or skip bad rows");
            return false;
        }
        if (service_ns == 0) {
            rows_.reject(f[service].column, "service_ns is 0, and an invocation needs some CPU time");
            return false;
        }
        out.service = duration{service_ns};
        if (!take_blocking(f[blocking], out)) {
            return false;
        }
        out.arrival = last_arrival_ = time_point{duration{arrival_ns}};
        out.function = names_->intern(f[function].text);
        out.memory_mb = static_cast<std::uint32_t>(memory_mb);
        return true;
    }

    [[nodiscard]] bool take(std::array<field, slot_count> const& f, slot which, std::int64_t largest,
                            std::int64_t& out) {
        return take_whole(rows_, f[which], columns_.name(which), largest, out);
    }

    [[nodiscard]] bool take_blocking(field rest, invocation& out) {
        out.blocking.clear();
        while (!rest.text.empty()) {
            std::size_t const size = std::min(rest.text.find(';'), rest.text.size());
            if (!take_segment({rest.text.substr(0, size), rest.column}, out)) {
                return false;
            }
            if (size + 1 == rest.text.size()) {
                rows_.reject(rest.column + size, "a blocking segment is missing after the last semicolon");
                return false;
            }
            rest.text.remove_prefix(std::min(size + 1, rest.text.size()));
            rest.column += size + 1;
        }
        return true;
    }

    [[nodiscard]] bool take_segment(field const& f, invocation& out) {
        std::size_t const colon = f.text.find(':');
        if (colon == std::string_view::npos) {
            rows_.reject(f.column,
                         "the blocking segment " + excerpt(f.text) + " is not of the form after_cpu_ns:length_ns");
            return false;
        }
        field const after{f.text.substr(0, colon), f.column};
        field const length{f.text.substr(colon + 1), f.column + colon + 1};
        std::int64_t after_ns = 0;
        std::int64_t length_ns = 0;
        if (!take_whole(rows_, after, "after_cpu_ns of a blocking segment", largest_time, after_ns) ||
            !take_whole(rows_, length, "length_ns of a blocking segment", largest_time, length_ns)) {
            return false;
        }
        blocking_segment const segment{duration{after_ns}, duration{length_ns}};
        std::string_view const fault = segment.after_cpu > out.service
                                           ? "a blocking segment begins after the service time"
                                       : segment.length == duration::zero() ? "a blocking segment has length 0"
                                       : !out.blocking.empty() && segment.after_cpu < out.blocking.back().after_cpu
                                           ? "a blocking segment begins before the one before it"
                                           : "";
        if (!fault.empty()) {
            rows_.reject(f.column, fault);
            return false;
        }
        out.blocking.push_back(segment);
        return true;
    }

    static constexpr detail::own_format own_file{
        csv_format::version_prefix, csv_format::version,
        "a workload file begins with a header that names arrival_ns,function,service_ns"};
    static constexpr std::int64_t largest_time = std::numeric_limits<std::int64_t>::max();

    row_reader<Source> rows_;
    column_map<slot_count> columns_{
        {"arrival_ns", "function", "service_ns", "memory_mb", "blocking"}, "a workload file of hpcsched", 3};
    function_names* names_;
    time_point last_arrival_{};
    bool begun_ = false;
};

} // namespace hpcsched::workload

#endif
