// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_FUSE_SEGMENTS_HPP
#define HPCSCHED_FUSE_SEGMENTS_HPP

#include <hpcsched/fuse/model_graph.hpp>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

namespace hpcsched::fuse {

/// A straight piece of a network between branch points, nodes [first, end) of the graph: each but the first reads the
/// one before it.
struct segment {
    static constexpr std::uint32_t input = std::numeric_limits<std::uint32_t>::max();

    node_index first = 0;
    node_index end = 0;
    std::uint32_t reads = input; ///< the segment whose result the first node reads; `input`: the network's input
    std::uint16_t task = 0;      ///< whose output it gives; 0: others read it

    friend bool operator==(segment const&, segment const&) = default;
};

/// A network in the order of its execution: a segment stands behind the one that it reads.
/// \source GMorph's execution form; the root is in none of its segments
/// \complexity O(n)
[[nodiscard]] inline std::vector<segment> segments(model_graph const& graph) {
    std::vector<segment> made;
    std::vector<std::uint32_t> of(graph.size(), segment::input);
    for (node_index i = 1; i < graph.size(); ++i) {
        node_index const p = graph[i].parent;
        bool const goes_on = p != 0 && p + 1 == i && graph[p].end == graph[i].end;
        if (!goes_on) {
            made.push_back({.first = i, .end = i, .reads = of[p]});
        }
        segment& last = made.back();
        last.end = i + 1;
        last.task = graph.is_leaf(i) ? graph[i].id.task : std::uint16_t{0};
        of[i] = static_cast<std::uint32_t>(made.size() - 1);
    }
    return made;
}

/// The segments that give the outputs, by tasks: what a fused network returns, in order.
[[nodiscard]] inline std::vector<std::uint32_t> output_segments(std::vector<segment> const& all, std::size_t tasks) {
    std::vector<std::uint32_t> outputs(tasks, segment::input);
    for (std::uint32_t s = 0; s < all.size(); ++s) {
        if (all[s].task >= 1 && all[s].task <= tasks) {
            outputs[all[s].task - 1U] = s;
        }
    }
    return outputs;
}

} // namespace hpcsched::fuse

#endif
