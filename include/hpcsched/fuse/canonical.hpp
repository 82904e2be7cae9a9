// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_FUSE_CANONICAL_HPP
#define HPCSCHED_FUSE_CANONICAL_HPP

#include <hpcsched/fuse/adapter.hpp>
#include <hpcsched/fuse/model_graph.hpp>
#include <hpcsched/fuse/teacher_set.hpp>

#include <algorithm>
#include <vector>

namespace hpcsched::fuse {
namespace detail {

// The nearest node at or above `i` that is no adapter.
inline node_index provider_of(std::vector<loose_node> const& nodes, node_index i) noexcept {
    while (nodes[i].adapter != adapter_kind::none) {
        i = nodes[i].parent;
    }
    return i;
}

} // namespace detail

/// Brings loose nodes into the one form that graphs with the same meaning share, and puts them in order:
///
/// * no adapter reads an adapter: of a chain one is left, that makes of the tensor at its upper end what is wanted at
///   its lower end, by `rescaling`; where nothing is to be changed, none;
/// * an interpolation that changes nothing is left out; a trained adapter between equal shapes is a translation, and
///   stays;
/// * an adapter is named after the first block that it feeds (`teacher_set::adapter_of`).
///
/// Idempotent. Adapters in a chain are removed from the ends of a search's graphs by this alone; GMorph keeps them,
/// and its best model of its first benchmark runs three in a row.
/// \pre the nodes come from a valid graph or a mutation of one; of what is left out no node has a parent
/// \complexity O(n log n)
[[nodiscard]] inline model_graph canonical(teacher_set const& teachers, std::vector<loose_node> nodes) {
    auto const count = static_cast<node_index>(nodes.size());
    auto const output_of = [&](node_index i) {
        loose_node const& n = nodes[i];
        return i == 0 ? teachers.input() : n.adapter != adapter_kind::none ? n.output : teachers.at(n.id).output;
    };
    bool has_adapters = false;
    for (loose_node const& n : nodes) {
        has_adapters = has_adapters || n.adapter != adapter_kind::none;
    }
    if (!has_adapters) {
        return model_graph::arrange(nodes);
    }
    // First every adapter is made to read what is no adapter; the old kinds tell who is one until all are done.
    std::vector<loose_node> made = nodes;
    std::vector<node_id> feeds(count, node_id{0xffff, 0xffff}); // the lowest block that an adapter feeds
    for (node_index i = 1; i < count; ++i) {
        loose_node const& n = nodes[i];
        if (n.adapter == adapter_kind::none || n.parent == no_node) {
            continue;
        }
        node_index const above = detail::provider_of(nodes, n.parent);
        tensor_shape const from = output_of(above);
        if (above != n.parent) {
            auto const tokens =
                n.adapter == adapter_kind::linear ? token_rescaling::dense : token_rescaling::interpolated;
            made[i].adapter = rescaling(from, n.output, tokens).value_or(n.adapter);
        } else if (from == n.output && !is_trained(n.adapter)) {
            made[i].adapter = adapter_kind::none;
        }
        made[i].parent = above;
    }
    // Now blocks let go of adapters that are none any more, and name those that feed them.
    for (node_index i = 1; i < count; ++i) {
        if (nodes[i].adapter != adapter_kind::none || nodes[i].parent == no_node) {
            continue;
        }
        node_index const p = nodes[i].parent;
        if (nodes[p].adapter == adapter_kind::none) {
            continue;
        }
        if (made[p].adapter == adapter_kind::none) {
            made[i].parent = made[p].parent;
        } else {
            feeds[p] = std::min(feeds[p], nodes[i].id);
        }
    }
    for (node_index i = 1; i < count; ++i) {
        if (nodes[i].adapter == adapter_kind::none) {
            continue;
        }
        if (made[i].adapter == adapter_kind::none || feeds[i].task == 0xffff) {
            made[i].parent = no_node;
            made[i].adapter = adapter_kind::none;
        } else {
            made[i].id = teachers.adapter_of(feeds[i]);
        }
    }
    return model_graph::arrange(made);
}

/// \pre validate(teachers, graph)
[[nodiscard]] inline model_graph canonical(teacher_set const& teachers, model_graph const& graph) {
    return canonical(teachers, graph.loosened());
}

} // namespace hpcsched::fuse

#endif
