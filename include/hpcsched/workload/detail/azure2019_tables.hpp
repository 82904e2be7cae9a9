// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_WORKLOAD_DETAIL_AZURE2019_TABLES_HPP
#define HPCSCHED_WORKLOAD_DETAIL_AZURE2019_TABLES_HPP

#include <hpcsched/core/ids.hpp>
#include <hpcsched/core/result.hpp>
#include <hpcsched/workload/byte_source.hpp>
#include <hpcsched/workload/duration_percentiles.hpp>
#include <hpcsched/workload/fields.hpp>
#include <hpcsched/workload/function_names.hpp>
#include <hpcsched/workload/published_names.hpp>
#include <hpcsched/workload/row_reader.hpp>
#include <hpcsched/workload/take_field.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace hpcsched::workload::detail {

/// The durations file of a day of the Azure Functions 2019 trace, by function.
template <byte_source Source>
class azure2019_durations {
  public:
    azure2019_durations(named_source<Source> input, function_names& names, row_policy policy)
        : rows_{std::move(input), policy}, names_{names} {}

    /// Reads the file. \error the place and kind of the first bad row, unless these are skipped
    [[nodiscard]] result<bool> read() {
        if (columns_.read_header(rows_)) {
            while (rows_.next()) {
                take_row();
            }
        }
        return rows_.finish();
    }

    /// Functions, under the key "owner,app,function".
    [[nodiscard]] published_names& names() noexcept { return names_; }

    /// \pre `function` is one of `names()`
    [[nodiscard]] duration_percentiles const& durations(function_id function) const noexcept {
        return durations_[function.value];
    }

    [[nodiscard]] read_counts const& counts() const noexcept { return rows_.counts(); }

  private:
    enum slot : std::uint8_t { hash_owner, hash_app, hash_function, average, minimum, maximum, first_percentile };
    static constexpr std::size_t slot_count = first_percentile + duration_percentiles::shares.size();

    void take_row() {
        field_cursor cursor{rows_.row()};
        std::array<field, slot_count> f;
        duration_percentiles d;
        if (!columns_.split(rows_, cursor, f) || !take_hashes(f)) {
            return;
        }
        // Minimum and Maximum are the sign of a good row, so they come before the rest, which may be anything if not.
        parsed_number const least = parse_scaled(f[minimum].text, 6);
        parsed_number const most = parse_scaled(f[maximum].text, 6);
        if (is_not_positive(least) || is_not_positive(most)) {
            ++rows_.counts().filtered_count;
            return;
        }
        std::int64_t ignored = 0;
        if (!take(f, minimum, ignored) || !take(f, maximum, ignored) || !take_durations(f, d)) {
            return;
        }
        auto const id = names_.intern(join_fields(std::span{f}.first(3), key_), [&f] {
            return std::string{f[hash_owner].text} + '/' + std::string{f[hash_app].text} + '/' +
                   std::string{f[hash_function].text};
        });
        if (id.value < durations_.size()) {
            ++rows_.counts().filtered_count;
            return;
        }
        durations_.push_back(d);
        ++rows_.counts().taken_count;
    }

    [[nodiscard]] static bool is_not_positive(parsed_number number) noexcept {
        return number.fault == number_fault::negative || (number.ok() && number.value == 0);
    }

    [[nodiscard]] bool take_hashes(std::array<field, slot_count> const& f) {
        return take_name(rows_, f[hash_owner], columns_.name(hash_owner)) &&
               take_name(rows_, f[hash_app], columns_.name(hash_app)) &&
               take_name(rows_, f[hash_function], columns_.name(hash_function));
    }

    [[nodiscard]] bool take(std::array<field, slot_count> const& f, std::size_t which, std::int64_t& out) {
        return take_time(rows_, f[which], columns_.name(which), 6, out);
    }

