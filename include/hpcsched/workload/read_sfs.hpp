// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_WORKLOAD_READ_SFS_HPP
#define HPCSCHED_WORKLOAD_READ_SFS_HPP

#include <hpcsched/core/assert.hpp>
#include <hpcsched/core/percentiles.hpp>
#include <hpcsched/core/result.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/workload/byte_source.hpp>
#include <hpcsched/workload/fields.hpp>
#include <hpcsched/workload/function_names.hpp>
#include <hpcsched/workload/invocation.hpp>
#include <hpcsched/workload/job_services.hpp>
#include <hpcsched/workload/row_reader.hpp>
#include <hpcsched/workload/take_field.hpp>

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace hpcsched::workload {

/// How a trace of SFS's stand-alone load generator becomes a workload.
struct sfs_options {
    row_policy rows;

    /// What every start time is multiplied by; > 0. The repository's reader has 9 written in it: that is the "IAT
    /// ratio" of the paper, 13 for about 50 % load on its machine, 7 for about 100 %.
    ratio interarrival_factor{9, 1};

    /// How long the programs run.
    job_services services{};
};

/// Reads the trace of SFS's stand-alone load generator: one invocation per row, five words, no header.
///
/// | word       | meaning                                                                     |
/// |------------|-----------------------------------------------------------------------------|
/// | `name`     | of this very invocation, "fib17"; not used                                  |
/// | `exec`     | the program, "fib.py"                                                       |
/// | `N`        | its argument: fib(N) computes the N-th Fibonacci number                     |
/// | `start_ms` | when it arrives, in milliseconds, before the factor; ascending              |
/// | `id`       | of the invocation, a whole number; not used                                 |
///
/// The service demand is what the repository calibrated fib(N) to (`job_services`). A function is a program with its
/// argument, since that is what takes the same time again and again: "fib-27".
///
/// \source SFS repository, `SFS-standalone` and its trace `test1`; the paper: Fu et al., "SFS: Smart OS Scheduling for
/// Serverless Functions", SC 2022
/// \thread_safety none
template <byte_source Source>
class sfs_reader {
  public:
    /// \param names  receives the functions, in order of their first arrival; borrowed, must outlive the reader
    sfs_reader(named_source<Source> input, function_names& names, sfs_options options = {})
        : rows_{std::move(input), options.rows}, names_{&names}, options_{std::move(options)} {
        HPCSCHED_ASSERT(options_.interarrival_factor.numerator > 0);
        HPCSCHED_ASSERT(options_.interarrival_factor.denominator > 0);
    }

    /// \error the place and kind of the first bad row (unless these are skipped), or what the byte source says
    /// \complexity O(length of the row)
    [[nodiscard]] result<bool> next(invocation& out) {
        while (rows_.next()) {
            if (parse(out)) {
                ++rows_.counts().taken_count;
                return true;
            }
        }
        return rows_.finish();
    }

    /// Of the rows so far.
    [[nodiscard]] read_counts const& counts() const noexcept { return rows_.counts(); }

  private:
    enum slot : std::uint8_t { job_name, program, argument, start, id, slot_count };

    [[nodiscard]] bool parse(invocation& out) {
        std::array<field, slot_count> f;
        std::int64_t n = 0;
        std::int64_t start_ms = 0;
        std::int64_t ignored_id = 0;
        if (!take_words(rows_, f, "name exec N start_ms id") ||
            !take_whole(rows_, f[argument], "N", job_services::largest_argument, n) ||
            !take_whole(rows_, f[start], "start_ms", trace_time_max / 1'000'000, start_ms) ||
            !take_whole(rows_, f[id], "id", trace_time_max, ignored_id)) {
            return false;
        }
        std::optional<duration> const arrival =
            scale_time(std::chrono::milliseconds{start_ms}, options_.interarrival_factor);
        if (!arrival) {
            detail::reject_number(rows_, f[start], "start_ms", number_fault::too_large, {});
            return false;
        }
        if (time_point{*arrival} < last_arrival_) {
            rows_.reject(f[start].column, "start_ms is " + excerpt(f[start].text) + ", before the row above",
                         "sort the rows by start_ms, or skip bad rows");
            return false;
        }
        std::string_view const job = job_services::job_of_program(f[program].text);
        std::optional<duration> const service = options_.services.find(job, n);
        if (!service) {
            rows_.reject(f[program].column, job_services::describe_unknown(job, n), job_services::advice);
            return false;
        }
        out.arrival = last_arrival_ = time_point{*arrival};
        out.service = *service;
        out.function = names_->intern(job_services::function_name(name_, job, f[argument].text));
        out.memory_mb = 0;
        out.blocking.clear();
        return true;
    }

    row_reader<Source> rows_;
    function_names* names_;
    sfs_options options_;
    time_point last_arrival_{};
    std::string name_;
};

} // namespace hpcsched::workload

#endif
