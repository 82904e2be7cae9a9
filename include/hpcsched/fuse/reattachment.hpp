// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_FUSE_REATTACHMENT_HPP
#define HPCSCHED_FUSE_REATTACHMENT_HPP

#include <hpcsched/core/sink.hpp>
#include <hpcsched/fuse/adapter.hpp>
#include <hpcsched/fuse/canonical.hpp>
#include <hpcsched/fuse/draws.hpp>
#include <hpcsched/fuse/model_graph.hpp>
#include <hpcsched/fuse/mutation.hpp>
#include <hpcsched/fuse/teacher_set.hpp>

#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

/// Input re-attachment: guest g reads the tensor that host h reads, and what only g needed goes.
/// \source GMorph's graph mutation
namespace hpcsched::fuse {

namespace detail {

// What a block reads, adapters looked through.
inline node_index source_of(model_graph const& graph, node_index i) noexcept {
    do {
        i = graph[i].parent;
    } while (graph[i].is_adapter());
    return i;
}

} // namespace detail

/// Whether GMorph lets h host g, both blocks of the graph: of two of which one stands above the other only the upper
/// may be host; and where g stands at or below a branch point, that point is at, above or below h.
/// \source GMorph, "branching violation"
[[nodiscard]] inline bool gmorph_allows(model_graph const& graph, node_index h, node_index g) noexcept {
    if (graph.contains(g, h)) {
        return false;
    }
    for (node_index b = g; b != 0; b = graph[b].parent) {
        if (graph.child_count(b) > 1) {
            return graph.contains(h, b) || graph.contains(b, h);
        }
    }
    return true;
}

/// Whether h can host g at all: not itself, nor what g stands above. GMorph's second rule has no reason beyond its
/// code: a whole subtree can be moved as well as a single branch.
[[nodiscard]] inline bool can_host(model_graph const& graph, node_index h, node_index g) noexcept {
    return !graph.contains(g, h);
}

namespace detail {

/// Lets g go from its parent, with the ancestors that nobody else needs, up to `stop` where that is one of them.
/// \param children  how many children each node has
inline void detach(std::vector<loose_node>& nodes, std::vector<std::uint32_t>& children, node_index g,
                   node_index stop) {
    for (node_index c = g;;) {
        node_index const p = nodes[c].parent;
        nodes[c].parent = no_node;
        --children[p];
        if (p == 0 || children[p] > 0) {
            return;
        }
        c = p;
        if (p == stop) {
            --children[nodes[p].parent];
            nodes[p].parent = no_node;
            return;
        }
    }
}

inline std::vector<std::uint32_t> child_counts(model_graph const& graph) {
    std::vector<std::uint32_t> children(graph.size(), 0);
    for (graph_node const& n : graph.nodes().subspan(1)) {
        ++children[n.parent];
    }
    return children;
}

/// Hangs g below `parent`, with an adapter of the name given where shapes differ.
/// \return whether there is one that does it
inline bool attach(teacher_set const& teachers, std::vector<loose_node>& nodes, node_index g, node_index parent,
                   tensor_shape const& from, token_rescaling tokens, node_id adapter) {
    tensor_shape const to = teachers.at(nodes[g].id).input;
    auto const kind = rescaling(from, to, tokens);
    if (!kind) {
        return false;
    }
    nodes[g].parent = parent;
    if (*kind != adapter_kind::none) {
        nodes[g].parent = static_cast<node_index>(nodes.size());
        nodes.push_back({.id = adapter, .adapter = *kind, .parent = parent, .output = to});
    }
    return true;
}

} // namespace detail

/// The nodes after h hosts g, in no order; where shapes differ, behind an adapter of the name given. Nothing where no
/// adapter makes what h reads into what g reads.
/// \pre h and g are blocks of the graph, and can_host(graph, h, g)
/// \complexity O(n)
[[nodiscard]] inline std::optional<std::vector<loose_node>> reattached(teacher_set const& teachers,
                                                                       model_graph const& graph, node_index h,
                                                                       node_index g, token_rescaling tokens,
                                                                       node_id adapter) {
    auto nodes = graph.loosened();
    auto children = detail::child_counts(graph);
    node_index const above = graph[h].parent;
    detail::detach(nodes, children, g, graph.contains(h, g) ? h : no_node);
    if (!detail::attach(teachers, nodes, g, above, graph.output_shape(teachers, above), tokens, adapter)) {
        return std::nullopt;
    }
    return nodes;
}

/// The blocks that may be host or guest.
[[nodiscard]] inline std::vector<node_index> mergeable_nodes(teacher_set const& teachers, model_graph const& graph) {
    std::vector<node_index> found;
    for (node_index i = 1; i < graph.size(); ++i) {
        if (!graph[i].is_adapter() && teachers.at(graph[i].id).mergeable()) {
            found.push_back(i);
        }
    }
    return found;
}

/// Which re-attachment of h and g this is.
/// \pre can_host(graph, h, g)
[[nodiscard]] inline mutation_kind kind_of(model_graph const& graph, node_index h, node_index g) noexcept {
    return graph.contains(h, g)         ? mutation_kind::reattach_within
           : gmorph_allows(graph, h, g) ? mutation_kind::reattach_across
                                        : mutation_kind::move_subtree;
}

/// Re-attachments of one kind, of any two blocks for whose shapes there is an adapter.
template <mutation_kind Kind>
    requires(Kind == mutation_kind::reattach_across || Kind == mutation_kind::reattach_within ||
             Kind == mutation_kind::move_subtree)
struct reattach {
    token_rescaling tokens = token_rescaling::dense;

