// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_WORKLOAD_DETAIL_HUAWEI2023_DELAYS_HPP
#define HPCSCHED_WORKLOAD_DETAIL_HUAWEI2023_DELAYS_HPP

#include <hpcsched/core/ids.hpp>
#include <hpcsched/core/result.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/workload/byte_source.hpp>
#include <hpcsched/workload/detail/huawei2023_table.hpp>
#include <hpcsched/workload/function_names.hpp>
#include <hpcsched/workload/parse_number.hpp>
#include <hpcsched/workload/row_reader.hpp>
#include <hpcsched/workload/take_field.hpp>
#include <hpcsched/workload/time_unit.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

namespace hpcsched::workload::detail {

/// The function_delay table of a day of the Huawei 2023 traces, read beside the requests table.
template <byte_source Source>
class huawei2023_delays {
  public:
    huawei2023_delays(named_source<Source> input, row_policy policy, time_unit unit)
        : table_{std::move(input), policy}, unit_{unit} {}

    /// Reads the header. \param functions  the columns of the requests table
    /// \return false where it came to a failure
    [[nodiscard]] bool begin(function_names const& functions) {
        if (!table_.read_header()) {
            return false;
        }
        for (std::uint32_t column = 0; column < table_.names().size(); ++column) {
            auto const found = functions.find(table_.names().name(function_id{column}));
            function_of_.push_back(found ? found->value : none);
        }
        last_known_.assign(functions.size(), duration::zero());
        has_row_ = table_.next();
        return !table_.rows().failed();
    }

    /// Takes in all rows up to and with `time_ns`. \return false where it came to a failure
    [[nodiscard]] bool advance(std::int64_t time_ns) {
        while (has_row_ && table_.time_ns() <= time_ns) {
            take_row();
            has_row_ = !table_.rows().failed() && table_.next();
        }
        return !table_.rows().failed();
    }

    /// The last known delay of a function, by its column in the requests table; 0: none so far.
    [[nodiscard]] duration last_known(std::uint32_t function) const noexcept { return last_known_[function]; }

    [[nodiscard]] time_unit unit() const noexcept { return unit_; }
    [[nodiscard]] read_counts const& counts() const noexcept { return table_.rows().counts(); }
    [[nodiscard]] result<bool> finish() { return table_.rows().finish(); }

  private:
    using cell = typename huawei2023_table<Source>::cell;

    static constexpr std::uint32_t none = std::numeric_limits<std::uint32_t>::max();

    void take_row() {
        infer_unit();
        values_.clear();
        int const scale = unit_ == time_unit::seconds        ? 9
                          : unit_ == time_unit::milliseconds ? 6
                          : unit_ == time_unit::microseconds ? 3
                                                             : 0;
        for (cell const& c : table_.cells()) {
            parsed_number const value = at_most(parse_scaled(c.value.text, scale), trace_time_max);
            if (!value.ok()) {
                table_.reject(c.value.column, describe_fault("the delay of function " +
                                                                 excerpt(table_.names().name(function_id{c.column})),
                                                             c.value, value.fault, "a number"));
                return;
            }
            values_.push_back(value.value);
        }
        std::size_t i = 0;
        for (cell const& c : table_.cells()) {
            std::int64_t const value = values_[i++];
            if (value > 0 && function_of_[c.column] != none) {
                last_known_[function_of_[c.column]] = duration{value};
            }
        }
    }

    /// From the first row that has a positive value.
    void infer_unit() {
        if (unit_ != time_unit::inferred) {
            return;
        }
        values_.clear();
        for (cell const& c : table_.cells()) {
            if (parsed_number const billionths = parse_scaled(c.value.text, 9);
                billionths.ok() && billionths.value > 0) {
                values_.push_back(billionths.value);
            }
        }
        if (!values_.empty()) {
            auto const middle = values_.begin() + static_cast<std::ptrdiff_t>(values_.size() / 2);
            std::nth_element(values_.begin(), middle, values_.end());
            unit_ = infer_time_unit(static_cast<double>(*middle) * 1e-9);
        }
    }

    huawei2023_table<Source> table_;
    time_unit unit_;
    std::vector<std::uint32_t> function_of_; // by column of this table, the column in the requests table
    std::vector<duration> last_known_;       // by column in the requests table
    std::vector<std::int64_t> values_;       // of one row
    bool has_row_ = false;
};

} // namespace hpcsched::workload::detail

#endif
