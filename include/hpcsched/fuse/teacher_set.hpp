// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_FUSE_TEACHER_SET_HPP
#define HPCSCHED_FUSE_TEACHER_SET_HPP

#include <hpcsched/core/assert.hpp>
#include <hpcsched/core/result.hpp>
#include <hpcsched/fuse/block.hpp>
#include <hpcsched/fuse/tensor_shape.hpp>

#include <compare>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace hpcsched::fuse {

/// Names a node of a model graph. Of a block it also says whose weights it has: those of block `layer`, counted from
/// 0, of the teacher of `task`, counted from 1. The root, which is the input, is (0, 0). An adapter has the task of a
/// block that it feeds, and a layer from the number of that teacher's blocks on.
struct node_id {
    std::uint16_t task = 0;
    std::uint16_t layer = 0;

    friend constexpr bool operator==(node_id, node_id) noexcept = default;
    friend constexpr auto operator<=>(node_id, node_id) noexcept = default;
};

inline constexpr node_id root_id{0, 0};

/// "2.17"
[[nodiscard]] inline std::string to_string(node_id id) {
    return std::to_string(id.task) + '.' + std::to_string(id.layer);
}

/// The trained networks that are to be fused: the blocks that every model graph is made of. It never changes, and a
/// graph is judged together with the teachers it was made from.
///
/// What an adapter that reads real networks (TorchScript, ONNX) supplies, one `teacher` per network and task:
///
/// * its blocks in the order in which they are executed, each with one input and one output: what is not a chain is
///   taken whole as one block; no block may be used twice;
/// * of each: the kind; a description without weights, equal for equal structure; parameters; shapes of one sample
///   without the batch dimension; multiply-adds where it knows them;
/// * `flatten_before` or `first_token_before` where its own code does so between two modules, if it does not make
///   that a `glue` block; the input shape is then the one before flattening, so that edges agree;
/// * `source`, its own index for the block: the graph hands it back untouched, and by it the block is found again.
///
/// What it does with a graph: goes through `nodes()` in order, where a parent stands before its children. A node of
/// a block is `teachers.at(id)`; with `flatten_before` its input is flattened, with `first_token_before` it reads
/// x[:, 0]. A node of an adapter is an operation of `adapter`'s kind from `input_shape` to `output_shape` of the node.
/// A leaf is the output of its task. `segments` gives the same as straight pieces between branch points.
/// \thread_safety const: any thread
class teacher_set {
  public:
    static constexpr std::size_t tasks_max = 15;   ///< what 4 bits beside the root have room for
    static constexpr std::size_t blocks_max = 256; ///< of one teacher; with an adapter before each, what 9 bits have

    teacher_set() = default;

    /// \error what is wrong with the first bad teacher, with its name and block
    [[nodiscard]] static result<teacher_set> make(std::vector<teacher> teachers);

    [[nodiscard]] std::size_t task_count() const noexcept { return teachers_.size(); }
    [[nodiscard]] std::span<teacher const> teachers() const noexcept { return teachers_; }
    /// Blocks of all teachers together.
    [[nodiscard]] std::size_t block_count() const noexcept { return hashes_.size(); }
    /// \pre task is 1 .. task_count()
    [[nodiscard]] std::size_t block_count(std::uint16_t task) const noexcept { return of(task).size(); }
    [[nodiscard]] std::span<block const> blocks(std::uint16_t task) const noexcept { return of(task); }

    [[nodiscard]] bool contains(node_id id) const noexcept {
        return id.task >= 1 && id.task <= teachers_.size() && id.layer < of(id.task).size();
    }
    /// \pre contains(id)
    [[nodiscard]] block const& at(node_id id) const noexcept {
        HPCSCHED_ASSERT(id.layer < of(id.task).size());
        return of(id.task)[id.layer];
    }
    /// Counts the blocks through, teacher by teacher, from 0.
    /// \pre contains(id)
    [[nodiscard]] std::size_t number(node_id id) const noexcept { return offsets_[id.task - 1U] + id.layer; }
    /// Of the block's description.
    /// \pre contains(id)
    [[nodiscard]] std::uint64_t description_hash(node_id id) const noexcept { return hashes_[number(id)]; }

    /// Where an output comes from.
    /// \pre task is 1 .. task_count()
    [[nodiscard]] node_id last(std::uint16_t task) const noexcept {
        return {task, static_cast<std::uint16_t>(of(task).size() - 1)};
    }
    /// The name of the adapter that feeds a block, in a canonical graph.
    [[nodiscard]] node_id adapter_of(node_id guest) const noexcept {
        return {guest.task, static_cast<std::uint16_t>(of(guest.task).size() + guest.layer)};
    }

    /// What all of them read.
    [[nodiscard]] tensor_shape input() const noexcept {
        return teachers_.empty() ? tensor_shape{} : of(1).front().input;
    }
    /// Whether one of them has transformer layers.
    [[nodiscard]] bool has_transformers() const noexcept { return has_transformers_; }
    /// Of all that is above: two sets with equal fingerprints are taken for the same.
    [[nodiscard]] std::uint64_t fingerprint() const noexcept { return fingerprint_; }

  private:
    explicit teacher_set(std::vector<teacher> teachers);

    [[nodiscard]] std::vector<block> const& of(std::uint16_t task) const noexcept {
        HPCSCHED_ASSERT(task >= 1 && task <= teachers_.size());
        return teachers_[task - 1U].blocks;
    }

    std::vector<teacher> teachers_;
    std::vector<std::size_t> offsets_;  // of a task's first block
    std::vector<std::uint64_t> hashes_; // of descriptions, by number
    std::uint64_t fingerprint_ = 0;
    bool has_transformers_ = false;
};

} // namespace hpcsched::fuse

#endif
