// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_EXPERIMENT_PRICE_MODEL_HPP
#define HPCSCHED_EXPERIMENT_PRICE_MODEL_HPP

#include <hpcsched/core/time.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace hpcsched::experiment {

/// What a FaaS provider bills: a price per millisecond that depends on the memory size.
///
/// Sizes between two listed ones are priced linearly between them, larger ones in proportion to the largest listed,
/// smaller ones as the smallest. An invocation of unknown memory (0) is billed as 128 MB: the smallest size and the
/// default of the large providers, so that a cost over unknown sizes is a lower bound.
/// \source "OS Scheduler Choice Costs Money" (arXiv 2411.08448), price model: 128, 512, 1024 and 1536 MB
class price_model {
  public:
    struct point {
        std::uint32_t memory_mb = 0;
        double dollars_per_ms = 0;
    };

    static constexpr std::array<point, 4> points{{{128, 2.1e-9}, {512, 8.3e-9}, {1024, 1.67e-8}, {1536, 2.5e-8}}};

    /// US dollars per started millisecond at `memory_mb` MB; 0: not known.
    [[nodiscard]] static constexpr double dollars_per_ms(std::uint32_t memory_mb) noexcept {
        if (memory_mb <= points.front().memory_mb) {
            return points.front().dollars_per_ms;
        }
        for (std::size_t i = 1; i < points.size(); ++i) {
            if (memory_mb <= points[i].memory_mb) {
                point const& below = points[i - 1];
                double const share = static_cast<double>(memory_mb - below.memory_mb) /
                                     static_cast<double>(points[i].memory_mb - below.memory_mb);
                return below.dollars_per_ms + share * (points[i].dollars_per_ms - below.dollars_per_ms);
            }
        }
        return points.back().dollars_per_ms * static_cast<double>(memory_mb) /
               static_cast<double>(points.back().memory_mb);
    }

    /// US dollars for one invocation that took `wall` from its first instruction to its exit; every started
    /// millisecond counts, at least one.
    [[nodiscard]] static constexpr double dollars(duration wall, std::uint32_t memory_mb) noexcept {
        std::int64_t const started_ms = std::max<std::int64_t>(1, (wall.count() + 999'999) / 1'000'000);
        return dollars_per_ms(memory_mb) * static_cast<double>(started_ms);
    }
};

} // namespace hpcsched::experiment

#endif
