// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_FUSE_RESTORING_MUTATIONS_HPP
#define HPCSCHED_FUSE_RESTORING_MUTATIONS_HPP

#include <hpcsched/core/sink.hpp>
#include <hpcsched/fuse/adapter.hpp>
#include <hpcsched/fuse/canonical.hpp>
#include <hpcsched/fuse/detail/present_blocks.hpp>
#include <hpcsched/fuse/draws.hpp>
#include <hpcsched/fuse/model_graph.hpp>
#include <hpcsched/fuse/mutation.hpp>
#include <hpcsched/fuse/reattachment.hpp>
#include <hpcsched/fuse/teacher_set.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

/// Mutations that GMorph has none of: ways back from too much sharing, and other weights for a trunk.
namespace hpcsched::fuse {

/// Blocks of the guest's own teacher come back before it: the last `count` ones, none of which is in the graph. The
/// first of them reads what it was made for: the block before it of the same teacher, the input of the network, or
/// whatever stands above the guest and gives a tensor of that shape. What only the guest needed goes. So a branch
/// leaves a shared trunk earlier, and blocks that were skipped are put in again.
struct unshare_blocks {
    /// \complexity O(n * l) for l blocks of a teacher, and the depth of the tree for each that fits
    void enumerate(teacher_set const& teachers, model_graph const& graph, sink<mutation>& out) const {
        detail::present_blocks const present{teachers, graph};
        for (node_index g = 1; g < graph.size(); ++g) {
            if (graph[g].is_adapter()) {
                continue;
            }
            node_id const guest = graph[g].id;
            for (std::uint16_t first = guest.layer; first > 0;) {
                node_id const back{guest.task, --first};
                if (present.contains(back)) {
                    break;
                }
                if (first != 0 && !teachers.at(back).mergeable()) {
                    continue; // a branch begins with what may be moved again
                }
                for (node_index const a : readable(teachers, graph, present, g, back)) {
                    out.append({.kind = mutation_kind::unshare,
                                .guest = guest,
                                .host = graph[a].id,
                                .count = static_cast<std::uint16_t>(guest.layer - first)});
                }
            }
        }
    }

    [[nodiscard]] std::optional<mutation> draw(teacher_set const& teachers, model_graph const& graph, draws& d) const {
        return detail::drawn_from_all(*this, teachers, graph, d);
    }

    [[nodiscard]] std::optional<model_graph> apply(teacher_set const& teachers, model_graph const& graph,
                                                   mutation const& what) const {
        auto const g = graph.find(what.guest);
        auto const a = graph.find(what.host);
        if (what.kind != mutation_kind::unshare || !g || !a || *g == 0 || graph[*g].is_adapter() || what.count == 0 ||
            what.count > what.guest.layer) {
            return std::nullopt;
        }
        detail::present_blocks const present{teachers, graph};
        auto const first = static_cast<std::uint16_t>(what.guest.layer - what.count);
        for (std::uint16_t l = first; l < what.guest.layer; ++l) {
            if (present.contains({what.guest.task, l})) {
                return std::nullopt;
            }
        }
        node_id const back{what.guest.task, first};
        auto const from = readable(teachers, graph, present, *g, back);
        if ((first != 0 && !teachers.at(back).mergeable()) || std::find(from.begin(), from.end(), *a) == from.end()) {
            return std::nullopt;
        }
        auto nodes = graph.loosened();
        auto children = detail::child_counts(graph);
        ++children[*a]; // so that it stays
        detail::detach(nodes, children, *g, no_node);
        node_index parent = *a;
        for (std::uint16_t l = first; l < what.guest.layer; ++l) {
            nodes.push_back({.id = {what.guest.task, l}, .parent = parent});
            parent = static_cast<node_index>(nodes.size() - 1);
        }
        nodes[*g].parent = parent;
        return canonical(teachers, std::move(nodes));
    }

  private:
    // Where a block that comes back before g may read: its place in the teacher, and fitting nodes above g.
    static std::vector<node_index> readable(teacher_set const& teachers, model_graph const& graph,
                                            detail::present_blocks const& present, node_index g, node_id back) {
        std::vector<node_index> found;
        node_index const own =
            back.layer == 0 ? 0 : present.at({back.task, static_cast<std::uint16_t>(back.layer - 1)});
        if (own != no_node && !graph.contains(g, own)) {
            found.push_back(own);
        }
        for (node_index a = graph[g].parent; a != no_node; a = graph[a].parent) {
            if (a != own && !graph[a].is_adapter() && graph.output_shape(teachers, a) == teachers.at(back).input) {
                found.push_back(a);
            }
        }
        return found;
    }
};

/// A run of blocks of one teacher between branch points is replaced by a run of another teacher's, none of which is in
/// the graph: of equal structure, block by block, or else any that reads and gives the same shapes. So a trunk gets
/// other weights, or a smaller trunk is put in the place of a larger.
struct swap_donor {
    void enumerate(teacher_set const& teachers, model_graph const& graph, sink<mutation>& out) const {
        detail::present_blocks const present{teachers, graph};
        for (node_index i = 1; i < graph.size(); ++i) {
            if (!starts_run(graph, i)) {
                continue;
            }
            std::uint16_t const count = run_length(graph, i);
            for (std::uint16_t task = 1; task <= teachers.task_count() && count > 0; ++task) {
                if (task != graph[i].id.task) {
                    donors(teachers, present, graph[i].id, count, task, out);
                }
            }
        }
    }