    [[nodiscard]] bool take_durations(std::array<field, slot_count> const& f, duration_percentiles& out) {
        std::int64_t nanoseconds = 0;
        if (!take(f, average, nanoseconds)) {
            return false;
        }
        out.average = duration{nanoseconds};
        for (std::size_t i = 0; i < out.at.size(); ++i) {
            if (!take(f, first_percentile + i, nanoseconds)) {
                return false;
            }
            out.at[i] = duration{nanoseconds};
            if (i > 0 && out.at[i] < out.at[i - 1]) {
                rows_.reject(f[first_percentile + i].column,
                             std::string{columns_.name(first_percentile + i)} + " is below the percentile before it");
                return false;
            }
        }
        return true;
    }

    row_reader<Source> rows_;
    column_map<slot_count> columns_{{"HashOwner", "HashApp", "HashFunction", "Average", "Minimum", "Maximum",
                                     "percentile_Average_0", "percentile_Average_1", "percentile_Average_25",
                                     "percentile_Average_50", "percentile_Average_75", "percentile_Average_99",
                                     "percentile_Average_100"},
                                    "an Azure Functions 2019 table of durations"};
    published_names names_;
    std::vector<duration_percentiles> durations_; // by id
    std::string key_;
};

/// The memory file of a day of the Azure Functions 2019 trace, by application, or by function where it tells them.
template <byte_source Source>
class azure2019_memory {
  public:
    azure2019_memory(named_source<Source> input, row_policy policy) : rows_{std::move(input), policy} {}

    /// Reads the file. \error the place and kind of the first bad row, unless these are skipped
    [[nodiscard]] result<bool> read() {
        if (columns_.read_header(rows_)) {
            while (rows_.next()) {
                take_row();
            }
        }
        return rows_.finish();
    }

    /// The average memory of a function's application in MiB, rounded to nearest.
    /// \param key  the hashes of owner, application and function first
    [[nodiscard]] std::optional<std::uint32_t> find(std::span<field const> key) {
        auto const id = keys_.find(join_fields(key.first(key_size()), key_));
        return id ? std::optional{memory_mb_[id->value]} : std::nullopt;
    }

    [[nodiscard]] read_counts const& counts() const noexcept { return rows_.counts(); }

  private:
    enum slot : std::uint8_t { hash_owner, hash_app, average, hash_function };

    [[nodiscard]] std::size_t key_size() const noexcept { return columns_.has(hash_function) ? 3 : 2; }

    void take_row() {
        field_cursor cursor{rows_.row()};
        std::array<field, 4> f;
        if (!columns_.split(rows_, cursor, f) || !take_name(rows_, f[hash_owner], columns_.name(hash_owner)) ||
            !take_name(rows_, f[hash_app], columns_.name(hash_app)) ||
            (columns_.has(hash_function) && !take_name(rows_, f[hash_function], columns_.name(hash_function)))) {
            return;
        }
        parsed_number const memory =
            at_most(parse_scaled(f[average].text, 0), std::numeric_limits<std::uint32_t>::max());
        if (!memory.ok()) {
            reject_number(rows_, f[average], columns_.name(average), memory.fault, "a number of MiB");
            return;
        }
        std::array<field, 3> const key{f[hash_owner], f[hash_app], f[hash_function]};
        function_id const id = keys_.intern(join_fields(std::span{key}.first(key_size()), key_));
        if (id.value < memory_mb_.size()) {
            ++rows_.counts().filtered_count;
            return;
        }
        memory_mb_.push_back(static_cast<std::uint32_t>(memory.value));
        ++rows_.counts().taken_count;
    }

    row_reader<Source> rows_;
    column_map<4> columns_{
        {"HashOwner", "HashApp", "AverageAllocatedMb", "HashFunction"}, "an Azure Functions 2019 table of memory", 3};
    function_names keys_; // "owner,app" or "owner,app,function"
    std::vector<std::uint32_t> memory_mb_;
    std::string key_;
};

} // namespace hpcsched::workload::detail

#endif
