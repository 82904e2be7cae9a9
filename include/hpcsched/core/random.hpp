// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_CORE_RANDOM_HPP
#define HPCSCHED_CORE_RANDOM_HPP

#include <hpcsched/core/hash.hpp>

#include <boost/random/mersenne_twister.hpp>

#include <cstdint>
#include <string_view>

namespace hpcsched {

/// A seeded stream of random bits with a name.
///
/// Streams with different names are independent for the same seed, so a draw added for one purpose shifts
/// nothing else. Models `std::uniform_random_bit_generator`; draw from it with Boost.Random's distributions,
/// which give the same values with every standard library (the `std` ones do not).
/// \thread_safety none; one stream per thread
class random_stream {
  public:
    using result_type = std::uint64_t;

    random_stream(std::uint64_t seed, std::string_view name) : seed_{derive(seed, name)}, engine_{seed_} {}

    /// A stream of its own for a part of this one's purpose; independent of how much was drawn here.
    [[nodiscard]] random_stream split(std::string_view name) const { return random_stream{seed_, name}; }

    [[nodiscard]] result_type operator()() { return engine_(); }

    [[nodiscard]] static constexpr result_type min() noexcept { return boost::random::mt19937_64::min(); }
    [[nodiscard]] static constexpr result_type max() noexcept { return boost::random::mt19937_64::max(); }

  private:
    static std::uint64_t derive(std::uint64_t seed, std::string_view name) noexcept {
        sequence_hash hash;
        hash.add(seed);
        hash.add(name);
        return hash.value();
    }

    std::uint64_t seed_;
    boost::random::mt19937_64 engine_;
};

/// A stream that is cheap to begin: eight bytes where a `random_stream` has 2,496 to fill. For purposes that need many
/// short streams, such as each source of noise of each of a million worlds.
///
/// Streams with different words are independent for the same seed. Models `std::uniform_random_bit_generator`.
/// \source SplitMix64 with one increment for all (Steele, Lea, Flood, OOPSLA 2014, section 5); its period is 2^64
/// \thread_safety none; one stream per thread
class light_stream {
  public:
    using result_type = std::uint64_t;

    light_stream(std::uint64_t seed, std::uint64_t word, std::uint64_t other_word = 0) noexcept {
        sequence_hash hash;
        hash.add(seed);
        hash.add(word);
        hash.add(other_word);
        state_ = hash.value();
    }

    [[nodiscard]] result_type operator()() noexcept {
        state_ += 0x9e3779b97f4a7c15ULL;
        std::uint64_t z = (state_ ^ (state_ >> 30U)) * 0xbf58476d1ce4e5b9ULL;
        z = (z ^ (z >> 27U)) * 0x94d049bb133111ebULL;
        return z ^ (z >> 31U);
    }

    [[nodiscard]] static constexpr result_type min() noexcept { return 0; }
    [[nodiscard]] static constexpr result_type max() noexcept { return ~result_type{0}; }

  private:
    std::uint64_t state_;
};

} // namespace hpcsched

#endif
