// SPDX-License-Identifier: Apache-2.0
#include "layouts.hpp"

#include <algorithm>
#include <cstdint>

namespace hpcsched::bench {

std::size_t common_prefix(fuse::teacher_set const& teachers) {
    std::size_t shared = teachers.block_count(1);
    for (std::uint16_t t = 2; t <= teachers.task_count(); ++t) {
        std::size_t const most = std::min<std::size_t>(shared, teachers.block_count(t));
        std::size_t same = 0;
        while (same < most && teachers.blocks(1)[same].description == teachers.blocks(t)[same].description &&
               teachers.blocks(1)[same].output == teachers.blocks(t)[same].output) {
            ++same;
        }
        shared = same;
    }
    for (std::uint16_t t = 1; t <= teachers.task_count(); ++t) {
        shared = std::min<std::size_t>(shared, teachers.block_count(t) - 1U);
    }
    return shared;
}

std::vector<std::size_t> branch_points(fuse::teacher_set const& teachers, std::size_t most) {
    std::size_t const prefix = common_prefix(teachers);
    std::vector<std::size_t> all; // behind each mergeable block and what follows it
    for (std::size_t i = 1; i <= prefix; ++i) {
        if (i == prefix || teachers.blocks(1)[i].mergeable()) {
            all.push_back(i);
        }
    }
    std::vector<std::size_t> chosen{0};
    for (std::size_t k = 1; k <= most && !all.empty(); ++k) {
        std::size_t const at = all[(all.size() * k + most - 1) / most - 1];
        if (at != chosen.back()) {
            chosen.push_back(at);
        }
    }
    return chosen;
}

std::vector<tree_layout> all_layouts(std::size_t tasks, std::vector<std::size_t> const& depths) {
    std::vector<tree_layout> made;
    auto const pair = [](tree_layout& l, std::size_t a, std::size_t b, std::size_t depth) {
        l.shared[a][b] = l.shared[b][a] = depth;
    };
    if (tasks == 2) {
        for (std::size_t const depth : depths) {
            pair(made.emplace_back(), 0, 1, depth);
        }
        return made;
    }
    for (std::size_t const all : depths) {
        tree_layout& flat = made.emplace_back();
        pair(flat, 0, 1, all);
        pair(flat, 0, 2, all);
        pair(flat, 1, 2, all);
        for (std::size_t const two : depths) {
            for (std::size_t alone = 0; two > all && alone < 3; ++alone) {
                tree_layout& l = made.emplace_back();
                std::size_t const a = alone == 0 ? 1 : 0;
                std::size_t const b = alone == 2 ? 1 : 2;
                pair(l, a, b, two);
                pair(l, a, alone, all);
                pair(l, b, alone, all);
            }
        }
    }
    return made;
}

fuse::model_graph share(fuse::teacher_set const& teachers, tree_layout const& layout) {
    std::vector<fuse::loose_node> nodes{fuse::loose_node{}};
    std::vector<std::vector<fuse::node_index>> place(teachers.task_count()); // of each task's blocks
    for (std::size_t t = 0; t < teachers.task_count(); ++t) {
        std::size_t from = t;
        std::size_t shared = 0;
        for (std::size_t other = 0; other < t; ++other) {
            if (layout.shared[t][other] > shared) {
                shared = layout.shared[t][other];
                from = other;
            }
        }
        fuse::node_index at = 0;
        auto const task = static_cast<std::uint16_t>(t + 1);
        for (std::uint16_t layer = 0; layer < teachers.block_count(task); ++layer) {
            if (layer < shared) {
                at = place[from][layer];
            } else {
                nodes.push_back({.id = {task, layer}, .parent = at});
                at = static_cast<fuse::node_index>(nodes.size() - 1);
            }
            place[t].push_back(at);
        }
    }
    return fuse::model_graph::arrange(nodes);
}

fuse::model_graph share_prefix(fuse::teacher_set const& teachers, std::size_t blocks) {
    tree_layout layout;
    for (auto& row : layout.shared) {
        row.fill(blocks);
    }
    return share(teachers, layout);
}

} // namespace hpcsched::bench
