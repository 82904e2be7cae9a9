// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_WORKLOAD_SFS_FUNCTIONS_HPP
#define HPCSCHED_WORKLOAD_SFS_FUNCTIONS_HPP

#include <hpcsched/core/assert.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/workload/function_profile.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

namespace hpcsched::workload {

/// The first and the last N for which the SFS repository calibrates `fib(N)`.
inline constexpr std::uint32_t fib_first = 20;
inline constexpr std::uint32_t fib_last = 36;

/// CPU time of `fib(N)`.
/// \pre fib_first <= n <= fib_last
/// \source SFS repository, `SFS-standalone/optimal.txt`: milliseconds for N = 20 .. 36
[[nodiscard]] constexpr duration fib_service(std::uint32_t n) noexcept {
    constexpr std::array<int, fib_last - fib_first + 1> milliseconds{13,  14,  15,  18,  23,  30,   42,   60,  90,
                                                                     140, 220, 346, 555, 886, 1425, 2344, 3708};
    HPCSCHED_ASSERT(n >= fib_first);
    HPCSCHED_ASSERT(n <= fib_last);
    return std::chrono::milliseconds{milliseconds[n - fib_first]};
}

/// A row of SFS's mix: invocations of `fib(N)` with N from `first` to `last`.
struct fib_bucket {
    double share = 0; ///< as published, out of a sum that need not be 1
    std::uint32_t first = 0;
    std::uint32_t last = 0;
};

/// SFS (SC'22), Table I. The shares add up to 0.956: buckets below 1 % are left out there.
inline constexpr std::array<fib_bucket, 5> sfs_table1_mix{
    {{0.406, 20, 26}, {0.098, 27, 28}, {0.068, 29, 29}, {0.227, 30, 31}, {0.157, 34, 35}}};

/// The same buckets in the trace `test1` of the SFS repository; rounded, they add up to 1.002.
inline constexpr std::array<fib_bucket, 5> sfs_test1_mix{
    {{0.430, 20, 26}, {0.106, 27, 28}, {0.077, 29, 29}, {0.235, 30, 31}, {0.154, 34, 35}}};

/// How often a `fib(N)` is invoked.
struct fib_count {
    std::uint32_t n = 0;
    std::uint32_t count = 0;
};

/// The counts of `test1`, in all 10,083.
inline constexpr std::array<fib_count, 14> sfs_test1_counts{{{20, 641},
                                                             {21, 611},
                                                             {22, 626},
                                                             {23, 612},
                                                             {24, 594},
                                                             {25, 640},
                                                             {26, 606},
                                                             {27, 563},
                                                             {28, 503},
                                                             {29, 774},
                                                             {30, 2234},
                                                             {31, 131},
                                                             {34, 779},
                                                             {35, 769}}};

/// How the trace `test1` differs from independent draws of its values: the variance of the sum of so many consecutive
/// values, by what it would be if they were independent. Service times by `fib_service`.
///
/// The mix drifts: among 500 consecutive requests the share of fib(34) and fib(35) lies anywhere from 6 to 30 %. And
/// arrivals come in bursts that last. On 12 CPUs, first come first served, the trace at half load has a mean turnaround
/// of 6.5 s; its values in random order, with Poisson arrivals, have 1.7 s at full load.
/// \source computed from the trace
struct block_dispersion {
    std::uint32_t block = 0; ///< consecutive values
    double service_times = 0;
    double interarrivals = 0;
};
inline constexpr std::array<block_dispersion, 3> sfs_test1_dispersion{
    {{100, 4.36, 15.6}, {300, 10.4, 33.6}, {1000, 14.0, 40.4}}};

namespace detail {

[[nodiscard]] inline function_profile fib_function(std::uint32_t n, double share) {
    return {"fib-" + std::to_string(n), share, fib_service(n)};
}

} // namespace detail

/// The functions of Table I, one per N, in ascending N. How the N of a bucket share it is not published; they are taken
/// as equally likely. Shares are renormalised.
[[nodiscard]] inline population sfs_table1_functions() {
    double sum = 0;
    for (fib_bucket const& bucket : sfs_table1_mix) {
        sum += bucket.share;
    }
    population functions;
    for (fib_bucket const& bucket : sfs_table1_mix) {
        for (std::uint32_t n = bucket.first; n <= bucket.last; ++n) {
            functions.push_back(detail::fib_function(n, bucket.share / sum / (bucket.last - bucket.first + 1)));
        }
    }
    return functions;
}

/// The functions of `test1`, one per N, in ascending N. Their mean service time is 370 ms.
[[nodiscard]] inline population sfs_test1_functions() {
    double sum = 0;
    for (fib_count const& each : sfs_test1_counts) {
        sum += each.count;
    }
    population functions;
    for (fib_count const& each : sfs_test1_counts) {
        functions.push_back(detail::fib_function(each.n, each.count / sum));
    }
    return functions;
}

} // namespace hpcsched::workload

#endif
