// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_WORKLOAD_TAKE_FIELD_HPP
#define HPCSCHED_WORKLOAD_TAKE_FIELD_HPP

#include <hpcsched/workload/fields.hpp>
#include <hpcsched/workload/parse_number.hpp>
#include <hpcsched/workload/row_reader.hpp>

#include <cstdint>
#include <limits>
#include <string_view>

namespace hpcsched::workload {

/// The longest time that readers accept, 73 years in nanoseconds: sums and differences of two fit 64 bits.
inline constexpr std::int64_t trace_time_max = std::numeric_limits<std::int64_t>::max() / 4;

/// The most invocations that readers accept in one interval of a table of counts.
inline constexpr std::int64_t interval_count_max = 1'000'000'000;

/// The most devices that readers accept for one cell of a notebook.
inline constexpr std::int64_t cell_gpus_max = 1 << 20;

namespace detail {

template <class Rows>
[[gnu::cold]] [[gnu::noinline]] bool reject_number(Rows& rows, field const& f, std::string_view column_name,
                                                   number_fault fault, std::string_view kind) {
    rows.reject(f.column, describe_fault(column_name, f, fault, kind));
    return false;
}

[[nodiscard]] constexpr parsed_number at_most(parsed_number number, std::int64_t largest) noexcept {
    return number.ok() && number.value > largest ? parsed_number{0, number_fault::too_large} : number;
}

} // namespace detail

/// Takes a length of time in a decimal unit as nanoseconds.
/// \param scale  9 for seconds, 6 for milliseconds, 3 for microseconds, 0 for nanoseconds
/// \return false where the row was rejected
template <class Rows>
[[nodiscard]] bool take_time(Rows& rows, field const& f, std::string_view column_name, int scale, std::int64_t& out) {
    parsed_number const number = detail::at_most(parse_scaled(f.text, scale), trace_time_max);
    out = number.value;
    return number.ok() || detail::reject_number(rows, f, column_name, number.fault, "a number");
}

/// Takes a whole number >= 0 in digits.
/// \return false where the row was rejected
template <class Rows>
[[nodiscard]] bool take_whole(Rows& rows, field const& f, std::string_view column_name, std::int64_t largest,
                              std::int64_t& out) {
    parsed_number const number = detail::at_most(parse_whole(f.text), largest);
    out = number.value;
    return number.ok() || detail::reject_number(rows, f, column_name, number.fault, "a whole number");
}

/// Takes a text that must not be empty.
/// \return false where the row was rejected
template <class Rows>
[[nodiscard]] bool take_name(Rows& rows, field const& f, std::string_view column_name) {
    return !f.text.empty() || detail::reject_number(rows, f, column_name, number_fault::missing, {});
}

} // namespace hpcsched::workload

#endif
