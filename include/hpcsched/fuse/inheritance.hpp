// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_FUSE_INHERITANCE_HPP
#define HPCSCHED_FUSE_INHERITANCE_HPP

#include <hpcsched/fuse/model_graph.hpp>
#include <hpcsched/fuse/teacher_set.hpp>

#include <cstdint>
#include <vector>

namespace hpcsched::fuse {

/// Where the weights of a node come from before it is trained.
struct weight_origin {
    enum class source : std::uint8_t {
        fresh = 0,   ///< an adapter that the base has not: initialised anew
        teacher = 1, ///< a block that the base has not: its teacher's
        base = 2,    ///< the base's node `node`, with what training has made of it
    };
    source from = source::fresh;
    node_id node{};

    friend bool operator==(weight_origin const&, weight_origin const&) = default;
};

/// The origins of a graph's nodes, one each in their order, the root's as `fresh`. A block has the base's weights where
/// the base has the block. An adapter has those of an adapter of the base with the same kind and shapes that reads the
/// same node and feeds one of the same blocks, whatever its name.
/// \source GMorph inherits blocks so, and makes adapters anew each time, though the elite's were trained
/// \complexity O(n n') in the worst case, of adapters; O(n log n) of blocks
[[nodiscard]] inline std::vector<weight_origin> weight_origins(teacher_set const& teachers, model_graph const& base,
                                                               model_graph const& graph) {
    auto const feeds_same = [&](node_index mine, node_index theirs) {
        for (node_index c = graph.first_child(mine); c != no_node; c = graph.next_sibling(c)) {
            for (node_index o = base.first_child(theirs); o != no_node; o = base.next_sibling(o)) {
                if (graph[c].id == base[o].id) {
                    return true;
                }
            }
        }
        return false;
    };
    std::vector<weight_origin> origins(graph.size());
    for (node_index i = 1; i < graph.size(); ++i) {
        graph_node const& n = graph[i];
        if (!n.is_adapter()) {
            bool const inherited = base.find(n.id).has_value();
            origins[i] = {inherited ? weight_origin::source::base : weight_origin::source::teacher, n.id};
            continue;
        }
        for (node_index o = 1; o < base.size(); ++o) {
            if (base[o].adapter == n.adapter && base[o].output == n.output &&
                base[base[o].parent].id == graph[n.parent].id &&
                base.input_shape(teachers, o) == graph.input_shape(teachers, i) && feeds_same(i, o)) {
                origins[i] = {weight_origin::source::base, base[o].id};
                break;
            }
        }
    }
    return origins;
}

} // namespace hpcsched::fuse

#endif
