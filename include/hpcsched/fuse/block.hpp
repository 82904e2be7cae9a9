// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_FUSE_BLOCK_HPP
#define HPCSCHED_FUSE_BLOCK_HPP

#include <hpcsched/fuse/tensor_shape.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace hpcsched::fuse {

/// What a block computes, as far as fusing needs to know.
enum class op_kind : std::uint8_t {
    convolution = 0,
    linear = 1,
    residual_block = 2,
    transformer_layer = 3,
    patch_embedding = 4,
    token_embedding = 5,
    pooler = 6,
    batch_norm = 7,
    layer_norm = 8,
    activation = 9,
    dropout = 10,
    max_pool = 11,
    average_pool = 12,
    flatten = 13,
    glue = 14,  ///< tensor operations without weights between modules: slice, select, reshape
    other = 15, ///< a module of the user's, taken whole
};

inline constexpr std::uint8_t op_kind_count = 16;

/// Whether blocks of this kind may be host or guest of a re-attachment: those that do the work. What only follows
/// another block (an activation, a norm, a pool) moves with it.
/// \source GMorph's list of types that may not be merged; its `Sequential` never comes here, for it is taken apart
[[nodiscard]] constexpr bool is_mergeable(op_kind kind) noexcept {
    switch (kind) {
    case op_kind::convolution:
    case op_kind::linear:
    case op_kind::residual_block:
    case op_kind::transformer_layer:
    case op_kind::patch_embedding:
    case op_kind::token_embedding:
    case op_kind::pooler:
    case op_kind::other:
        return true;
    default:
        return false;
    }
}

/// A piece of a trained network that is moved as a whole: it reads one tensor and gives one.
struct block {
    op_kind kind = op_kind::other;
    std::string description{};       ///< what it is without its weights: equal text, equal structure
    std::uint64_t parameters = 0;    ///< numbers that are trained; "capacity" in GMorph
    std::uint64_t multiply_adds = 0; ///< of one sample; 0: not known
    tensor_shape input{};            ///< of the tensor handed to it, before the two flags below are applied
    tensor_shape output{};           ///< of what it gives
    bool flatten_before = false;     ///< its input is made a vector first
    bool first_token_before = false; ///< of its input, [tokens, width], only the first token is taken
    bool pinned = false;             ///< the user's wish: neither host nor guest
    std::uint32_t source = 0;        ///< where it stands in the list of whoever made it; opaque here

    [[nodiscard]] bool mergeable() const noexcept { return is_mergeable(kind) && !pinned; }

    friend bool operator==(block const&, block const&) = default;
};

/// A trained network for one task: a chain of blocks, each reading what the one before it gives.
struct teacher {
    std::string name{};
    std::vector<block> blocks{};

    friend bool operator==(teacher const&, teacher const&) = default;
};

} // namespace hpcsched::fuse

#endif
