// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_CPU_WEIGHTS_HPP
#define HPCSCHED_CPU_WEIGHTS_HPP

#include <hpcsched/core/assert.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/cpu/task.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace hpcsched::cpu {

/// The weight of a task of nice 0; CPU time is shared in proportion to weights.
inline constexpr std::int64_t nice_0_weight = 1024;

/// The weights of nice -20 .. 19 in Linux's fair classes: about a factor of 1.25 from one to the next, so that one
/// step is worth a tenth of a CPU between two tasks.
/// \source Linux, both CFS and EEVDF; the values are part of its documented behaviour (`sched(7)` gives the factor)
inline constexpr std::array<std::int64_t, nice_max - nice_min + 1> nice_weights{
    88761, 71755, 56483, 46273, 36291, 29154, 23254, 18705, 14949, 11916, //
    9548,  7620,  6100,  4904,  3906,  3121,  2501,  1991,  1586,  1277,  //
    1024,  820,   655,   526,   423,   335,   272,   215,   172,   137,   //
    110,   87,    70,    56,    45,    36,    29,    23,    18,    15};

/// \pre nice_min <= nice <= nice_max
[[nodiscard]] constexpr std::int64_t weight_of_nice(int nice) noexcept {
    HPCSCHED_ASSERT(nice >= nice_min && nice <= nice_max);
    return nice_weights[static_cast<std::size_t>(nice - nice_min)];
}

/// By how much Linux stretches the times of its fair classes on a machine of `cpus`: 1 + log2(cpus), at most 4.
/// \pre cpus >= 1
[[nodiscard]] constexpr std::int64_t cpu_count_factor(std::uint32_t cpus) noexcept {
    HPCSCHED_ASSERT(cpus >= 1);
    return std::bit_width(std::min<std::uint32_t>(cpus, 8));
}

namespace detail {

__extension__ typedef __int128 int128;
__extension__ typedef unsigned __int128 uint128;

/// a * b / c, rounded up, with the product in 128 bits where it needs them.
/// \pre a >= 0, b >= 0, c > 0; the quotient fits
[[nodiscard]] constexpr std::int64_t multiply_divide_up(std::int64_t a, std::int64_t b, std::int64_t c) noexcept {
    constexpr std::int64_t fits = std::int64_t{1} << 62;
    std::int64_t product = 0;
    if (!__builtin_mul_overflow(a, b, &product) && product < fits && c < fits) {
        return (product + c - 1) / c;
    }
    return static_cast<std::int64_t>((static_cast<int128>(a) * b + c - 1) / c);
}

/// a * b / c, rounded towards zero.
/// \pre c > 0; the quotient fits
[[nodiscard]] constexpr std::int64_t multiply_divide(std::int64_t a, std::int64_t b, std::int64_t c) noexcept {
    std::int64_t product = 0;
    return __builtin_mul_overflow(a, b, &product) ? static_cast<std::int64_t>(static_cast<int128>(a) * b / c)
                                                  : product / c;
}

} // namespace detail

/// By how many virtual nanoseconds a task of `weight` ages in `ran` on a CPU: as real time at nice 0, slower for the
/// heavier. Rounded up, so that every run moves a task on.
/// \pre ran >= 0, weight >= 1
[[nodiscard]] constexpr std::int64_t virtual_time(duration ran, std::int64_t weight) noexcept {
    return weight == nice_0_weight ? ran.count() : detail::multiply_divide_up(ran.count(), nice_0_weight, weight);
}

/// How long a task of `weight` runs until it has aged by `aged` virtual nanoseconds; rounded up.
/// \pre aged >= 0, weight >= 1
[[nodiscard]] constexpr duration real_time(std::int64_t aged, std::int64_t weight) noexcept {
    return duration{weight == nice_0_weight ? aged : detail::multiply_divide_up(aged, weight, nice_0_weight)};
}

} // namespace hpcsched::cpu

#endif
