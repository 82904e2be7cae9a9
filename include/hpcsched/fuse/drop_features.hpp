// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_FUSE_DROP_FEATURES_HPP
#define HPCSCHED_FUSE_DROP_FEATURES_HPP

#include <hpcsched/fuse/adapter.hpp>
#include <hpcsched/fuse/model_graph.hpp>
#include <hpcsched/fuse/teacher_set.hpp>

#include <Eigen/Core>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace hpcsched::fuse {

/// What a graph does to each task, in numbers that a statistical model can learn the drop from. All are 0 for the
/// forest, whose drop is 0. For each task, of the way from the input to its output:
///
/// * how much shorter it is than its teacher, by mergeable blocks, and the square of that;
/// * for each other task, how many of its blocks are that one's, those near its output weighing more;
/// * trained adapters, other adapters, and edges between blocks that were not trained together; quarters.
/// \complexity O(tasks * depth)
[[nodiscard]] inline Eigen::VectorXd drop_features(teacher_set const& teachers, model_graph const& graph) {
    auto const tasks = static_cast<Eigen::Index>(teachers.task_count());
    Eigen::Index const each = 2 + tasks + 3;
    Eigen::VectorXd x = Eigen::VectorXd::Zero(tasks * each);
    std::vector<double> length(teachers.task_count(), 0);
    for (std::uint16_t t = 1; t <= teachers.task_count(); ++t) {
        for (block const& b : teachers.blocks(t)) {
            length[t - 1U] += b.mergeable() ? 1 : 0;
        }
        length[t - 1U] = std::max(length[t - 1U], 1.0);
    }
    for (node_index leaf = 1; leaf < graph.size(); ++leaf) {
        if (!graph.is_leaf(leaf)) {
            continue;
        }
        std::uint16_t const task = graph[leaf].id.task;
        auto mine = x.segment((task - 1) * each, each);
        double blocks = 0;
        for (node_index i = leaf; i != 0; i = graph[i].parent) {
            graph_node const& n = graph[i];
            if (n.is_adapter()) {
                mine[2 + tasks + (is_trained(n.adapter) ? 0 : 1)] += 0.25;
                continue;
            }
            if (teachers.at(n.id).mergeable()) {
                blocks += 1;
                double const depth = (n.id.layer + 1.0) / static_cast<double>(teachers.block_count(n.id.task));
                mine[2 + n.id.task - 1] += n.id.task == task ? 0 : 2 * depth / length[n.id.task - 1U];
            }
            graph_node const& above = graph[n.parent];
            bool const follows =
                n.id.layer == 0 ? n.parent == 0 : above.id.task == n.id.task && above.id.layer + 1 == n.id.layer;
            mine[2 + tasks + 2] += follows || above.is_adapter() ? 0 : 0.25;
        }
        double const missing = std::max(0.0, 1 - blocks / length[task - 1U]);
        mine[0] = missing;
        mine[1] = missing * missing;
    }
    return x;
}

} // namespace hpcsched::fuse

#endif
