// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_RAFT_SIM_DICE_HPP
#define HPCSCHED_RAFT_SIM_DICE_HPP

#include <hpcsched/core/assert.hpp>
#include <hpcsched/core/random.hpp>
#include <hpcsched/core/time.hpp>

#include <cstdint>
#include <string_view>

namespace hpcsched::raft_sim {

/// A probability in parts of a million; integers, so that a draw is the same everywhere.
struct ratio {
    std::uint32_t ppm = 0;

    friend constexpr auto operator<=>(ratio, ratio) = default;
};

/// Draws of one purpose from a seed.
class dice {
  public:
    dice(std::uint64_t seed, std::string_view purpose) : bits_{seed, purpose} {}

    /// 0 .. count - 1; the bias is below 2^-32 for counts below 2^32.
    /// \pre count > 0
    [[nodiscard]] std::uint64_t below(std::uint64_t count) {
        HPCSCHED_ASSERT(count > 0);
        return bits_() % count;
    }
    /// low .. high.
    /// \pre low <= high
    [[nodiscard]] std::uint64_t between(std::uint64_t low, std::uint64_t high) { return low + below(high - low + 1); }
    [[nodiscard]] duration between(duration low, duration high) {
        return low + duration{static_cast<std::int64_t>(below(static_cast<std::uint64_t>((high - low).count()) + 1))};
    }
    [[nodiscard]] bool chance(ratio r) { return r.ppm > 0 && below(1'000'000) < r.ppm; }

  private:
    random_stream bits_;
};

} // namespace hpcsched::raft_sim

#endif
