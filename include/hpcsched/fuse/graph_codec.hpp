// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_FUSE_GRAPH_CODEC_HPP
#define HPCSCHED_FUSE_GRAPH_CODEC_HPP

#include <hpcsched/core/bytes.hpp>
#include <hpcsched/core/result.hpp>
#include <hpcsched/fuse/adapter.hpp>
#include <hpcsched/fuse/graph_rules.hpp>
#include <hpcsched/fuse/model_graph.hpp>
#include <hpcsched/fuse/teacher_set.hpp>
#include <hpcsched/fuse/tensor_shape.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace hpcsched::fuse {

/// Appends a shape, in words: its rank, then its extents.
inline void put_shape(byte_buffer& out, tensor_shape const& shape) {
    put_word(out, shape.rank());
    for (std::size_t d = 0; d < shape.rank(); ++d) {
        put_word(out, shape[d]);
    }
}

/// Reads what `put_shape` wrote. \return whether it was a shape
[[nodiscard]] inline bool take_shape(byte_reader& in, tensor_shape& to) {
    std::array<std::uint32_t, tensor_shape::rank_max> extents{};
    std::uint64_t const rank = in.word();
    if (rank > extents.size()) {
        return false;
    }
    for (std::size_t d = 0; d < rank; ++d) {
        std::uint64_t const extent = in.word();
        if (extent == 0 || extent > 0xffffffffU) {
            return false;
        }
        extents[d] = static_cast<std::uint32_t>(extent);
    }
    auto const& e = extents;
    to = rank == 0   ? tensor_shape{}
         : rank == 1 ? tensor_shape{e[0]}
         : rank == 2 ? tensor_shape{e[0], e[1]}
         : rank == 3 ? tensor_shape{e[0], e[1], e[2]}
                     : tensor_shape{e[0], e[1], e[2], e[3]};
    return in.good();
}

/// Appends a graph: the teachers' fingerprint, then the nodes but the root, each as its id, adapter and parent in one
/// word, and of an adapter its output shape.
inline void put_graph(byte_buffer& out, teacher_set const& teachers, model_graph const& graph) {
    put_word(out, teachers.fingerprint());
    put_word(out, graph.size() - 1);
    for (graph_node const& n : graph.nodes().subspan(1)) {
        put_word(out, std::uint64_t{n.id.task} << 48U | std::uint64_t{n.id.layer} << 32U |
                          static_cast<std::uint64_t>(n.adapter) << 24U | n.parent);
        if (n.is_adapter()) {
            put_shape(out, n.output);
        }
    }
}

/// Reads what `put_graph` wrote.
/// \error it was made of other teachers; the bytes are no graph; the graph is against `validate`
[[nodiscard]] inline result<model_graph> take_graph(byte_reader& in, teacher_set const& teachers) {
    if (in.word() != teachers.fingerprint()) {
        return error{"the graph was made of other teachers; read it with those that it was written with"};
    }
    std::uint64_t const count = in.word();
    if (count > in.rest().size() / 8) {
        return error{"the bytes end before the graph does"};
    }
    std::vector<loose_node> nodes{loose_node{}};
    for (std::uint64_t i = 0; i < count; ++i) {
        std::uint64_t const word = in.word();
        std::uint64_t const kind = word >> 24U & 0xffU;
        loose_node n{.id = {static_cast<std::uint16_t>(word >> 48U), static_cast<std::uint16_t>(word >> 32U)},
                     .parent = static_cast<node_index>(word & 0xffffffU)};
        if (kind >= adapter_kind_count) {
            return error{"node " + to_string(n.id) + ": is an adapter of no known kind"};
        }
        n.adapter = static_cast<adapter_kind>(kind);
        if (n.adapter != adapter_kind::none && !take_shape(in, n.output)) {
            return error{"node " + to_string(n.id) + ": has no shape that could be read"};
        }
        nodes.push_back(n);
    }
    if (!in.good()) {
        return error{"the bytes end before the graph does"};
    }
    return make_graph(teachers, nodes);
}

} // namespace hpcsched::fuse

#endif
