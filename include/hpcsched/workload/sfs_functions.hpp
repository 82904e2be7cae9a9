// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_WORKLOAD_SFS_FUNCTIONS_HPP
#define HPCSCHED_WORKLOAD_SFS_FUNCTIONS_HPP

#include <hpcsched/core/assert.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/workload/function_profile.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
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
    double last_share = 0; ///< of `last` within the bucket; 0: all N of the bucket are equally likely
};

/// SFS (SC'22), Table I. The published shares add up to 0.956 (buckets below 1 % are left out there) and are
/// renormalised. How the N of a bucket share it is not published; they are taken as equally likely.
inline constexpr std::array<fib_bucket, 5> sfs_table1_mix{
    {{0.406, 20, 26}, {0.098, 27, 28}, {0.068, 29, 29}, {0.227, 30, 31}, {0.157, 34, 35}}};

/// The mix of the trace `test1` in the SFS repository. Its mean service time is 370 ms by `fib_service`; equally likely
/// N would give 384 ms, so the last bucket is split 60 : 40, which gives 370 ms.
inline constexpr std::array<fib_bucket, 5> sfs_test1_mix{
    {{0.430, 20, 26}, {0.106, 27, 28}, {0.077, 29, 29}, {0.235, 30, 31}, {0.154, 34, 35, 0.4}}};

/// One function per N of a mix, in ascending N.
/// \complexity O(functions)
[[nodiscard]] inline population sfs_functions(std::span<fib_bucket const> mix) {
    double sum = 0;
    for (fib_bucket const& bucket : mix) {
        sum += bucket.share;
    }
    population functions;
    for (fib_bucket const& bucket : mix) {
        auto const others = static_cast<double>(bucket.last - bucket.first);
        double const last_share = bucket.last_share > 0 ? bucket.last_share : 1.0 / (others + 1.0);
        for (std::uint32_t n = bucket.first; n <= bucket.last; ++n) {
            double const within = n == bucket.last ? last_share : (1.0 - last_share) / others;
            functions.push_back({"fib-" + std::to_string(n), bucket.share / sum * within, fib_service(n)});
        }
    }
    return functions;
}

} // namespace hpcsched::workload

#endif
