// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_BENCH_FUSE_TORCH_LAYOUTS_HPP
#define HPCSCHED_BENCH_FUSE_TORCH_LAYOUTS_HPP

#include <hpcsched/fuse/model_graph.hpp>
#include <hpcsched/fuse/teacher_set.hpp>

#include <array>
#include <cstddef>
#include <vector>

/// Trees that share the first blocks of networks whose first blocks are alike.
namespace hpcsched::bench {

/// How many first blocks have the same description and shapes in all networks; each network keeps its last block.
[[nodiscard]] std::size_t common_prefix(fuse::teacher_set const& teachers);

/// Numbers of shared blocks that a tree may branch after: 0, the whole common prefix, and some between, evenly by
/// mergeable blocks.
[[nodiscard]] std::vector<std::size_t> branch_points(fuse::teacher_set const& teachers, std::size_t most);

/// How many first blocks each two tasks share.
struct tree_layout {
    std::array<std::array<std::size_t, 3>, 3> shared{};
};

/// All trees of two or three tasks with branches at these depths, that of no sharing too, once each.
[[nodiscard]] std::vector<tree_layout> all_layouts(std::size_t tasks, std::vector<std::size_t> const& depths);

/// The graph of a layout; what is shared has the weights of the first task that shares it.
[[nodiscard]] fuse::model_graph share(fuse::teacher_set const& teachers, tree_layout const& layout);

/// All tasks share their first blocks.
[[nodiscard]] fuse::model_graph share_prefix(fuse::teacher_set const& teachers, std::size_t blocks);

} // namespace hpcsched::bench

#endif
