// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_WORKLOAD_ALPS_FUNCTIONS_HPP
#define HPCSCHED_WORKLOAD_ALPS_FUNCTIONS_HPP

#include <hpcsched/core/assert.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/workload/duration_group.hpp>
#include <hpcsched/workload/function_profile.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

namespace hpcsched::workload {

/// The share of G1, G2, G3 and G4 in all invocations; they add up to 1.
using group_shares = std::array<double, duration_group_count>;

/// One of ALPS's workloads.
struct alps_mix {
    group_shares shares{};
    double g4_limit_ms = 0; ///< no invocation takes longer, with the variation of ALPS; derived, see `alps_mean_range`
};

/// ALPS (ATC'24), Table 1, Huawei.
inline constexpr alps_mix alps_huawei_mix{{0.698, 0.232, 0.060, 0.010}, 6300};

/// ALPS (ATC'24), Table 1, Azure. G3 and G4 look swapped: only the shipped mix reproduces the averages of the paper.
inline constexpr alps_mix alps_azure_paper_mix{{0.429, 0.172, 0.167, 0.232}, 1030};

/// The Azure trace in the ALPS repository.
inline constexpr alps_mix alps_azure_shipped_mix{{0.420, 0.164, 0.242, 0.174}, 1030};

/// What varies around the mean of a function, as ALPS observed it in both traces: uniform, up to 25 % either way.
inline constexpr double alps_variation = 0.25;

/// The range of the mean service times of a group's functions.
struct mean_range {
    double lower_ms = 0;
    double upper_ms = 0;
};

/// The mean service times of a group, such that a variation of 25 % stays within the group. Means are uniform in it.
///
/// The papers give the edges of the groups, not what lies between, and no upper edge of G4. Assumed here: G1 starts at
/// 1 ms, and G4 ends where it has the mean that ALPS's figure 6 implies. Under FIFO the time that a request waits does
/// not depend on its group, so the mean turnarounds of G4 and G1 differ by their mean service times: 4.11 - 1.353 s for
/// Huawei, 2.98 - 2.321 s for Azure.
[[nodiscard]] inline mean_range alps_mean_range(alps_mix const& mix, duration_group group) noexcept {
    auto const g = static_cast<std::size_t>(group);
    double const lower_ms = g == 0 ? 1.0 : to_milliseconds(duration_group_edges[g - 1]);
    double const upper_ms = group == duration_group::g4 ? mix.g4_limit_ms : to_milliseconds(duration_group_edges[g]);
    return {lower_ms / (1.0 - alps_variation), upper_ms / (1.0 + alps_variation)};
}

/// How many of `function_count` functions each group has: at least one in sixteen each (and at least one), the rest in
/// proportion to the shares, by largest remainder.
/// \pre function_count >= 4
[[nodiscard]] inline std::array<std::uint32_t, duration_group_count>
alps_functions_per_group(group_shares const& shares, std::uint32_t function_count) {
    HPCSCHED_ASSERT(function_count >= duration_group_count);
    std::uint32_t const least = std::max<std::uint32_t>(1, function_count / 16);
    std::uint32_t left = function_count - static_cast<std::uint32_t>(duration_group_count) * least;
    auto const rest = static_cast<double>(left);

    std::array<std::uint32_t, duration_group_count> count{};
    group_shares remainder{};
    for (std::size_t g = 0; g < duration_group_count; ++g) {
        double const wanted = rest * shares[g];
        auto const whole = static_cast<std::uint32_t>(wanted);
        count[g] = least + whole;
        remainder[g] = wanted - static_cast<double>(whole);
        left -= whole;
    }
    for (; left > 0; --left) {
        auto const largest = std::max_element(remainder.begin(), remainder.end()); // the first one, on a tie
        ++count[static_cast<std::size_t>(largest - remainder.begin())];
        *largest = 0;
    }
    return count;
}

/// ALPS's deployments: the functions of a group share its invocations equally, and their means cover its range evenly.
///
/// The table depends on its arguments alone: seeds change what is drawn from it, not the functions.
/// \pre function_count >= 4
/// \complexity O(function_count)
/// \source ALPS (ATC'24), evaluation setup: 50 deployments, group shares of Table 1. The popularity within a group is
/// not published; equal here.
[[nodiscard]] inline population alps_functions(alps_mix const& mix, std::uint32_t function_count) {
    auto const count = alps_functions_per_group(mix.shares, function_count);
    population functions;
    functions.reserve(function_count);
    for (std::size_t g = 0; g < duration_group_count; ++g) {
        auto const [lower_ms, upper_ms] = alps_mean_range(mix, static_cast<duration_group>(g));
        for (std::uint32_t i = 0; i < count[g]; ++i) {
            double const position = (static_cast<double>(i) + 0.5) / static_cast<double>(count[g]);
            double const mean_ms = lower_ms + (upper_ms - lower_ms) * position;
            std::string name{"g"};
            name.append(std::to_string(g + 1)).append("-").append(std::to_string(i + 1));
            functions.push_back(
                {std::move(name), mix.shares[g] / static_cast<double>(count[g]), from_seconds(mean_ms * 1e-3)});
        }
    }
    return functions;
}

} // namespace hpcsched::workload

#endif
