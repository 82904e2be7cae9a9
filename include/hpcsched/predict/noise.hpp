// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_PREDICT_NOISE_HPP
#define HPCSCHED_PREDICT_NOISE_HPP

#include <hpcsched/core/assert.hpp>
#include <hpcsched/core/random.hpp>
#include <hpcsched/predict/world.hpp>

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

namespace hpcsched::predict {

/// The random bits of one noisy world: a stream for each source of noise.
///
/// Each source has its own, so that turning one off, or up, leaves what the others draw as it was: two answers that
/// differ in one source differ by nothing else.
template <std::size_t SourceCount>
class noise_streams {
  public:
    noise_streams(std::uint64_t seed, std::uint64_t world) noexcept
        : noise_streams{seed, world, std::make_index_sequence<SourceCount>{}} {}

    /// \pre source < SourceCount
    [[nodiscard]] light_stream& operator[](std::size_t source) noexcept {
        HPCSCHED_ASSERT(source < SourceCount);
        return streams_[source];
    }

  private:
    template <std::size_t... Source>
    noise_streams(std::uint64_t seed, std::uint64_t world, std::index_sequence<Source...>) noexcept
        : streams_{light_stream{seed, world, Source}...} {}

    std::array<light_stream, SourceCount> streams_;
};

/// The streams that a noise model draws from.
template <class Noise>
using noise_streams_of = noise_streams<Noise::source_names.size()>;

namespace detail {

/// Part of noise_model: names its sources, at compile time.
template <class N>
concept names_noise_sources = requires {
    { N::source_names.size() } -> std::convertible_to<std::size_t>;
    { N::source_names[0] } -> std::convertible_to<std::string_view>;
};
/// Part of noise_model: perturbs what is seen.
template <class N, class W>
concept perturbs_states = requires(N const& n, typename W::state& s, noise_streams_of<N>& d) {
    { n.perceive(s, d) } -> std::same_as<void>;
};
/// Part of noise_model: perturbs what happens.
template <class N, class W>
concept perturbs_runs = requires(N const& n, typename W::run& r, noise_streams_of<N>& d) {
    { n.disturb(r, d) } -> std::same_as<void>;
};
/// Part of noise_model: turns a source down or up.
template <class N>
concept scales_noise_sources = requires(N const& n, std::size_t source, double factor) {
    { n.scaled(source, factor) } -> std::same_as<N>;
};

} // namespace detail

/// What the observer of a world `W` is unsure of, and what chance does to it.
///
/// For a noise model `n`, a state `s`, a run `r` and the streams `d` of one world:
///
/// | expression            | effect                                                                             |
/// |-----------------------|------------------------------------------------------------------------------------|
/// | `N::source_names`     | a `std::array` of the names of its sources of noise, one or more                   |
/// | `n.perceive(s, d)`    | `s`, which was as it is seen, is as it could be: positions, properties, posteriors |
/// | `n.disturb(r, d)`     | before each step: what chance does to the dynamics                                 |
/// | `n.scaled(source, f)` | the same but for the spread of one source, times `f`; with 0 that source is silent |
///
/// Semantics (not checked by the compiler):
/// 1. Draws of source `i` come from `d[i]` and depend on nothing else but the state and the run.
/// 2. With all sources silent nothing is changed.
/// 3. Called by many threads at once, each with streams, states and runs of its own.
///
/// Minimal model: hpcsched/testing/archetypes/prediction.hpp. Conformance: hpcsched/testing/conformance/prediction.hpp.
template <class N, class W>
concept noise_model = std::copyable<N> && world<W> && detail::names_noise_sources<N> && detail::perturbs_states<N, W> &&
                      detail::perturbs_runs<N, W> && detail::scales_noise_sources<N>;

/// No noise: every world is the one that is seen. The baseline of every prediction.
struct no_noise {
    static constexpr std::array<std::string_view, 1> source_names{"none"};

    template <class State>
    static void perceive(State&, noise_streams<1>&) noexcept {}
    template <class Run>
    static void disturb(Run&, noise_streams<1>&) noexcept {}
    [[nodiscard]] static no_noise scaled(std::size_t, double) noexcept { return {}; }
};

} // namespace hpcsched::predict

#endif
