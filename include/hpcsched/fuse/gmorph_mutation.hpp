// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_FUSE_GMORPH_MUTATION_HPP
#define HPCSCHED_FUSE_GMORPH_MUTATION_HPP

#include <hpcsched/core/sink.hpp>
#include <hpcsched/fuse/canonical.hpp>
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

namespace hpcsched::fuse {

/// Blocks of a graph among which GMorph draws host and guest.
using merge_group = std::vector<node_index>;

namespace detail {

/// Puts blocks with equal keys together, groups by keys, each by position; those of one block are of no use.
template <class Key, class Of>
void group_by(std::vector<node_index> const& sites, Of const& key_of, std::vector<merge_group>& out) {
    std::vector<std::pair<Key, node_index>> keyed;
    keyed.reserve(sites.size());
    for (node_index const i : sites) {
        if (std::optional<Key> const key = key_of(i)) {
            keyed.emplace_back(*key, i);
        }
    }
    std::sort(keyed.begin(), keyed.end());
    for (std::size_t from = 0; from < keyed.size();) {
        std::size_t to = from;
        while (to < keyed.size() && keyed[to].first == keyed[from].first) {
            ++to;
        }
        if (to - from >= 2) {
            merge_group& group = out.emplace_back();
            for (; from < to; ++from) {
                group.push_back(keyed[from].second);
            }
        }
        from = to;
    }
}

} // namespace detail

/// The groups of two and more blocks among which GMorph draws: by whole input shape; or, in a graph of transformers,
/// and where those groups hold fewer than 200 pairs, relaxed ones in their stead: of transformers by the length of the
/// sequence, of others by the number of channels and once more by height and width, what is no image by its shape.
/// \source GMorph, grouping for sampling. A shape here has no batch dimension, so its "dimension 1" is our dimension 0
/// \complexity O(m log m) for m mergeable blocks
[[nodiscard]] inline std::vector<merge_group> merge_groups(teacher_set const& teachers, model_graph const& graph) {
    constexpr std::size_t pairs_wanted = 200;
    auto const sites = mergeable_nodes(teachers, graph);
    auto const shape_of = [&](node_index i) -> tensor_shape const& { return teachers.at(graph[i].id).input; };
    std::vector<merge_group> groups;
    if (teachers.has_transformers()) {
        detail::group_by<std::uint32_t>(sites, [&](node_index i) { return std::optional{shape_of(i)[0]}; }, groups);
        return groups;
    }
    detail::group_by<tensor_shape>(sites, [&](node_index i) { return std::optional{shape_of(i)}; }, groups);
    std::size_t pairs = 0;
    for (merge_group const& g : groups) {
        pairs += g.size() * (g.size() - 1) / 2;
    }
    if (pairs >= pairs_wanted) {
        return groups;
    }
    groups.clear();
    detail::group_by<tensor_shape>(
        sites,
        [&](node_index i) {
            auto const& s = shape_of(i);
            return std::optional{s.is_image() ? tensor_shape{s[0]} : s};
        },
        groups);
    detail::group_by<tensor_shape>(
        sites,
        [&](node_index i) {
            auto const& s = shape_of(i);
            return s.is_image() ? std::optional{tensor_shape{s[1], s[2]}} : std::nullopt;
        },
        groups);
    return groups;
}

/// Where the code of GMorph is followed though it is not what was meant; see the fields. A number comes out otherwise
/// by each.
struct gmorph_quirks {
    /// Every inserted re-scale node has a number that no other has, in whatever graph, and none are collapsed: so two
    /// equal graphs with such a node are never found to be equal, and re-scale nodes stack.
    bool fresh_adapter_numbers = true;
    /// Two networks count as one topology only if the order of their weights' origins is the same too.
    bool topology_by_levels = true;
    /// The last step of a learning curve is taken for all that are to come, where an extrapolation would shrink it.
    bool constant_curve_step = true;
    /// A drop of exactly 0 predicts 0.009.
    bool zero_predicts_nine_thousandths = true;

    [[nodiscard]] static constexpr gmorph_quirks none() noexcept { return {false, false, false, false}; }

    friend bool operator==(gmorph_quirks const&, gmorph_quirks const&) = default;
};

/// Input re-attachment as GMorph draws it: a group, each as likely; of it two blocks; the first is to host the second,
/// where that is not allowed the second the first.
/// \source GMorph, graph mutation. Deviations: a draw that is rejected counts against the tries whatever it is rejected
///         for (there, one rejected for its direction does not, and the loop may never end); a pair for whose shapes
///         there is no adapter, or that would change nothing, is rejected
class gmorph_mutation {
  public:
    static constexpr int tries_max = 10;

