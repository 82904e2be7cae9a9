// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_WORKLOAD_JOB_SERVICES_HPP
#define HPCSCHED_WORKLOAD_JOB_SERVICES_HPP

#include <hpcsched/core/assert.hpp>
#include <hpcsched/core/percentiles.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/workload/fields.hpp>
#include <hpcsched/workload/sfs_functions.hpp>
#include <hpcsched/workload/take_field.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hpcsched::workload {

/// How long the programs run that the traces of SFS and ALPS name: these traces tell what is run, not how long it
/// takes.
struct job_services {
    /// One program that takes as long whatever its argument is.
    struct fixed {
        std::string job;
        duration service{}; ///< > 0

        friend bool operator==(fixed const&, fixed const&) = default;
    };

    /// A larger argument is a bad row.
    static constexpr std::int64_t largest_argument = 1'000'000'000;

    /// What a message about a job that is not known advises.
    static constexpr std::string_view advice = "give this job a service time, mend this row, or skip bad rows";

    /// Programs with a service time of their own; they come before the table of fib(N), which every other program
    /// is taken by.
    std::vector<fixed> jobs{};

    /// The service demand of a program with an argument; nothing where it has none of its own and N lies outside
    /// the table of fib(N), 20 .. 36.
    [[nodiscard]] std::optional<duration> find(std::string_view job, std::int64_t n) const noexcept {
        for (fixed const& f : jobs) {
            if (f.job == job) {
                return f.service;
            }
        }
        if (n < fib_first || n > fib_last) {
            return std::nullopt;
        }
        return fib_service(static_cast<std::uint32_t>(n));
    }

    /// The words for a message about one that is not known.
    [[nodiscard]] static std::string describe_unknown(std::string_view job, std::int64_t n) {
        return "the service time of " + excerpt(job) + " with argument " + std::to_string(n) +
               " is not known: only fib(20) to fib(36) are calibrated";
    }

    /// "fib" of "fib.py".
    [[nodiscard]] static std::string_view job_of_program(std::string_view program) noexcept {
        return program.substr(0, program.rfind('.') == 0 ? std::string_view::npos : program.rfind('.'));
    }

    /// "fib-27", as the generators of the same workloads call it.
    [[nodiscard]] static std::string_view function_name(std::string& scratch, std::string_view job,
                                                        std::string_view argument) {
        scratch = job;
        scratch += '-';
        scratch += argument;
        return scratch;
    }

    friend bool operator==(job_services const&, job_services const&) = default;
};

/// `time` x `factor`, rounded down to nanoseconds; nothing where it exceeds `trace_time_max`.
/// \pre time >= 0, both parts of the factor are > 0
[[nodiscard]] inline std::optional<duration> scale_time(duration time, ratio factor) noexcept {
    HPCSCHED_ASSERT(time >= duration::zero());
    HPCSCHED_ASSERT(factor.denominator > 0);
    __extension__ using wide = unsigned __int128;
    wide const scaled = static_cast<wide>(time.count()) * factor.numerator / factor.denominator;
    return scaled > static_cast<wide>(trace_time_max) ? std::nullopt
                                                      : std::optional{duration{static_cast<std::int64_t>(scaled)}};
}

/// Splits the current row into exactly N words. \return false where it was rejected
/// \param what  the words, for the message
template <class Rows, std::size_t N>
[[nodiscard]] bool take_words(Rows& rows, std::array<field, N>& out, std::string_view what) {
    word_cursor cursor{rows.row()};
    std::size_t count = 0;
    for (field f; cursor.next(f); ++count) {
        if (count < N) {
            out[count] = f;
        }
    }
    if (count == N) {
        return true;
    }
    rows.reject(count < N ? rows.row().size() + 1 : 1, std::to_string(count) + (count == 1 ? " word" : " words") +
                                                           " where a row has " + std::to_string(N) + ": " +
                                                           std::string{what});
    return false;
}

} // namespace hpcsched::workload

#endif
