// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_WORKLOAD_DURATION_GROUP_HPP
#define HPCSCHED_WORKLOAD_DURATION_GROUP_HPP

#include <hpcsched/core/time.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace hpcsched::workload {

/// Invocations by their service demand; each group holds its lower edge.
/// \source ALPS (ATC'24), Table 1
enum class duration_group : std::uint8_t {
    g1, ///< below 50 ms
    g2, ///< 50 ms to below 200 ms
    g3, ///< 200 ms to below 400 ms
    g4, ///< 400 ms and more
};

inline constexpr std::size_t duration_group_count = 4;

/// The upper edges of G1, G2 and G3; G4 has none.
inline constexpr std::array<duration, duration_group_count - 1> duration_group_edges{
    std::chrono::milliseconds{50}, std::chrono::milliseconds{200}, std::chrono::milliseconds{400}};

/// The group of an invocation that needs `service`.
[[nodiscard]] constexpr duration_group group_of(duration service) noexcept {
    std::uint8_t group = 0;
    while (group < duration_group_edges.size() && service >= duration_group_edges[group]) {
        ++group;
    }
    return static_cast<duration_group>(group);
}

/// "G1" to "G4".
[[nodiscard]] constexpr std::string_view name_of(duration_group group) noexcept {
    constexpr std::array<std::string_view, duration_group_count> names{"G1", "G2", "G3", "G4"};
    return names[static_cast<std::size_t>(group)];
}

} // namespace hpcsched::workload

#endif
