// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_FUSE_ADAPTER_HPP
#define HPCSCHED_FUSE_ADAPTER_HPP

#include <hpcsched/fuse/tensor_shape.hpp>

#include <cstdint>
#include <optional>
#include <string_view>

namespace hpcsched::fuse {

/// What an inserted node does to a tensor so that its guest can read it.
enum class adapter_kind : std::uint8_t {
    none = 0,                      ///< no adapter: the node is a block, or the root
    convolution = 1,               ///< 1x1 convolution with bias: the channels of an image
    interpolation = 2,             ///< bilinear: height and width of an image
    convolution_interpolation = 3, ///< the first, then the second
    width_interpolation = 4,       ///< linear, along the width of each token
    linear = 5,                    ///< dense with bias: the width of each token, or a vector
};

inline constexpr std::uint8_t adapter_kind_count = 6;

[[nodiscard]] constexpr std::string_view name_of(adapter_kind kind) noexcept {
    constexpr std::string_view names[] = {
        "none", "convolution", "interpolation", "convolution_interpolation", "width_interpolation", "linear"};
    return names[static_cast<std::uint8_t>(kind)];
}

/// Whether it has weights, which are trained with the rest.
[[nodiscard]] constexpr bool is_trained(adapter_kind kind) noexcept {
    return kind == adapter_kind::convolution || kind == adapter_kind::convolution_interpolation ||
           kind == adapter_kind::linear;
}

/// How the width of tokens is changed.
enum class token_rescaling : std::uint8_t {
    interpolated, ///< GMorph's: no weights
    dense,        ///< a trained linear map
};

/// The adapter that makes `from` into `to`: `none` where they are equal; nothing where there is none, as between an
/// image and a sequence, or sequences of different length.
/// \source GMorph's re-scale operations. Deviation: vectors of different length get a linear map, there they never meet
[[nodiscard]] constexpr std::optional<adapter_kind> rescaling(tensor_shape const& from, tensor_shape const& to,
                                                              token_rescaling tokens) noexcept {
    if (from == to) {
        return adapter_kind::none;
    }
    if (from.rank() != to.rank()) {
        return std::nullopt;
    }
    if (from.is_image()) {
        bool const same_plane = from[1] == to[1] && from[2] == to[2];
        return same_plane         ? adapter_kind::convolution
               : from[0] == to[0] ? adapter_kind::interpolation
                                  : adapter_kind::convolution_interpolation;
    }
    if (from.is_sequence() && from[0] == to[0]) {
        return tokens == token_rescaling::dense ? adapter_kind::linear : adapter_kind::width_interpolation;
    }
    return from.rank() == 1 ? std::optional{adapter_kind::linear} : std::nullopt;
}

/// The trained adapter that leaves a shape as it is: it learns to translate one network's features into another's.
/// `none` where there is no such.
[[nodiscard]] constexpr adapter_kind translation(tensor_shape const& shape) noexcept {
    return shape.is_image()                           ? adapter_kind::convolution
           : shape.is_sequence() || shape.rank() == 1 ? adapter_kind::linear
                                                      : adapter_kind::none;
}

/// Whether an adapter of this kind makes `from` into `to`.
[[nodiscard]] constexpr bool fits(adapter_kind kind, tensor_shape const& from, tensor_shape const& to) noexcept {
    if (from.empty() || from.rank() != to.rank()) {
        return false;
    }
    switch (kind) {
    case adapter_kind::convolution:
        return from.is_image() && from[1] == to[1] && from[2] == to[2];
    case adapter_kind::interpolation:
        return from.is_image() && from[0] == to[0];
    case adapter_kind::convolution_interpolation:
        return from.is_image();
    case adapter_kind::width_interpolation:
        return from.is_sequence() && from[0] == to[0];
    case adapter_kind::linear:
        return from.rank() == 1 || (from.is_sequence() && from[0] == to[0]);
    case adapter_kind::none:
        break;
    }
    return false;
}

/// Numbers that are trained. GMorph counts none for its re-scale nodes, and the capacity vector follows it.
[[nodiscard]] constexpr std::uint64_t parameters_of(adapter_kind kind, tensor_shape const& from,
                                                    tensor_shape const& to) noexcept {
    if (!is_trained(kind)) {
        return 0;
    }
    std::size_t const dimension = kind == adapter_kind::linear ? from.rank() - 1 : 0;
    return (std::uint64_t{from[dimension]} + 1) * to[dimension];
}

/// Multiply-adds of one sample; of an interpolation 4 for each number that it gives.
[[nodiscard]] constexpr std::uint64_t multiply_adds_of(adapter_kind kind, tensor_shape const& from,
                                                       tensor_shape const& to) noexcept {
    switch (kind) {
    case adapter_kind::convolution:
        return to.elements() * from[0];
    case adapter_kind::interpolation:
        return to.elements() * 4;
    case adapter_kind::convolution_interpolation:
        return std::uint64_t{from[0]} * to[0] * from[1] * from[2] + to.elements() * 4;
    case adapter_kind::width_interpolation:
        return to.elements() * 2;
    case adapter_kind::linear:
        return to.elements() * from[from.rank() - 1];
    case adapter_kind::none:
        break;
    }
    return 0;
}

} // namespace hpcsched::fuse

#endif
