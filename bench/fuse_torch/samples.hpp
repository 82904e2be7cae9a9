// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_BENCH_FUSE_TORCH_SAMPLES_HPP
#define HPCSCHED_BENCH_FUSE_TORCH_SAMPLES_HPP

#include <hpcsched/fuse_torch/tensor.hpp>

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

/// Samples that are drawn, not downloaded, and what is true of them. Equal arguments give equal samples.
namespace hpcsched::bench {

/// Samples, and for each attribute a label each: a class, or 0 and 1 for each of several.
struct labelled_samples {
    fuse_torch::tensor inputs{};
    std::map<std::string, std::vector<std::int64_t>> labels{};
};

/// How pictures are drawn.
struct picture_style {
    std::uint32_t side = 16;
    std::uint32_t channels = 3; ///< 1: grey, then the hue cannot be seen
    /// How often an attribute follows from another (the texture and the hue from the shape, the size from the texture)
    /// where else it is drawn by itself: tasks that have to do with each other share more.
    double correlation = 0;
    double noise = 0.06; ///< deviation
};

/// One thing per picture: "shape" (disc, square, cross, ring), "texture" (solid, stripes, checks), "hue" (4), "size"
/// (3), at a random place.
[[nodiscard]] labelled_samples draw_pictures(std::size_t count, picture_style const& style, std::uint64_t seed);

/// Up to three things per picture: "presence" (0 or 1 for each of four shapes), "count" (0 or 1 for each of the numbers
/// 0 to 3) and "count_class" (the number).
[[nodiscard]] labelled_samples draw_scenes(std::size_t count, picture_style const& style, std::uint64_t seed);

/// Sequences of so many of 32 words: "agreement" (whether the last word closes what the first opened) and "sentiment"
/// (which of two groups of words has more).
/// \param length  of each, >= 16
[[nodiscard]] labelled_samples draw_sentences(std::size_t count, std::size_t length, double correlation,
                                              std::uint64_t seed);

} // namespace hpcsched::bench

#endif
