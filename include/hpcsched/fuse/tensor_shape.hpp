// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_FUSE_TENSOR_SHAPE_HPP
#define HPCSCHED_FUSE_TENSOR_SHAPE_HPP

#include <hpcsched/core/assert.hpp>

#include <algorithm>
#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>

namespace hpcsched::fuse {

/// The extents of a tensor for one sample, the batch dimension left out: [channels, height, width] of an image,
/// [tokens, width] of a sequence, [features] of a vector. Of no dimensions: no shape.
class tensor_shape {
  public:
    static constexpr std::size_t rank_max = 4;

    constexpr tensor_shape() noexcept = default;
    /// \pre at most `rank_max` extents, none of them 0
    constexpr tensor_shape(std::initializer_list<std::uint32_t> extents) noexcept
        : rank_{static_cast<std::uint32_t>(extents.size())} {
        HPCSCHED_ASSERT(extents.size() <= rank_max);
        std::size_t i = 0;
        for (std::uint32_t const extent : extents) {
            HPCSCHED_ASSERT(extent > 0);
            extents_[i++] = extent;
        }
    }

    [[nodiscard]] constexpr std::size_t rank() const noexcept { return rank_; }
    [[nodiscard]] constexpr bool empty() const noexcept { return rank_ == 0; }
    [[nodiscard]] constexpr std::uint32_t operator[](std::size_t dimension) const noexcept {
        HPCSCHED_ASSERT(dimension < rank_);
        return extents_[dimension];
    }

    [[nodiscard]] constexpr bool is_image() const noexcept { return rank_ == 3; }
    [[nodiscard]] constexpr bool is_sequence() const noexcept { return rank_ == 2; }

    /// Numbers in the tensor; of no shape, 0.
    [[nodiscard]] constexpr std::uint64_t elements() const noexcept {
        std::uint64_t product = rank_ == 0 ? 0 : 1;
        for (std::size_t i = 0; i < rank_; ++i) {
            product *= extents_[i];
        }
        return product;
    }

    friend constexpr bool operator==(tensor_shape const&, tensor_shape const&) noexcept = default;
    friend constexpr auto operator<=>(tensor_shape const&, tensor_shape const&) noexcept = default;

  private:
    std::uint32_t rank_ = 0;
    std::array<std::uint32_t, rank_max> extents_{}; // those beyond the rank are 0
};

/// "64x8x8"; of no shape, "none".
[[nodiscard]] inline std::string to_string(tensor_shape const& shape) {
    std::string text;
    for (std::size_t i = 0; i < shape.rank(); ++i) {
        text += (i == 0 ? "" : "x") + std::to_string(shape[i]);
    }
    return text.empty() ? "none" : text;
}

} // namespace hpcsched::fuse

#endif
