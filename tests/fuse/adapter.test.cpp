// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/fuse/adapter.hpp>
#include <hpcsched/fuse/block.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <optional>

namespace hpcsched::fuse {

// gmorph.md 2: re-scale operations.
TEST_CASE("adapter: GMorph's re-scale operations by shapes") {
    auto const of = [](tensor_shape from, tensor_shape to, token_rescaling tokens = token_rescaling::interpolated) {
        return rescaling(from, to, tokens);
    };
    CHECK(of({64, 8, 8}, {64, 8, 8}) == adapter_kind::none);
    CHECK(of({64, 8, 8}, {128, 8, 8}) == adapter_kind::convolution);
    CHECK(of({64, 8, 8}, {64, 4, 4}) == adapter_kind::interpolation);
    CHECK(of({64, 8, 8}, {64, 8, 4}) == adapter_kind::interpolation);
    CHECK(of({64, 8, 8}, {128, 4, 4}) == adapter_kind::convolution_interpolation);
    CHECK(of({197, 768}, {197, 1024}) == adapter_kind::width_interpolation);
    CHECK(of({197, 768}, {197, 1024}, token_rescaling::dense) == adapter_kind::linear);
    CHECK(of({197, 768}, {128, 768}) == std::nullopt);
    CHECK(of({197, 768}, {3, 8, 8}) == std::nullopt);
    CHECK(of({256}, {128}) == adapter_kind::linear);
}

TEST_CASE("adapter: what rescaling names fits, and knows its weights and its work") {
    tensor_shape const shapes[] = {{3, 8, 8}, {6, 8, 8}, {3, 4, 4}, {6, 4, 8}, {17, 12}, {17, 20}, {9, 12}, {12}, {20}};
    for (auto const& from : shapes) {
        CHECK((translation(from) != adapter_kind::none && fits(translation(from), from, from)));
        for (auto const& to : shapes) {
            for (auto const tokens : {token_rescaling::interpolated, token_rescaling::dense}) {
                auto const kind = rescaling(from, to, tokens);
                if (kind && *kind != adapter_kind::none) {
                    CHECK(fits(*kind, from, to));
                    CHECK((parameters_of(*kind, from, to) > 0) == is_trained(*kind));
                    CHECK(multiply_adds_of(*kind, from, to) > 0);
                }
            }
        }
    }
    CHECK_FALSE(fits(adapter_kind::none, {3, 8, 8}, {3, 8, 8}));
    CHECK_FALSE(fits(adapter_kind::convolution, {3, 8, 8}, {3, 8, 4}));
    CHECK_FALSE(fits(adapter_kind::interpolation, {3, 8, 8}, {4, 8, 8}));
    CHECK_FALSE(fits(adapter_kind::linear, {9, 12}, {17, 12}));
    CHECK(parameters_of(adapter_kind::convolution, {3, 8, 8}, {6, 8, 8}) == 24);
    CHECK(multiply_adds_of(adapter_kind::convolution, {3, 8, 8}, {6, 8, 8}) == 3 * 6 * 64);
    CHECK(parameters_of(adapter_kind::linear, {17, 12}, {17, 20}) == 260);
    CHECK(multiply_adds_of(adapter_kind::linear, {17, 12}, {17, 20}) == 17 * 12 * 20);
}

// gmorph.md 1: which nodes may take part in a mutation.
TEST_CASE("block: what does the work may be merged, what only follows may not") {
    auto const mergeable = [](op_kind kind) { return block{.kind = kind}.mergeable(); };
    for (auto const kind : {op_kind::convolution, op_kind::linear, op_kind::residual_block, op_kind::transformer_layer,
                            op_kind::patch_embedding, op_kind::token_embedding, op_kind::pooler, op_kind::other}) {
        CHECK(mergeable(kind));
        CHECK_FALSE(block{.kind = kind, .pinned = true}.mergeable());
    }
    for (auto const kind : {op_kind::batch_norm, op_kind::layer_norm, op_kind::activation, op_kind::dropout,
                            op_kind::max_pool, op_kind::average_pool, op_kind::flatten, op_kind::glue}) {
        CHECK_FALSE(mergeable(kind));
    }
}

} // namespace hpcsched::fuse
