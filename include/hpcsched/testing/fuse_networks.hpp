// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_TESTING_FUSE_NETWORKS_HPP
#define HPCSCHED_TESTING_FUSE_NETWORKS_HPP

#include <hpcsched/core/assert.hpp>
#include <hpcsched/core/random.hpp>
#include <hpcsched/fuse/block.hpp>
#include <hpcsched/fuse/teacher_set.hpp>
#include <hpcsched/fuse/tensor_shape.hpp>

#include <boost/random/uniform_int_distribution.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// Networks to fuse, as their blocks alone: made up, of the shapes, parameters and multiply-adds that real ones have.
namespace hpcsched::testing {

namespace detail {

/// Adds blocks to a chain, each reading what the last one gives.
class chain_of_blocks {
  public:
    explicit chain_of_blocks(fuse::tensor_shape input) : shape_{input} {}

    [[nodiscard]] fuse::tensor_shape shape() const noexcept { return shape_; }
    [[nodiscard]] std::vector<fuse::block> take() && { return std::move(blocks_); }

    void convolution(std::uint32_t channels) {
        std::uint64_t const weights = std::uint64_t{shape_[0]} * channels * 9;
        add({.kind = fuse::op_kind::convolution,
             .description = "conv3x3 " + std::to_string(shape_[0]) + "->" + std::to_string(channels),
             .parameters = weights + channels,
             .multiply_adds = weights * shape_[1] * shape_[2],
             .output = {channels, shape_[1], shape_[2]}});
    }
    void same(fuse::op_kind kind, std::string description, std::uint64_t parameters = 0) {
        add({.kind = kind, .description = std::move(description), .parameters = parameters, .output = shape_});
    }
    void max_pool() {
        add({.kind = fuse::op_kind::max_pool, .description = "maxpool2", .output = {shape_[0], half(1), half(2)}});
    }
    void average_pool() {
        add({.kind = fuse::op_kind::average_pool, .description = "avgpool", .output = {shape_[0], 1, 1}});
    }
    /// Two convolutions around which the input is led past.
    void residual(std::uint32_t channels, std::uint32_t stride) {
        fuse::tensor_shape const out{channels, stride == 1 ? shape_[1] : half(1), stride == 1 ? shape_[2] : half(2)};
        std::uint64_t const weights = std::uint64_t{shape_[0]} * channels * 9 + std::uint64_t{channels} * channels * 9;
        add({.kind = fuse::op_kind::residual_block,
             .description = "residual " + std::to_string(shape_[0]) + "->" + std::to_string(channels) + '/' +
                            std::to_string(stride),
             .parameters = weights + 4U * channels,
             .multiply_adds = weights * out[1] * out[2],
             .output = out});
    }
    void linear(std::uint32_t features, bool flatten = false, bool first_token = false) {
        std::uint64_t const in = first_token ? shape_[1] : shape_.elements();
        add({.kind = fuse::op_kind::linear,
             .description = "linear " + std::to_string(in) + "->" + std::to_string(features),
             .parameters = (in + 1) * features,
             .multiply_adds = in * features,
             .output = {features},
             .flatten_before = flatten,
             .first_token_before = first_token});
    }
    void embedding(fuse::op_kind kind, std::uint32_t tokens, std::uint32_t width, std::uint64_t parameters) {
        add({.kind = kind,
             .description = "embed " + std::to_string(tokens) + 'x' + std::to_string(width),
             .parameters = parameters,
             .multiply_adds = kind == fuse::op_kind::patch_embedding ? parameters * tokens : 0,
             .output = {tokens, width},
             .pinned = kind == fuse::op_kind::token_embedding}); // GMorph's wish for BERT
    }
    void transformer_layer() {
        std::uint64_t const tokens = shape_[0];
        std::uint64_t const width = shape_[1];
        add({.kind = fuse::op_kind::transformer_layer,
             .description = "encoder " + std::to_string(width),
             .parameters = 12 * width * width + 13 * width,
             .multiply_adds = 12 * width * width * tokens + 2 * tokens * tokens * width,
             .output = shape_});
    }

  private:
    [[nodiscard]] std::uint32_t half(std::size_t dimension) const { return (shape_[dimension] + 1) / 2; }

    void add(fuse::block b) {
        b.input = shape_;
        b.source = static_cast<std::uint32_t>(blocks_.size());
        shape_ = b.output;
        blocks_.push_back(std::move(b));
    }

