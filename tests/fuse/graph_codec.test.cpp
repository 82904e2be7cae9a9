// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/core/bytes.hpp>
#include <hpcsched/fuse/graph_codec.hpp>
#include <hpcsched/testing/fuse_networks.hpp>

#include <doctest/doctest.h>

#include "small.hpp"

#include <cstddef>
#include <cstdint>
#include <span>

namespace hpcsched::fuse {
namespace {

using namespace test;

model_graph adapted(teacher_set const& teachers) {
    auto nodes = model_graph::forest(teachers).loosened();
    nodes.push_back({{1, 8}, adapter_kind::convolution, 2, {4, 8, 8}});
    nodes[3].parent = 13;
    return make_graph(teachers, nodes).value();
}

} // namespace

TEST_CASE("graph_codec: what was written is read") {
    auto const teachers = two_chains();
    for (auto const& graph : {model_graph::forest(teachers), adapted(teachers)}) {
        byte_buffer bytes;
        put_graph(bytes, teachers, graph);
        put_word(bytes, 7);
        byte_reader in{bytes};
        CHECK(take_graph(in, teachers).value() == graph);
        CHECK(in.word() == 7);
    }
    for (tensor_shape const& shape : {tensor_shape{}, tensor_shape{5}, tensor_shape{5, 6}, tensor_shape{5, 6, 7, 8}}) {
        byte_buffer bytes;
        put_shape(bytes, shape);
        byte_reader in{bytes};
        tensor_shape read;
        CHECK(take_shape(in, read));
        CHECK(read == shape);
    }
}

TEST_CASE("graph_codec: bytes cut off, or changed, give an error or a valid graph") {
    auto const teachers = two_chains();
    byte_buffer bytes;
    put_graph(bytes, teachers, adapted(teachers));
    for (std::size_t size = 0; size < bytes.size(); ++size) {
        byte_reader in{std::span{bytes}.first(size)};
        CHECK_FALSE(take_graph(in, teachers).has_value());
    }
    std::size_t refused = 0;
    for (std::size_t at = 0; at < bytes.size(); ++at) {
        for (unsigned bit = 0; bit < 8; ++bit) {
            auto changed = bytes;
            changed[at] ^= static_cast<std::byte>(1U << bit);
            byte_reader in{changed};
            auto const read = take_graph(in, teachers);
            refused += read ? 0U : 1U;
            CHECK((!read || validate(teachers, *read)));
        }
    }
    CHECK(refused > bytes.size() * 7);
    byte_reader in{bytes};
    auto const others = take_graph(in, two_chains(true));
    REQUIRE_FALSE(others.has_value());
    CHECK(others.error().message ==
          "the graph was made of other teachers; read it with those that it was written with");
}

} // namespace hpcsched::fuse
