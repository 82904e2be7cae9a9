// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_WORKLOAD_DETAIL_CALIBRATION_SAMPLE_HPP
#define HPCSCHED_WORKLOAD_DETAIL_CALIBRATION_SAMPLE_HPP

#include <hpcsched/core/result.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/workload/function_profile.hpp>
#include <hpcsched/workload/generator.hpp>
#include <hpcsched/workload/invocation.hpp>
#include <hpcsched/workload/sfs_functions.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <span>
#include <utility>
#include <vector>

namespace hpcsched::workload::detail {

struct moments {
    double mean = 0;
    double variance = 0;
};

/// Of all values, not of a sample; 0 where there are none.
[[nodiscard]] inline moments moments_of(std::span<double const> values) {
    if (values.empty()) {
        return {};
    }
    auto const n = static_cast<double>(values.size());
    double const mean = std::accumulate(values.begin(), values.end(), 0.0) / n;
    double const squares = std::accumulate(values.begin(), values.end(), 0.0, [mean](double sum, double value) {
        return sum + (value - mean) * (value - mean);
    });
    return {mean, squares / n};
}

/// Values of which shares, a mean and a coefficient of variation are asked.
class sorted_values {
  public:
    sorted_values() = default;
    explicit sorted_values(std::vector<double> values) : values_{std::move(values)} {
        std::sort(values_.begin(), values_.end());
    }

    /// The share of values that are at most `limit`; 0 where there are none.
    [[nodiscard]] double share_upto(double limit) const {
        auto const end = std::upper_bound(values_.begin(), values_.end(), limit);
        return values_.empty() ? 0 : static_cast<double>(end - values_.begin()) / static_cast<double>(values_.size());
    }

    [[nodiscard]] double mean() const { return moments_of(values_).mean; }

    /// Standard deviation / mean.
    [[nodiscard]] double cv() const {
        moments const m = moments_of(values_);
        return m.mean == 0 ? 0 : std::sqrt(m.variance) / m.mean;
    }

    [[nodiscard]] std::size_t size() const noexcept { return values_.size(); }

  private:
    std::vector<double> values_;
};

/// The variance of the sum of `block` consecutive values, by what it would be if they were independent; 0 where there
/// are fewer than two blocks, or no variance.
[[nodiscard]] inline double dispersion_of(std::span<double const> values, std::size_t block) {
    double const independent = moments_of(values).variance * static_cast<double>(block);
    std::vector<double> sums;
    for (; values.size() >= block; values = values.subspan(block)) {
        sums.push_back(std::accumulate(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(block), 0.0));
    }
    return sums.size() < 2 || independent == 0 ? 0 : moments_of(sums).variance / independent;
}

/// What a calibration looks at in a stream.
struct calibration_sample {
    population functions;
    double mean_interarrival_ms = 0; ///< expected
    sorted_values service_ms;
    sorted_values service_by_mean; ///< service time / mean of the function
    sorted_values gap_ms;
    sorted_values blocking_ms; ///< of those that block
    sorted_values memory_mb;
    std::vector<block_dispersion> dispersion; ///< at the blocks of `sfs_test1_dispersion`
    std::vector<double> shares;               ///< of the invocations, by rank

    /// \error what the generator says
    template <class Generator>
    [[nodiscard]] static result<calibration_sample> draw(Generator& from, std::uint64_t draws) {
        std::vector<double> service, by_mean, gap, blocking, memory;
        calibration_sample s;
        s.functions = from.functions();
        s.mean_interarrival_ms = from.mean_interarrival() * 1e-6;
        s.shares.resize(s.functions.size());
        time_point previous{};
        invocation i;
        for (std::uint64_t k = 0; k < draws; ++k) {
            result<bool> const more = from.next(i);
            if (!more) {
                return more.error();
            }
            std::uint32_t const rank = from.rank(i.function);
            s.shares[rank] += 1.0 / static_cast<double>(draws);
            service.push_back(to_milliseconds(i.service));
            by_mean.push_back(to_milliseconds(i.service) / to_milliseconds(s.functions[rank].mean_service));
            if (k > 0) {
                gap.push_back(to_milliseconds(i.arrival - previous));
            }
            previous = i.arrival;
            memory.push_back(i.memory_mb);
            for (blocking_segment const& segment : i.blocking) {
                blocking.push_back(to_milliseconds(segment.length));
            }
        }
        for (block_dispersion const& published : sfs_test1_dispersion) {
            s.dispersion.push_back(
                {published.block, dispersion_of(service, published.block), dispersion_of(gap, published.block)});
        }
        s.service_ms = sorted_values{std::move(service)};
        s.service_by_mean = sorted_values{std::move(by_mean)};
        s.gap_ms = sorted_values{std::move(gap)};
        s.blocking_ms = sorted_values{std::move(blocking)};
        s.memory_mb = sorted_values{std::move(memory)};
        return s;
    }
};

} // namespace hpcsched::workload::detail

#endif