    [[nodiscard]] std::optional<mutation> draw(teacher_set const& teachers, model_graph const& graph, draws& d) const {
        return detail::drawn_from_all(*this, teachers, graph, d);
    }

    [[nodiscard]] std::optional<model_graph> apply(teacher_set const& teachers, model_graph const& graph,
                                                   mutation const& what) const {
        auto const i = graph.find(what.guest);
        if (what.kind != mutation_kind::swap_donor || !i || *i == 0 || !starts_run(graph, *i) || what.count == 0 ||
            what.count != run_length(graph, *i) || what.host.task < 1 || what.host.task > teachers.task_count() ||
            what.host.task == what.guest.task) {
            return std::nullopt;
        }
        buffer<mutation> possible;
        donors(teachers, detail::present_blocks{teachers, graph}, what.guest, what.count, what.host.task, possible);
        if (std::find(possible.items().begin(), possible.items().end(), what) == possible.items().end()) {
            return std::nullopt;
        }
        auto nodes = graph.loosened();
        node_index parent = nodes[*i].parent;
        for (std::uint16_t k = 0; k < what.donated; ++k) {
            nodes.push_back(
                {.id = {what.host.task, static_cast<std::uint16_t>(what.host.layer + k)}, .parent = parent});
            parent = static_cast<node_index>(nodes.size() - 1);
        }
        node_index const last = *i + what.count - 1;
        for (node_index c = graph.first_child(last); c != no_node; c = graph.next_sibling(c)) {
            nodes[c].parent = parent;
        }
        for (node_index k = *i; k <= last; ++k) {
            nodes[k].parent = no_node;
        }
        return canonical(teachers, std::move(nodes));
    }

  private:
    static bool follows(model_graph const& graph, node_index i) noexcept {
        node_id const above = graph[i - 1].id;
        node_id const here = graph[i].id;
        return graph[i].parent == i - 1 && graph[i - 1].end == graph[i].end && !graph[i].is_adapter() &&
               above.task == here.task && above.layer + 1 == here.layer;
    }
    static bool starts_run(model_graph const& graph, node_index i) noexcept {
        return !graph[i].is_adapter() && (i == 1 || !follows(graph, i));
    }
    // Blocks of the run that begins here, without an output, which stays its task's own.
    static std::uint16_t run_length(model_graph const& graph, node_index i) noexcept {
        std::uint16_t count = 0;
        do {
            count = static_cast<std::uint16_t>(count + (graph.is_leaf(i) ? 0 : 1));
            ++i;
        } while (i < graph.size() && follows(graph, i));
        return count;
    }

    static void donors(teacher_set const& teachers, detail::present_blocks const& present, node_id from,
                       std::uint16_t count, std::uint16_t task, sink<mutation>& out) {
        auto const theirs = teachers.blocks(task);
        auto const gone = teachers.blocks(from.task).subspan(from.layer, count);
        mutation m{.kind = mutation_kind::swap_donor, .guest = from, .count = count};
        bool any_equal = false;
        auto const last = theirs.size() - 1; // stays out: an output
        for (std::size_t l = 0; l + count <= last; ++l) {
            bool equal = true;
            for (std::size_t k = 0; k < count && equal; ++k) {
                equal = theirs[l + k].description == gone[k].description && theirs[l + k].input == gone[k].input &&
                        theirs[l + k].output == gone[k].output;
            }
            m.host = {task, static_cast<std::uint16_t>(l)};
            m.donated = count;
            if (equal && present.are_absent(m.host, count)) {
                out.append(m);
                any_equal = true;
            }
        }
        for (std::size_t l = 0; l < last && !any_equal; ++l) { // the longest from the first place where shapes agree
            if (theirs[l].input != gone.front().input) {
                continue;
            }
            for (std::size_t end = last; end > l; --end) {
                m.host = {task, static_cast<std::uint16_t>(l)};
                m.donated = static_cast<std::uint16_t>(end - l);
                if (theirs[end - 1].output == gone.back().output && present.are_absent(m.host, m.donated)) {
                    out.append(m);
                    return;
                }
            }
        }
    }
};

static_assert(mutation_policy<unshare_blocks> && mutation_policy<swap_donor>);

} // namespace hpcsched::fuse

#endif
