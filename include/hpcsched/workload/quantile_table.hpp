// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_WORKLOAD_QUANTILE_TABLE_HPP
#define HPCSCHED_WORKLOAD_QUANTILE_TABLE_HPP

#include <hpcsched/core/assert.hpp>
#include <hpcsched/core/random.hpp>

#include <boost/random/uniform_01.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <initializer_list>
#include <span>
#include <vector>

namespace hpcsched::workload {

/// A point of a distribution: `share` of all values are at most `value`.
struct quantile_point {
    double share = 0;
    double value = 0;

    friend bool operator==(quantile_point const&, quantile_point const&) = default;
};

/// A distribution of positive numbers, known by some of its percentiles: between them the logarithm of the value is
/// linear in the share. That suits what spans orders of magnitude, as the lengths of runs do: a straight line between
/// the 99th percentile, 1,021 minutes, and the maximum, 26,458, would put nearly all of the last hundredth at the top.
class quantile_table {
  public:
    /// \pre is_sound(points)
    quantile_table(std::initializer_list<quantile_point> points)
        : quantile_table{std::vector<quantile_point>(points)} {}

    /// \pre is_sound(points)
    explicit quantile_table(std::vector<quantile_point> points) : points_{std::move(points)} {
        HPCSCHED_ASSERT(is_sound(points_));
    }

    /// Whether points make a table: two or more, shares ascending from 0 to 1, values finite, above 0 and never
    /// descending.
    [[nodiscard]] static bool is_sound(std::span<quantile_point const> points) noexcept {
        if (points.size() < 2 || points.front().share != 0 || points.back().share != 1 || !(points.front().value > 0) ||
            !std::isfinite(points.back().value)) {
            return false;
        }
        return std::adjacent_find(points.begin(), points.end(), [](quantile_point const& a, quantile_point const& b) {
                   return !(a.share < b.share) || !(a.value <= b.value);
               }) == points.end();
    }

    /// The value that `share` of all do not exceed.
    /// \param share  0 <= share <= 1
    /// \complexity O(points)
    [[nodiscard]] double quantile(double share) const noexcept {
        HPCSCHED_ASSERT(share >= 0);
        HPCSCHED_ASSERT(share <= 1);
        std::size_t above = 1;
        while (points_[above].share < share) {
            ++above;
        }
        quantile_point const& low = points_[above - 1];
        quantile_point const& high = points_[above];
        double const fraction = (share - low.share) / (high.share - low.share);
        return low.value * std::exp(fraction * std::log(high.value / low.value));
    }

    /// Draws a value.
    [[nodiscard]] double draw(random_stream& bits) const { return quantile(boost::random::uniform_01<double>{}(bits)); }

    /// The mean. Exact: it follows from the points.
    /// \complexity O(points)
    [[nodiscard]] double mean() const noexcept {
        double sum = 0;
        for (std::size_t i = 1; i < points_.size(); ++i) {
            double const low = points_[i - 1].value;
            double const high = points_[i].value;
            // The integral of low * (high / low)^t over t from 0 to 1.
            double const mean = high == low ? low : (high - low) / std::log(high / low);
            sum += (points_[i].share - points_[i - 1].share) * mean;
        }
        return sum;
    }

    [[nodiscard]] std::span<quantile_point const> points() const noexcept { return points_; }

    friend bool operator==(quantile_table const&, quantile_table const&) = default;

  private:
    std::vector<quantile_point> points_;
};

} // namespace hpcsched::workload

#endif
