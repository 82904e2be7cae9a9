// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_FUSE_GRAPH_RULES_HPP
#define HPCSCHED_FUSE_GRAPH_RULES_HPP

#include <hpcsched/core/result.hpp>
#include <hpcsched/fuse/adapter.hpp>
#include <hpcsched/fuse/model_graph.hpp>
#include <hpcsched/fuse/teacher_set.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace hpcsched::fuse {
namespace detail {

inline std::string fault_of_node(teacher_set const& teachers, model_graph const& graph, node_index i) {
    graph_node const& n = graph[i];
    auto const from = graph.output_shape(teachers, n.parent);
    if (n.is_adapter()) {
        bool const is_named =
            n.id.task >= 1 && n.id.task <= teachers.task_count() && n.id.layer >= teachers.block_count(n.id.task);
        return !is_named                          ? "is an adapter with the name of a block"
               : graph.is_leaf(i)                 ? "is an adapter that feeds nothing"
               : !fits(n.adapter, from, n.output) ? "cannot make " + to_string(n.output) + " of " + to_string(from)
                                                  : std::string{};
    }
    if (!teachers.contains(n.id)) {
        return "is no block of these teachers";
    }
    if (teachers.at(n.id).input != from) {
        return "reads " + to_string(teachers.at(n.id).input) + ", but its parent gives " + to_string(from);
    }
    bool const is_output = n.id == teachers.last(n.id.task);
    return graph.is_leaf(i) == is_output ? std::string{}
           : is_output                   ? "is the output of its task, yet something reads it"
                                         : "ends the tree, and is no output";
}

} // namespace detail

/// What holds of every graph that stands for a network made of these teachers: a tree; each block in it at most once;
/// the outputs of all tasks in it, and its leaves; shapes agree along every edge; the weights of every node are those
/// of a teacher, or an adapter's.
/// \error the first node that is against this, and what is wrong
/// \complexity O(n log n)
[[nodiscard]] inline result<void> validate(teacher_set const& teachers, model_graph const& graph) {
    std::vector<node_id> ids;
    std::uint32_t reached = 0;
    for (node_index i = 0; i < graph.size(); ++i) {
        ids.push_back(graph[i].id);
        if (i == 0) {
            continue;
        }
        if (auto const wrong = detail::fault_of_node(teachers, graph, i); !wrong.empty()) {
            return error{"node " + to_string(graph[i].id) + ": " + wrong};
        }
        reached |= graph.is_leaf(i) ? 1U << (graph[i].id.task - 1U) : 0U;
    }
    std::sort(ids.begin(), ids.end());
    if (auto const twice = std::adjacent_find(ids.begin(), ids.end()); twice != ids.end()) {
        return error{"node " + to_string(*twice) + ": is there twice"};
    }
    for (std::uint16_t task = 1; task <= teachers.task_count(); ++task) {
        if ((reached >> (task - 1U) & 1U) == 0) {
            return error{"task " + std::to_string(task) + ": has no output"};
        }
    }
    return {};
}

/// A graph from nodes that somebody else put together.
/// \error as `validate`; or a node hangs on nothing
[[nodiscard]] inline result<model_graph> make_graph(teacher_set const& teachers, std::span<loose_node const> nodes) {
    if (nodes.empty() || nodes[0] != loose_node{}) {
        return error{"the first node of a graph is its root, 0.0, which has no parent"};
    }
    for (loose_node const& n : nodes.subspan(1)) {
        if (n.parent >= nodes.size()) {
            return error{"node " + to_string(n.id) + ": has no parent in the graph"};
        }
    }
    model_graph made = model_graph::arrange(nodes);
    if (made.size() != nodes.size()) {
        return error{"some nodes of the graph hang on one another, and none of them on the root"};
    }
    if (auto const sound = validate(teachers, made); !sound) {
        return sound.error();
    }
    return made;
}

} // namespace hpcsched::fuse

#endif
