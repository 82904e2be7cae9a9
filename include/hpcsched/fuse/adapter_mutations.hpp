// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_FUSE_ADAPTER_MUTATIONS_HPP
#define HPCSCHED_FUSE_ADAPTER_MUTATIONS_HPP

#include <hpcsched/core/sink.hpp>
#include <hpcsched/fuse/adapter.hpp>
#include <hpcsched/fuse/canonical.hpp>
#include <hpcsched/fuse/draws.hpp>
#include <hpcsched/fuse/model_graph.hpp>
#include <hpcsched/fuse/mutation.hpp>
#include <hpcsched/fuse/teacher_set.hpp>

#include <optional>
#include <utility>

namespace hpcsched::fuse {

/// A trained adapter is put before a block that reads another teacher's features as they are. In GMorph such features
/// meet a block that was never trained on them without any translation.
struct insert_adapter {
    void enumerate(teacher_set const& teachers, model_graph const& graph, sink<mutation>& out) const {
        for (node_index i = 1; i < graph.size(); ++i) {
            if (is_legal(teachers, graph, i)) {
                out.append(at(graph, i));
            }
        }
    }

    [[nodiscard]] std::optional<mutation> draw(teacher_set const& teachers, model_graph const& graph, draws& d) const {
        return detail::drawn_from_all(*this, teachers, graph, d);
    }

    [[nodiscard]] std::optional<model_graph> apply(teacher_set const& teachers, model_graph const& graph,
                                                   mutation const& what) const {
        auto const i = graph.find(what.guest);
        if (!i || *i == 0 || !is_legal(teachers, graph, *i) || what != at(graph, *i)) {
            return std::nullopt;
        }
        auto nodes = graph.loosened();
        tensor_shape const shape = graph.output_shape(teachers, nodes[*i].parent);
        nodes.push_back({.id = teachers.adapter_of(what.guest),
                         .adapter = translation(shape),
                         .parent = nodes[*i].parent,
                         .output = shape});
        nodes[*i].parent = static_cast<node_index>(nodes.size() - 1);
        return canonical(teachers, std::move(nodes));
    }

  private:
    static mutation at(model_graph const& graph, node_index i) noexcept {
        return {.kind = mutation_kind::insert_adapter, .guest = graph[i].id, .host = graph[graph[i].parent].id};
    }
    static bool is_legal(teacher_set const& teachers, model_graph const& graph, node_index i) noexcept {
        graph_node const& n = graph[i];
        graph_node const& above = graph[n.parent];
        return !n.is_adapter() && !above.is_adapter() && n.parent != 0 && above.id.task != n.id.task &&
               translation(teachers.at(n.id).input) != adapter_kind::none;
    }
};

/// A trained adapter that leaves the shape as it is goes.
struct remove_adapter {
    void enumerate(teacher_set const& teachers, model_graph const& graph, sink<mutation>& out) const {
        for (node_index i = 1; i < graph.size(); ++i) {
            if (is_legal(teachers, graph, i)) {
                out.append(at(graph, i));
            }
        }
    }

    [[nodiscard]] std::optional<mutation> draw(teacher_set const& teachers, model_graph const& graph, draws& d) const {
        return detail::drawn_from_all(*this, teachers, graph, d);
    }

    [[nodiscard]] std::optional<model_graph> apply(teacher_set const& teachers, model_graph const& graph,
                                                   mutation const& what) const {
        auto const i = graph.find(what.guest);
        if (!i || !is_legal(teachers, graph, *i) || what != at(graph, *i)) {
            return std::nullopt;
        }
        auto nodes = graph.loosened();
        for (node_index c = graph.first_child(*i); c != no_node; c = graph.next_sibling(c)) {
            nodes[c].parent = nodes[*i].parent;
        }
        nodes[*i].parent = no_node;
        return canonical(teachers, std::move(nodes));
    }

  private:
    static mutation at(model_graph const& graph, node_index i) noexcept {
        return {.kind = mutation_kind::remove_adapter, .guest = graph[i].id, .host = graph[graph[i].parent].id};
    }
    static bool is_legal(teacher_set const& teachers, model_graph const& graph, node_index i) noexcept {
        return graph[i].is_adapter() && graph[i].output == graph.output_shape(teachers, graph[i].parent);
    }
};

static_assert(mutation_policy<insert_adapter> && mutation_policy<remove_adapter>);

} // namespace hpcsched::fuse

#endif
