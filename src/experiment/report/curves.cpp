// SPDX-License-Identifier: Apache-2.0
#include "report/model.hpp"

#include <algorithm>
#include <cmath>

namespace hpcsched::experiment::detail {
namespace {

/// Sorted by value, shares never falling, equal values once; what is not finite is left out.
[[nodiscard]] std::vector<cdf_point> tidy(std::vector<cdf_point> points) {
    std::erase_if(points, [](cdf_point p) { return !std::isfinite(p.value) || !std::isfinite(p.share); });
    std::sort(points.begin(), points.end(),
              [](cdf_point a, cdf_point b) { return a.value != b.value ? a.value < b.value : a.share < b.share; });
    std::vector<cdf_point> tidied;
    double highest = 0;
    for (cdf_point const p : points) {
        highest = std::clamp(p.share, highest, 1.0);
        if (!tidied.empty() && tidied.back().value == p.value) {
            tidied.back().share = highest;
        } else {
            tidied.push_back({p.value, highest});
        }
    }
    return tidied;
}

/// Walks along one curve with ascending values.
class cdf_walk {
  public:
    explicit cdf_walk(std::vector<cdf_point> const& points) noexcept : points_{points} {}

    /// The share at `value`: that of the last point not above it. \pre values never fall from call to call
    [[nodiscard]] double share_at(double value) noexcept {
        while (next_ < points_.size() && points_[next_].value <= value) {
            ++next_;
        }
        return next_ == 0 ? 0 : points_[next_ - 1].share;
    }

  private:
    std::vector<cdf_point> const& points_;
    std::size_t next_ = 0;
};

/// How far it is from point to point for the eye: along log value, share, and log (1 - share), each as a part of its
/// whole range, so that both the body and the tail keep their points.
[[nodiscard]] std::vector<double> visual_length(std::vector<cdf_point> const& points) {
    auto const log_value = [](double value) { return std::log(std::max(value, 1e-12)); };
    auto const log_tail = [](double share) { return std::log(std::max(1.0 - share, 1e-6)); };
    double const value_range = std::max(log_value(points.back().value) - log_value(points.front().value), 1e-12);
    double const tail_range = std::max(log_tail(points.front().share) - log_tail(points.back().share), 1e-12);
    std::vector<double> length(points.size(), 0.0);
    for (std::size_t i = 1; i < points.size(); ++i) {
        length[i] = length[i - 1] + (log_value(points[i].value) - log_value(points[i - 1].value)) / value_range +
                    (points[i].share - points[i - 1].share) +
                    (log_tail(points[i - 1].share) - log_tail(points[i].share)) / tail_range;
    }
    return length;
}

/// At most `count` of the points: the first, the last, and those nearest to equal steps of visual length.
[[nodiscard]] std::vector<cdf_point> thin(std::vector<cdf_point> const& points, std::size_t count) {
    if (points.size() <= count || count < 2) {
        return points;
    }
    std::vector<double> const length = visual_length(points);
    double const step = length.back() / static_cast<double>(count - 1);
    std::vector<cdf_point> kept{points.front()};
    std::size_t last = 0;
    for (std::size_t i = 1; i + 1 < count; ++i) {
        auto const at = std::lower_bound(length.begin(), length.end(), step * static_cast<double>(i));
        auto const index = static_cast<std::size_t>(at - length.begin());
        if (index > last && index + 1 < points.size()) {
            kept.push_back(points[index]);
            last = index;
        }
    }
    kept.push_back(points.back());
    return kept;
}

} // namespace

std::vector<cdf_point> merge_cdfs(std::span<std::vector<cdf_point> const> curves, std::size_t count) {
    std::vector<std::vector<cdf_point>> tidied;
    std::vector<double> values;
    for (std::vector<cdf_point> const& curve : curves) {
        if (std::vector<cdf_point> points = tidy(curve); !points.empty()) {
            for (cdf_point const p : points) {
                values.push_back(p.value);
            }
            tidied.push_back(std::move(points));
        }
    }
    std::sort(values.begin(), values.end());
    values.erase(std::unique(values.begin(), values.end()), values.end());
    std::vector<cdf_walk> walks(tidied.begin(), tidied.end());
    std::vector<cdf_point> merged;
    merged.reserve(values.size());
    for (double const value : values) {
        double sum = 0;
        for (cdf_walk& walk : walks) {
            sum += walk.share_at(value);
        }
        merged.push_back({value, sum / static_cast<double>(walks.size())});
    }
    return merged.empty() ? merged : thin(merged, count);
}

std::vector<delay_point> merge_series(std::span<std::vector<delay_point> const*> series, std::size_t count) {
    double end = 0;
    double width = 0;
    for (std::vector<delay_point> const* points : series) {
        for (std::size_t i = 0; i < points->size(); ++i) {
            double const at = (*points)[i].at;
            double const step = i > 0 ? at - (*points)[i - 1].at : 0.0;
            if (std::isfinite(at) && at >= 0 && std::isfinite(step)) {
                end = std::max(end, at);
                width = std::max(width, step);
            }
        }
    }
    // Intervals of the seeds are nested when each length is a power of two of one unit; twice as long keeps that.
    while (width > 0 && end / width >= static_cast<double>(count)) {
        width *= 2;
    }
    auto const bin_count = width > 0 ? static_cast<std::size_t>(end / width + 1e-6) + 1 : std::size_t{1};
    std::vector<delay_point> merged(bin_count);
    for (std::size_t i = 0; i < bin_count; ++i) {
        merged[i].at = static_cast<double>(i) * width;
    }
    for (std::vector<delay_point> const* points : series) {
        for (delay_point const& p : *points) {
            if (p.arrivals == 0 || !std::isfinite(p.at) || p.at < 0 || !std::isfinite(p.mean_delay)) {
                continue;
            }
            auto const at = width > 0 ? static_cast<std::size_t>(p.at / width + 1e-6) : std::size_t{0};
            delay_point& bin = merged[std::min(at, bin_count - 1)];
            auto const before = static_cast<double>(bin.arrivals);
            auto const more = static_cast<double>(p.arrivals);
            bin.mean_delay = (bin.mean_delay * before + p.mean_delay * more) / (before + more);
            bin.max_delay = std::max(bin.max_delay, p.max_delay);
            bin.arrivals += p.arrivals;
        }
    }
    std::erase_if(merged, [](delay_point const& p) { return p.arrivals == 0; });
    return merged;
}

} // namespace hpcsched::experiment::detail