    fuse::tensor_shape shape_;
    std::vector<fuse::block> blocks_;
};

} // namespace detail

/// A VGG: for each entry of `stages` so many convolutions with an activation each, then a pool; three linear layers.
/// With {2, 2, 2, 2}, the 8 convolutions and 33 blocks of gmorph's CPU-sized VGG.
struct vgg_options {
    fuse::tensor_shape input{3, 32, 32};
    std::vector<std::uint32_t> stages{2, 2, 2, 2};
    std::uint32_t width = 16;    ///< channels of the first stage; they double with each, up to eight times
    std::uint32_t features = 64; ///< of the hidden linear layers
    std::uint32_t classes = 4;
    bool batch_norm = true;
};

[[nodiscard]] inline fuse::teacher vgg(std::string name, vgg_options const& options = {}) {
    detail::chain_of_blocks chain{options.input};
    std::uint32_t channels = options.width;
    for (std::size_t s = 0; s < options.stages.size(); ++s) {
        for (std::uint32_t n = 0; n < options.stages[s]; ++n) {
            chain.convolution(channels);
            if (options.batch_norm) {
                chain.same(fuse::op_kind::batch_norm, "batchnorm " + std::to_string(channels), 2ULL * channels);
            }
            chain.same(fuse::op_kind::activation, "relu");
        }
        chain.max_pool();
        channels = s < 3 ? channels * 2 : channels;
    }
    chain.linear(options.features, true);
    chain.same(fuse::op_kind::activation, "relu");
    chain.linear(options.features);
    chain.same(fuse::op_kind::activation, "relu");
    chain.linear(options.classes);
    return {std::move(name), std::move(chain).take()};
}

/// A residual network: a convolution, then stages of residual blocks, each but the first halving the plane.
[[nodiscard]] inline fuse::teacher resnet(std::string name, fuse::tensor_shape input,
                                          std::vector<std::uint32_t> const& stages, std::uint32_t width,
                                          std::uint32_t classes) {
    detail::chain_of_blocks chain{input};
    chain.convolution(width);
    chain.same(fuse::op_kind::batch_norm, "batchnorm " + std::to_string(width), 2ULL * width);
    chain.same(fuse::op_kind::activation, "relu");
    for (std::size_t s = 0; s < stages.size(); ++s) {
        for (std::uint32_t n = 0; n < stages[s]; ++n) {
            chain.residual(width << s, s > 0 && n == 0 ? 2 : 1);
        }
    }
    chain.average_pool();
    chain.linear(classes, true);
    return {std::move(name), std::move(chain).take()};
}

/// A vision transformer over an image, or with `tokens` a text encoder over so many token numbers.
[[nodiscard]] inline fuse::teacher transformer(std::string name, fuse::tensor_shape input, std::uint32_t width,
                                               std::uint32_t layers, std::uint32_t classes) {
    detail::chain_of_blocks chain{input};
    if (input.is_image()) {
        std::uint32_t const patches = (input[1] / 4) * (input[2] / 4);
        chain.embedding(fuse::op_kind::patch_embedding, patches + 1, width, std::uint64_t{input[0]} * 16 * width);
    } else {
        chain.embedding(fuse::op_kind::token_embedding, input[0], width, 64ULL * width);
    }
    for (std::uint32_t n = 0; n < layers; ++n) {
        chain.transformer_layer();
    }
    chain.same(fuse::op_kind::layer_norm, "layernorm " + std::to_string(width), 2ULL * width);
    chain.linear(classes, false, true);
    return {std::move(name), std::move(chain).take()};
}

/// Teachers as they come: 1 to `tasks_max` of one family (VGGs, with residual networks among them, or transformers), of
/// different depth and width, small.
[[nodiscard]] inline fuse::teacher_set drawn_teachers(std::uint64_t seed, std::size_t tasks_max = 4) {
    random_stream bits{seed, "drawn_teachers"};
    auto const below = [&](std::uint32_t count) {
        return boost::random::uniform_int_distribution<std::uint32_t>{0, count - 1}(bits);
    };
    std::size_t const tasks = 1 + below(static_cast<std::uint32_t>(tasks_max));
    std::uint32_t const family = below(4);
    bool const all_alike = below(3) == 0;
    std::vector<fuse::teacher> made;
    for (std::size_t t = 0; t < tasks; ++t) {
        std::string const name = "task " + std::to_string(t + 1);
        std::uint32_t const classes = 2 + below(6);
        std::uint32_t const width = all_alike ? 8 : 8U << below(2);
        if (family == 3) {
            std::uint32_t const layers = all_alike ? 4 : 2 + below(5);
            made.push_back(transformer(name, {8}, width * 4, layers, classes));
        } else if (family == 2) {
            std::uint32_t const layers = all_alike ? 4 : 2 + below(5);
            made.push_back(transformer(name, {3, 16, 16}, width * 4, layers, classes));
        } else if (family == 1 && below(2) == 0) {
            made.push_back(resnet(name, {3, 16, 16}, {1 + below(3), 1 + below(2), 1 + below(2)}, width, classes));
        } else {
            std::vector<std::uint32_t> stages(all_alike ? 3 : 2 + below(2));
            for (std::uint32_t& s : stages) {
                s = all_alike ? 2 : 1 + below(2);
            }
            made.push_back(vgg(name, {.input = {3, 16, 16},
                                      .stages = stages,
                                      .width = width,
                                      .features = all_alike ? 32U : 16U << below(2),
                                      .classes = classes,
                                      .batch_norm = all_alike || below(2) == 0}));
        }
    }
    return fuse::teacher_set::make(std::move(made)).value();
}

} // namespace hpcsched::testing

#endif
