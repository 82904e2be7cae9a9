// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_FUSE_MODEL_GRAPH_HPP
#define HPCSCHED_FUSE_MODEL_GRAPH_HPP

#include <hpcsched/core/assert.hpp>
#include <hpcsched/fuse/adapter.hpp>
#include <hpcsched/fuse/teacher_set.hpp>
#include <hpcsched/fuse/tensor_shape.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace hpcsched::fuse {

/// Where a node stands in the list of a graph's nodes.
using node_index = std::uint32_t;

inline constexpr node_index no_node = std::numeric_limits<node_index>::max();

/// The tasks whose outputs lie at or below a node: bit t - 1 for task t.
using task_mask = std::uint16_t;

/// One operation of a model graph: a block of a teacher, an adapter, or the root, which is the input.
struct graph_node {
    node_id id{};
    adapter_kind adapter = adapter_kind::none; ///< none: a block, or the root
    node_index parent = no_node;               ///< whose output it reads; of the root, none
    node_index end = 0;                        ///< its subtree is [itself, end) of the list
    task_mask tasks = 0;
    tensor_shape output{}; ///< of an adapter; of a block its teacher knows it

    [[nodiscard]] bool is_adapter() const noexcept { return adapter != adapter_kind::none; }

    friend bool operator==(graph_node const&, graph_node const&) = default;
};

/// A node on its way into a graph: what is not derived.
struct loose_node {
    node_id id{};
    adapter_kind adapter = adapter_kind::none;
    node_index parent = no_node; ///< in the same list; none: it is left out, with all below it
    tensor_shape output{};

    friend bool operator==(loose_node const&, loose_node const&) = default;
};

/// A multi-task network as an abstract tree: below the root, which is the input, blocks of teachers and adapters, each
/// reading what its parent gives; every leaf is the output of a task. A value, that knows nothing of tensors.
///
/// Nodes stand in the order of a walk from the root, children by their ids: a parent before its children, a subtree
/// in one piece. So equal trees are equal lists, however they came about.
/// \source GMorph's abstract graph, section "abstract graph". Deviation: its children stand in the order in which
///         they were attached, which no result depends on
/// \thread_safety const: any thread
class model_graph {
  public:
    /// The root alone.
    model_graph() : nodes_{graph_node{.end = 1}} {}

    /// Teachers side by side, nothing shared: what every search starts from.
    [[nodiscard]] static model_graph forest(teacher_set const& teachers) {
        std::vector<loose_node> nodes{loose_node{}};
        nodes.reserve(teachers.block_count() + 1);
        auto const tasks = static_cast<std::uint16_t>(teachers.task_count()); // tasks_max and blocks_max see to it
        for (std::uint16_t task = 1; task <= tasks; ++task) {
            node_index parent = 0;
            auto const layers = static_cast<std::uint16_t>(teachers.block_count(task));
            for (std::uint16_t layer = 0; layer < layers; ++layer) {
                nodes.push_back({.id = {task, layer}, .parent = parent});
                parent = static_cast<node_index>(nodes.size() - 1);
            }
        }
        return arrange(nodes);
    }

    /// Puts nodes in order. Which children the same parent has must be told apart by their ids.
    /// \pre the first node is the root, and no parent lies beyond the list
    /// \complexity O(n log n) for n nodes
    [[nodiscard]] static model_graph arrange(std::span<loose_node const> loose) {
        HPCSCHED_ASSERT(!loose.empty() && loose[0].parent == no_node);
        auto const count = static_cast<node_index>(loose.size());
        std::vector<node_index> first(count, no_node); // child with the lowest id
        std::vector<node_index> next(count, no_node);  // sibling with the next higher id
        for (node_index i = 1; i < count; ++i) {
            node_index const p = loose[i].parent;
            if (p == no_node) {
                continue;
            }
            HPCSCHED_ASSERT(p < count);
            node_index* link = &first[p];
            while (*link != no_node && loose[*link].id < loose[i].id) {
                link = &next[*link];
            }
            next[i] = *link;
            *link = i;
        }
        model_graph made;
        made.nodes_.reserve(count);
        node_index from = 0;   // in `loose`
        node_index placed = 0; // the same in `made`
        for (;;) {
            if (first[from] != no_node) {
                from = first[from];
            } else {
                made.close_leaf(placed);
                while (from != 0 && next[from] == no_node) {
                    from = loose[from].parent;
                    placed = made.nodes_[placed].parent;
                    made.close(placed);
                }
                if (from == 0) {
                    return made;
                }
                from = next[from];
                placed = made.nodes_[placed].parent;
            }
            loose_node const& l = loose[from];
            made.nodes_.push_back({.id = l.id, .adapter = l.adapter, .parent = placed, .output = l.output});
            placed = static_cast<node_index>(made.nodes_.size() - 1);
        }
    }