    explicit gmorph_mutation(gmorph_quirks quirks = {}) noexcept : quirks_{quirks} {}

    void enumerate(teacher_set const& teachers, model_graph const& graph, sink<mutation>& out) const {
        std::vector<std::pair<node_index, node_index>> pairs;
        for (merge_group const& group : merge_groups(teachers, graph)) {
            for (node_index const h : group) {
                for (node_index const g : group) {
                    if (is_legal(teachers, graph, h, g)) {
                        pairs.emplace_back(h, g);
                    }
                }
            }
        }
        std::sort(pairs.begin(), pairs.end());
        pairs.erase(std::unique(pairs.begin(), pairs.end()), pairs.end());
        for (auto const& [h, g] : pairs) {
            out.append(named(graph, h, g));
        }
    }

    [[nodiscard]] std::optional<mutation> draw(teacher_set const& teachers, model_graph const& graph, draws& d) const {
        auto const groups = merge_groups(teachers, graph);
        for (int tries = 0; tries < tries_max && !groups.empty(); ++tries) {
            merge_group const& group = groups[d.index(groups.size())];
            std::size_t const first = d.index(group.size());
            std::size_t const other = d.index(group.size() - 1);
            node_index const a = group[first];
            node_index const b = group[other < first ? other : other + 1];
            if (is_legal(teachers, graph, a, b)) {
                return named(graph, a, b);
            }
            if (is_legal(teachers, graph, b, a)) {
                return named(graph, b, a);
            }
        }
        return std::nullopt;
    }

    [[nodiscard]] std::optional<model_graph> apply(teacher_set const& teachers, model_graph const& graph,
                                                   mutation const& what) {
        auto const h = graph.find(what.host);
        auto const g = graph.find(what.guest);
        if (!h || !g || !is_site(teachers, graph, *h) || !is_site(teachers, graph, *g) ||
            !is_legal(teachers, graph, *h, *g) || what != named(graph, *h, *g)) {
            return std::nullopt;
        }
        node_id adapter = teachers.adapter_of(what.guest);
        if (quirks_.fresh_adapter_numbers) {
            inserted_.resize(teachers.task_count(), 0);
            adapter.layer =
                static_cast<std::uint16_t>(teachers.block_count(what.guest.task) + inserted_[what.guest.task - 1U]);
        }
        auto nodes = reattached(teachers, graph, *h, *g, token_rescaling::interpolated, adapter);
        if (!quirks_.fresh_adapter_numbers) {
            return canonical(teachers, std::move(*nodes));
        }
        inserted_[what.guest.task - 1U] += nodes->size() > graph.size() ? 1U : 0U;
        return model_graph::arrange(*nodes);
    }

  private:
    static bool is_site(teacher_set const& teachers, model_graph const& graph, node_index i) noexcept {
        return i != 0 && !graph[i].is_adapter() && teachers.at(graph[i].id).mergeable();
    }

    [[nodiscard]] bool is_legal(teacher_set const& teachers, model_graph const& graph, node_index h,
                                node_index g) const noexcept {
        block const& host = teachers.at(graph[h].id);
        block const& guest = teachers.at(graph[g].id);
        return h != g && rescaling(host.input, guest.input, token_rescaling::interpolated).has_value() &&
               !(graph[h].id.layer + graph[g].id.layer == 0) && source_of(graph, h) != source_of(graph, g) &&
               gmorph_allows(graph, h, g);
    }
    // Where two have the same, the one hosting the other changes nothing.
    [[nodiscard]] node_index source_of(model_graph const& graph, node_index i) const noexcept {
        return quirks_.fresh_adapter_numbers ? graph[i].parent : detail::source_of(graph, i);
    }
    static mutation named(model_graph const& graph, node_index h, node_index g) noexcept {
        return {.kind = kind_of(graph, h, g), .guest = graph[g].id, .host = graph[h].id};
    }

    gmorph_quirks quirks_;
    std::vector<std::uint32_t> inserted_; // re-scale nodes so far, by task
};

static_assert(mutation_policy<gmorph_mutation>);

} // namespace hpcsched::fuse

#endif