    /// \complexity O(m^2 d) for m mergeable blocks and depth d
    void enumerate(teacher_set const& teachers, model_graph const& graph, sink<mutation>& out) const {
        auto const sites = mergeable_nodes(teachers, graph);
        for (node_index const h : sites) {
            for (node_index const g : sites) {
                if (is_legal(teachers, graph, h, g)) {
                    out.append({.kind = Kind, .guest = graph[g].id, .host = graph[h].id});
                }
            }
        }
    }

    [[nodiscard]] std::optional<mutation> draw(teacher_set const& teachers, model_graph const& graph, draws& d) const {
        auto const sites = mergeable_nodes(teachers, graph);
        for (int tries = 0; tries < 24 && !sites.empty(); ++tries) {
            node_index const h = sites[d.index(sites.size())];
            node_index const g = sites[d.index(sites.size())];
            if (is_legal(teachers, graph, h, g)) {
                return mutation{.kind = Kind, .guest = graph[g].id, .host = graph[h].id};
            }
        }
        return detail::drawn_from_all(*this, teachers, graph, d); // few are legal, if any
    }

    [[nodiscard]] std::optional<model_graph> apply(teacher_set const& teachers, model_graph const& graph,
                                                   mutation const& what) const {
        auto const h = graph.find(what.host);
        auto const g = graph.find(what.guest);
        if (what.kind != Kind || !h || !g || !is_site(teachers, graph, *h) || !is_site(teachers, graph, *g) ||
            !is_legal(teachers, graph, *h, *g)) {
            return std::nullopt;
        }
        return canonical(teachers, *reattached(teachers, graph, *h, *g, tokens, teachers.adapter_of(what.guest)));
    }

  private:
    static bool is_site(teacher_set const& teachers, model_graph const& graph, node_index i) noexcept {
        return i != 0 && !graph[i].is_adapter() && teachers.at(graph[i].id).mergeable();
    }

    [[nodiscard]] bool is_legal(teacher_set const& teachers, model_graph const& graph, node_index h,
                                node_index g) const noexcept {
        if (!can_host(graph, h, g) || (Kind == mutation_kind::reattach_within) != graph.contains(h, g)) {
            return false;
        }
        if (detail::source_of(graph, h) == detail::source_of(graph, g)) {
            return false; // it reads that already
        }
        tensor_shape const from = graph.output_shape(teachers, graph[h].parent);
        return rescaling(from, teachers.at(graph[g].id).input, tokens).has_value() && kind_of(graph, h, g) == Kind;
    }
};

using reattach_across = reattach<mutation_kind::reattach_across>;
using reattach_within = reattach<mutation_kind::reattach_within>;
using move_subtree = reattach<mutation_kind::move_subtree>;

static_assert(mutation_policy<reattach_across> && mutation_policy<reattach_within> && mutation_policy<move_subtree>);

} // namespace hpcsched::fuse

#endif
