// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_FUSE_DETAIL_PRESENT_BLOCKS_HPP
#define HPCSCHED_FUSE_DETAIL_PRESENT_BLOCKS_HPP

#include <hpcsched/fuse/model_graph.hpp>
#include <hpcsched/fuse/teacher_set.hpp>

#include <cstdint>
#include <vector>

namespace hpcsched::fuse::detail {

/// Where the teachers' blocks stand in a graph.
class present_blocks {
  public:
    present_blocks(teacher_set const& teachers, model_graph const& graph)
        : teachers_{teachers}, at_(teachers.block_count(), no_node) {
        for (node_index i = 1; i < graph.size(); ++i) {
            if (!graph[i].is_adapter()) {
                at_[teachers.number(graph[i].id)] = i;
            }
        }
    }

    /// Nothing where it is not there.
    [[nodiscard]] node_index at(node_id block) const noexcept { return at_[teachers_.number(block)]; }
    [[nodiscard]] bool contains(node_id block) const noexcept { return at(block) != no_node; }
    /// Whether none of `count` blocks from `first` on is there.
    [[nodiscard]] bool are_absent(node_id first, std::uint16_t count) const noexcept {
        for (std::size_t k = 0; k < count; ++k) {
            if (at_[teachers_.number(first) + k] != no_node) {
                return false;
            }
        }
        return true;
    }

  private:
    teacher_set const& teachers_;
    std::vector<node_index> at_; // by number
};

} // namespace hpcsched::fuse::detail

#endif
