// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_TESTS_FUSE_SMALL_HPP
#define HPCSCHED_TESTS_FUSE_SMALL_HPP

#include <hpcsched/core/assert.hpp>
#include <hpcsched/fuse/graph_rules.hpp>
#include <hpcsched/fuse/model_graph.hpp>
#include <hpcsched/fuse/teacher_set.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hpcsched::fuse::test {

/// A block of a small image network: `channels` out, on a plane of `side`.
inline block conv(std::uint32_t in, std::uint32_t out, std::uint64_t parameters, std::uint32_t side = 8) {
    return {.kind = op_kind::convolution,
            .description = "conv " + std::to_string(in) + ' ' + std::to_string(out),
            .parameters = parameters,
            .multiply_adds = parameters * side * side,
            .input = {in, side, side},
            .output = {out, side, side}};
}
inline block relu(std::uint32_t channels, std::uint32_t side = 8) {
    return {.kind = op_kind::activation,
            .description = "relu",
            .input = {channels, side, side},
            .output = {channels, side, side}};
}
inline block pool(std::uint32_t channels, std::uint32_t side) {
    return {.kind = op_kind::max_pool,
            .description = "pool",
            .input = {channels, side, side},
            .output = {channels, side / 2, side / 2}};
}
inline block head(std::uint32_t channels, std::uint32_t classes, std::uint64_t parameters, std::uint32_t side = 8) {
    return {.kind = op_kind::linear,
            .description = "linear " + std::to_string(classes),
            .parameters = parameters,
            .multiply_adds = parameters,
            .input = {channels, side, side},
            .output = {classes},
            .flatten_before = true};
}

/// Task 1: conv 3-4 (100), relu, conv 4-4 (200), relu, conv 4-4 (300), head (10).
/// Task 2: conv 3-4 (1000), relu, conv 4-4 (2000), relu, conv 4-4 (3000), head (20).
/// With `wide`, the channels between task 2's blocks are 6.
inline teacher_set two_chains(bool wide = false) {
    std::uint32_t const w = wide ? 6 : 4;
    return teacher_set::make(
               {{"a", {conv(3, 4, 100), relu(4), conv(4, 4, 200), relu(4), conv(4, 4, 300), head(4, 2, 10)}},
                {"b", {conv(3, w, 1000), relu(w), conv(w, w, 2000), relu(w), conv(w, w, 3000), head(w, 5, 20)}}})
        .value();
}

/// Three chains of conv 3-4, conv 4-4, head; parameters 1 10 100 of task 1, 2 20 200 of task 2, 3 30 300 of task 3.
inline teacher_set three_chains() {
    std::vector<teacher> made;
    for (std::uint32_t t = 1; t <= 3; ++t) {
        made.push_back({"t" + std::to_string(t), {conv(3, 4, t), conv(4, 4, 10ULL * t), head(4, t + 1, 100ULL * t)}});
    }
    return teacher_set::make(std::move(made)).value();
}

/// A tree below the root in one line: nodes of a chain by blanks, branches in brackets, by bars; an adapter's kind
/// behind its name. "1.0 1.1 [1.2 | 2.4:convolution 2.2]"
inline std::string text_of(model_graph const& graph, node_index from = 0) {
    std::string text;
    node_index i = from;
    if (i != 0) {
        text = to_string(graph[i].id);
        if (graph[i].is_adapter()) {
            text += ':' + std::string{name_of(graph[i].adapter)};
        }
    }
    std::size_t const children = graph.child_count(i);
    if (children == 0) {
        return text;
    }
    std::string below;
    for (node_index c = graph.first_child(i); c != no_node; c = graph.next_sibling(c)) {
        below += (below.empty() ? "" : " | ") + text_of(graph, c);
    }
    below = children > 1 ? '[' + below + ']' : below;
    return text.empty() ? below : text + ' ' + below;
}

/// Reads what `text_of` writes, for graphs without adapters, and checks it.
inline model_graph graph_of(teacher_set const& teachers, std::string_view text) {
    std::vector<loose_node> nodes{loose_node{}};
    std::vector<node_index> open;
    node_index parent = 0;
    for (std::size_t at = 0; at < text.size();) {
        char const c = text[at];
        if (c == '[') {
            open.push_back(parent);
        } else if (c == '|') {
            parent = open.back();
        } else if (c == ']') {
            open.pop_back();
        } else if (c != ' ') {
            node_id id{};
            std::uint16_t* part = &id.task;
            for (; at < text.size() && text[at] != ' ' && text[at] != ']' && text[at] != '|'; ++at) {
                if (text[at] == '.') {
                    part = &id.layer;
                } else {
                    *part = static_cast<std::uint16_t>(*part * 10 + (text[at] - '0'));
                }
            }
            nodes.push_back({.id = id, .parent = parent});
            parent = static_cast<node_index>(nodes.size() - 1);
            continue;
        }
        ++at;
    }
    return make_graph(teachers, nodes).value();
}

} // namespace hpcsched::fuse::test

#endif
