// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_CORE_PERCENTILES_HPP
#define HPCSCHED_CORE_PERCENTILES_HPP

#include <hpcsched/core/assert.hpp>

#include <cstddef>
#include <cstdint>
#include <span>

namespace hpcsched {

/// An exact fraction; `{999, 1000}` is 99.9 %.
struct ratio {
    std::uint64_t numerator = 0;
    std::uint64_t denominator = 1;

    friend constexpr bool operator==(ratio const&, ratio const&) = default;
};

inline constexpr ratio p50{50, 100};
inline constexpr ratio p75{75, 100};
inline constexpr ratio p90{90, 100};
inline constexpr ratio p95{95, 100};
inline constexpr ratio p99{99, 100};
inline constexpr ratio p999{999, 1000};
inline constexpr ratio p9999{9999, 10000};

/// The exact percentile by nearest rank: the smallest value that at least `share` of all values do not exceed.
///
/// \param sorted  all values, ascending; shape [n], n >= 1
/// \param share   0 < share <= 1
/// \complexity O(1)
template <class Value>
[[nodiscard]] constexpr Value percentile(std::span<Value const> sorted, ratio share) noexcept {
    HPCSCHED_ASSERT(!sorted.empty());
    HPCSCHED_ASSERT(share.numerator > 0);
    HPCSCHED_ASSERT(share.numerator <= share.denominator);
    auto const n = static_cast<std::uint64_t>(sorted.size());
    // 128 bits would be needed only beyond 1e15 values for p99.99.
    std::uint64_t const rank = (n * share.numerator + share.denominator - 1) / share.denominator;
    return sorted[static_cast<std::size_t>(rank - 1)];
}

} // namespace hpcsched

#endif
