// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_WORKLOAD_DURATION_HISTOGRAM_HPP
#define HPCSCHED_WORKLOAD_DURATION_HISTOGRAM_HPP

#include <hpcsched/core/assert.hpp>
#include <hpcsched/core/percentiles.hpp>
#include <hpcsched/core/time.hpp>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace hpcsched::workload {

/// Percentiles of any number of durations in fixed memory (115 KB).
///
/// Each power of two of nanoseconds is cut into 256 equal buckets; below 512 ns every value has its own. A percentile
/// is off by at most one part in 512 from the exact one by nearest rank; the smallest and the largest value are exact.
/// \source the bucket layout of HdrHistogram (log-linear)
/// \thread_safety none
class duration_histogram {
  public:
    /// \pre value >= 0
    /// \complexity O(1)
    void add(duration value) noexcept {
        HPCSCHED_ASSERT(value >= duration::zero());
        ++counts_[bucket_of(static_cast<std::uint64_t>(value.count()))];
        ++count_;
        min_ = std::min(min_, value);
        max_ = std::max(max_, value);
    }

    [[nodiscard]] std::uint64_t count() const noexcept { return count_; }

    /// \pre count() > 0
    [[nodiscard]] duration min() const noexcept {
        HPCSCHED_ASSERT(count_ > 0);
        return min_;
    }
    [[nodiscard]] duration max() const noexcept {
        HPCSCHED_ASSERT(count_ > 0);
        return max_;
    }

    /// The value that `share` of all values do not exceed: the middle of its bucket, within the extremes.
    /// \pre count() > 0, 0 < share <= 1
    /// \complexity O(buckets), about 15,000
    [[nodiscard]] duration percentile(ratio share) const noexcept {
        HPCSCHED_ASSERT(count_ > 0);
        HPCSCHED_ASSERT(share.numerator > 0);
        HPCSCHED_ASSERT(share.numerator <= share.denominator);
        std::uint64_t const rank = (count_ * share.numerator + share.denominator - 1) / share.denominator;
        std::uint64_t below = 0;
        std::size_t bucket = 0;
        while (below + counts_[bucket] < rank) {
            below += counts_[bucket++];
        }
        return std::clamp(middle_of(bucket), min_, max_);
    }

  private:
    static constexpr unsigned sub_bits = 8;
    static constexpr std::uint64_t sub_count = 1U << sub_bits;
    /// Octaves 2^9 .. 2^62 have `sub_count` buckets each, above 2 * sub_count of width 1.
    static constexpr std::size_t bucket_count = 2 * sub_count + (63 - sub_bits - 1) * sub_count;

    static std::size_t bucket_of(std::uint64_t value) noexcept {
        if (value < 2 * sub_count) {
            return static_cast<std::size_t>(value);
        }
        auto const shift = static_cast<unsigned>(std::bit_width(value)) - 1 - sub_bits; // >= 1
        return static_cast<std::size_t>(shift * sub_count + (value >> shift));
    }

    static duration middle_of(std::size_t bucket) noexcept {
        if (bucket < 2 * sub_count) {
            return duration{static_cast<std::int64_t>(bucket)};
        }
        std::size_t const shift = bucket / sub_count - 1;
        std::uint64_t const low = (bucket - shift * sub_count) << shift;
        return duration{static_cast<std::int64_t>(low + (std::uint64_t{1} << (shift - 1)))};
    }

    std::vector<std::uint64_t> counts_ = std::vector<std::uint64_t>(bucket_count);
    std::uint64_t count_ = 0;
    duration min_ = duration::max();
    duration max_ = duration::min();
};

} // namespace hpcsched::workload

#endif
