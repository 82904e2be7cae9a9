// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_FUSE_GRAPH_HASH_HPP
#define HPCSCHED_FUSE_GRAPH_HASH_HPP

#include <hpcsched/core/hash.hpp>
#include <hpcsched/fuse/model_graph.hpp>
#include <hpcsched/fuse/teacher_set.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace hpcsched::fuse {
namespace detail {

// The nodes but the root, level by level, each level by ids.
inline std::vector<node_index> by_levels(model_graph const& graph) {
    std::vector<std::uint64_t> keys;
    std::vector<std::uint32_t> depth(graph.size(), 0);
    keys.reserve(graph.size());
    for (node_index i = 1; i < graph.size(); ++i) {
        graph_node const& n = graph[i];
        depth[i] = depth[n.parent] + 1;
        keys.push_back(std::uint64_t{depth[i]} << 48U | std::uint64_t{n.id.task} << 40U |
                       std::uint64_t{n.id.layer} << 24U | i);
    }
    std::sort(keys.begin(), keys.end());
    std::vector<node_index> order;
    order.reserve(keys.size());
    for (std::uint64_t const key : keys) {
        order.push_back(static_cast<node_index>(key & 0xffffffU));
    }
    return order;
}

inline std::uint64_t description_hash(teacher_set const& teachers, model_graph const& graph, node_index i) noexcept {
    graph_node const& n = graph[i];
    if (i == 0 || !n.is_adapter()) {
        return i == 0 ? 0 : teachers.description_hash(n.id);
    }
    sequence_hash hash;
    tensor_shape const from = graph.input_shape(teachers, i);
    hash.add(0x0ada97e2U + static_cast<std::uint64_t>(n.adapter));
    for (tensor_shape const& shape : {from, n.output}) {
        hash.add(static_cast<std::uint64_t>(shape.rank()));
        for (std::size_t d = 0; d < shape.rank(); ++d) {
            hash.add(shape[d]);
        }
    }
    return hash.value();
}

} // namespace detail

/// Which weights stand where: for every node but the root, level by level and each level by ids, the id of its parent
/// and its own, a task in 4 bits and a layer in 9: task and layer of the parent, task and layer of the node, from the
/// highest bits down.
/// \source GMorph's graph hash
/// \complexity O(n log n)
[[nodiscard]] inline std::vector<std::uint32_t> graph_code(model_graph const& graph) {
    std::vector<std::uint32_t> code;
    code.reserve(graph.size());
    auto const of = [](node_id id) { return (std::uint32_t{id.task} & 15U) << 9U | (std::uint32_t{id.layer} & 511U); };
    for (node_index const i : detail::by_levels(graph)) {
        code.push_back(of(graph[graph[i].parent].id) << 13U | of(graph[i].id));
    }
    return code;
}

/// `graph_code` in 64 bits: two graphs that put the same weights in the same places have the same.
[[nodiscard]] inline std::uint64_t graph_hash(model_graph const& graph) {
    sequence_hash hash;
    for (std::uint32_t const word : graph_code(graph)) {
        hash.add(word);
    }
    return hash.value();
}

/// What the network is without its weights, as GMorph tells it: level by level and each level by ids, the descriptions
/// of parent and node. Deviation from what is meant: nodes are sorted by where their weights come from, so two
/// networks that differ in that alone may differ here too; `topology_hash` has no such flaw.
/// \source GMorph's topology hash
/// \complexity O(n log n)
[[nodiscard]] inline std::uint64_t topology_hash_by_levels(teacher_set const& teachers, model_graph const& graph) {
    sequence_hash hash;
    for (node_index const i : detail::by_levels(graph)) {
        hash.add(detail::description_hash(teachers, graph, graph[i].parent));
        hash.add(detail::description_hash(teachers, graph, i));
    }
    return hash.value();
}

/// What the network is without its weights, whatever order its branches are in and whichever teacher each block is of:
/// equal where the trees of descriptions are equal, outputs told apart by their tasks.
/// \source Aho, Hopcroft, Ullman, "The design and analysis of computer algorithms", 1974, section 3.2 (isomorphism of
///         trees); hashes stand for their ranks
/// \complexity O(n log n)
[[nodiscard]] inline std::uint64_t topology_hash(teacher_set const& teachers, model_graph const& graph) {
    auto const count = static_cast<node_index>(graph.size());
    std::vector<std::uint64_t> of(count);
    std::vector<std::uint64_t> children;
    for (node_index i = count; i-- > 0;) {
        children.clear();
        for (node_index c = graph.first_child(i); c != no_node; c = graph.next_sibling(c)) {
            children.push_back(of[c]);
        }
        std::sort(children.begin(), children.end());
        sequence_hash hash;
        hash.add(detail::description_hash(teachers, graph, i));
        hash.add(children.empty() ? graph[i].tasks : std::uint64_t{0});
        for (std::uint64_t const child : children) {
            hash.add(child);
        }
        of[i] = hash.value();
    }
    return of[0];
}

/// All that `==` compares, in 64 bits.
/// \complexity O(n)
[[nodiscard]] inline std::uint64_t identity_hash(model_graph const& graph) noexcept {
    sequence_hash hash;
    for (graph_node const& n : graph.nodes()) {
        hash.add(std::uint64_t{n.id.task} << 48U | std::uint64_t{n.id.layer} << 32U | std::uint64_t{n.parent});
        if (n.is_adapter()) {
            hash.add(static_cast<std::uint64_t>(n.adapter));
            for (std::size_t d = 0; d < n.output.rank(); ++d) {
                hash.add(n.output[d]);
            }
        }
    }
    return hash.value();
}

} // namespace hpcsched::fuse

#endif
