// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_CORE_HASH_HPP
#define HPCSCHED_CORE_HASH_HPP

#include <cstdint>
#include <string_view>

namespace hpcsched {

/// A 64-bit hash of a sequence, the same on every platform and in every run: it names traces and derives seeds.
/// Not for adversarial input.
class sequence_hash {
  public:
    /// Mixes in one word; the order of calls counts.
    /// \source the finaliser of SplitMix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number
    /// generators", OOPSLA 2014, figure 17), applied to state xor word
    constexpr void add(std::uint64_t word) noexcept {
        std::uint64_t z = (state_ ^ word) + 0x9e3779b97f4a7c15ULL;
        z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9ULL;
        z = (z ^ (z >> 27U)) * 0x94d049bb133111ebULL;
        state_ = z ^ (z >> 31U);
    }

    /// Mixes in a text, byte by byte, and its length.
    constexpr void add(std::string_view text) noexcept {
        for (char const c : text) {
            add(static_cast<std::uint64_t>(static_cast<unsigned char>(c)));
        }
        add(static_cast<std::uint64_t>(text.size()));
    }

    [[nodiscard]] constexpr std::uint64_t value() const noexcept { return state_; }

  private:
    std::uint64_t state_ = 0;
};

} // namespace hpcsched

#endif
