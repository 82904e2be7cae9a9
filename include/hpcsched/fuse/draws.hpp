// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_FUSE_DRAWS_HPP
#define HPCSCHED_FUSE_DRAWS_HPP

#include <hpcsched/core/assert.hpp>
#include <hpcsched/core/random.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numbers>
#include <string_view>
#include <utility>

namespace hpcsched::fuse {

/// What a search draws by: whole numbers, fractions, normal numbers; from a seed, the same with every standard library.
/// \thread_safety none
class draws {
  public:
    draws(std::uint64_t seed, std::string_view name) : bits_{seed, name} {}
    explicit draws(random_stream bits) : bits_{std::move(bits)} {}

    /// A number below `count`, each as likely.
    /// \pre count > 0
    [[nodiscard]] std::uint64_t below(std::uint64_t count) {
        HPCSCHED_ASSERT(count > 0);
        std::uint64_t const excess = (~std::uint64_t{0} % count + 1) % count; // 2^64 modulo count
        for (;;) {
            std::uint64_t const word = bits_();
            if (word <= ~excess) {
                return word % count;
            }
        }
    }
    [[nodiscard]] std::size_t index(std::size_t count) { return static_cast<std::size_t>(below(count)); }

    /// In [0, 1), in steps of 2^-53.
    [[nodiscard]] double fraction() { return static_cast<double>(bits_() >> 11U) * 0x1.0p-53; }

    /// From the normal distribution of mean 0 and deviation 1.
    /// \source Box and Muller, "A note on the generation of random normal deviates", 1958
    [[nodiscard]] double normal() {
        double const radius = std::sqrt(-2.0 * std::log(1.0 - fraction()));
        return radius * std::cos(2.0 * std::numbers::pi * fraction());
    }

  private:
    random_stream bits_;
};

} // namespace hpcsched::fuse

#endif
