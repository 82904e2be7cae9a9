// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_WORKLOAD_DURATION_PERCENTILES_HPP
#define HPCSCHED_WORKLOAD_DURATION_PERCENTILES_HPP

#include <hpcsched/core/random.hpp>
#include <hpcsched/core/time.hpp>

#include <boost/random/uniform_01.hpp>

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>

namespace hpcsched::workload {

/// How long the invocations of a function of the Azure Functions 2019 trace take: what the trace publishes of it.
struct duration_percentiles {
    /// The published percentiles.
    static constexpr std::array<double, 7> shares{0.00, 0.01, 0.25, 0.50, 0.75, 0.99, 1.00};

    duration average{};
    std::array<duration, shares.size()> at{}; ///< ascending

    /// The distribution function turned round, linear between the published percentiles.
    /// \param share  0 <= share <= 1
    /// \complexity O(1)
    [[nodiscard]] duration quantile(double share) const noexcept {
        std::size_t above = 1;
        while (above + 1 < shares.size() && share > shares[above]) {
            ++above;
        }
        double const fraction = (share - shares[above - 1]) / (shares[above] - shares[above - 1]);
        auto const range = static_cast<double>((at[above] - at[above - 1]).count());
        return at[above - 1] + duration{static_cast<std::int64_t>(std::floor(fraction * range + 0.5))};
    }

    /// Draws a duration from that distribution.
    [[nodiscard]] duration draw(random_stream& draws) const {
        return quantile(boost::random::uniform_01<double>{}(draws));
    }

    friend bool operator==(duration_percentiles const&, duration_percentiles const&) = default;
};

} // namespace hpcsched::workload

#endif