    [[nodiscard]] std::size_t size() const noexcept { return nodes_.size(); }
    [[nodiscard]] std::span<graph_node const> nodes() const noexcept { return nodes_; }
    /// \pre i < size()
    [[nodiscard]] graph_node const& operator[](node_index i) const noexcept {
        HPCSCHED_ASSERT(i < nodes_.size());
        return nodes_[i];
    }

    [[nodiscard]] bool is_leaf(node_index i) const noexcept { return (*this)[i].end == i + 1; }
    /// The child with the lowest id; of a leaf, none.
    [[nodiscard]] node_index first_child(node_index i) const noexcept { return is_leaf(i) ? no_node : i + 1; }
    /// The child of the same parent with the next higher id.
    [[nodiscard]] node_index next_sibling(node_index i) const noexcept {
        node_index const p = (*this)[i].parent;
        return p == no_node || nodes_[i].end == nodes_[p].end ? no_node : nodes_[i].end;
    }
    [[nodiscard]] std::size_t child_count(node_index i) const noexcept {
        std::size_t count = 0;
        for (node_index c = first_child(i); c != no_node; c = next_sibling(c)) {
            ++count;
        }
        return count;
    }
    /// Whether `upper` is `lower`, or stands above it.
    [[nodiscard]] bool contains(node_index upper, node_index lower) const noexcept {
        return upper <= lower && lower < (*this)[upper].end;
    }

    /// \complexity O(n)
    [[nodiscard]] std::optional<node_index> find(node_id id) const noexcept {
        for (node_index i = 0; i < nodes_.size(); ++i) {
            if (nodes_[i].id == id) {
                return i;
            }
        }
        return std::nullopt;
    }

    /// The shape of what a node gives.
    [[nodiscard]] tensor_shape output_shape(teacher_set const& teachers, node_index i) const noexcept {
        graph_node const& n = (*this)[i];
        return i == 0 ? teachers.input() : n.is_adapter() ? n.output : teachers.at(n.id).output;
    }
    /// The shape that a node wants to read: of an adapter, and of the root, what there is.
    [[nodiscard]] tensor_shape input_shape(teacher_set const& teachers, node_index i) const noexcept {
        graph_node const& n = (*this)[i];
        return i == 0 ? teachers.input() : n.is_adapter() ? output_shape(teachers, n.parent) : teachers.at(n.id).input;
    }

    /// The nodes without what is derived: what a mutation works on.
    [[nodiscard]] std::vector<loose_node> loosened() const {
        std::vector<loose_node> loose;
        loose.reserve(nodes_.size() + 4);
        for (graph_node const& n : nodes_) {
            loose.push_back({n.id, n.adapter, n.parent, n.output});
        }
        return loose;
    }

    friend bool operator==(model_graph const&, model_graph const&) = default;

  private:
    void close_leaf(node_index i) noexcept {
        graph_node& n = nodes_[i];
        n.end = i + 1;
        bool const is_task = i != 0 && n.id.task >= 1 && n.id.task <= teacher_set::tasks_max;
        n.tasks = is_task ? static_cast<task_mask>(1U << (n.id.task - 1U)) : task_mask{0};
        pass_up(n);
    }
    void close(node_index i) noexcept {
        nodes_[i].end = static_cast<node_index>(nodes_.size());
        pass_up(nodes_[i]);
    }
    void pass_up(graph_node const& n) noexcept {
        if (n.parent != no_node) {
            nodes_[n.parent].tasks = static_cast<task_mask>(nodes_[n.parent].tasks | n.tasks);
        }
    }

    std::vector<graph_node> nodes_;
};

} // namespace hpcsched::fuse

#endif
