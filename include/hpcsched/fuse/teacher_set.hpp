// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_FUSE_TEACHER_SET_HPP
#define HPCSCHED_FUSE_TEACHER_SET_HPP

#include <hpcsched/core/assert.hpp>
#include <hpcsched/core/hash.hpp>
#include <hpcsched/core/result.hpp>
#include <hpcsched/fuse/block.hpp>
#include <hpcsched/fuse/tensor_shape.hpp>

#include <algorithm>
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
    [[nodiscard]] static result<teacher_set> make(std::vector<teacher> teachers) {
        if (teachers.empty() || teachers.size() > tasks_max) {
            return error{"fusing takes 1 to " + std::to_string(tasks_max) + " teachers, not " +
                         std::to_string(teachers.size())};
        }
        for (teacher const& each : teachers) {
            if (auto const wrong = fault_of(each, teachers.front()); !wrong.empty()) {
                return error{"teacher '" + each.name + "': " + wrong};
            }
        }
        return teacher_set{std::move(teachers)};
    }

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
    explicit teacher_set(std::vector<teacher> teachers) : teachers_{std::move(teachers)} {
        sequence_hash all;
        for (teacher const& each : teachers_) {
            offsets_.push_back(hashes_.size());
            all.add(each.name);
            for (block const& b : each.blocks) {
                sequence_hash description;
                description.add(b.description);
                hashes_.push_back(description.value());
                has_transformers_ = has_transformers_ || b.kind == op_kind::transformer_layer;
                add(all, b, description.value());
            }
        }
        fingerprint_ = all.value();
    }

    static void add(sequence_hash& to, block const& b, std::uint64_t description) noexcept {
        to.add(description);
        to.add(static_cast<std::uint64_t>(b.kind));
        to.add(b.parameters);
        to.add(b.multiply_adds);
        to.add(b.source);
        to.add((b.flatten_before ? 1U : 0U) + (b.first_token_before ? 2U : 0U) + (b.pinned ? 4U : 0U));
        for (tensor_shape const& shape : {b.input, b.output}) {
            to.add(static_cast<std::uint64_t>(shape.rank()));
            for (std::size_t i = 0; i < shape.rank(); ++i) {
                to.add(shape[i]);
            }
        }
    }

    static std::string fault_of(teacher const& each, teacher const& first) {
        if (each.blocks.empty() || each.blocks.size() > blocks_max) {
            return "has " + std::to_string(each.blocks.size()) + " blocks; 1 to " + std::to_string(blocks_max) +
                   " can be fused, take several modules as one block";
        }
        for (std::size_t i = 0; i < each.blocks.size(); ++i) {
            block const& b = each.blocks[i];
            if (b.input.empty() || b.output.empty()) {
                return "block " + std::to_string(i) + " has no shape; run the network on a sample and note it";
            }
            if (b.first_token_before && !b.input.is_sequence()) {
                return "block " + std::to_string(i) + " takes the first token of " + to_string(b.input) +
                       ", which is no sequence";
            }
            if (i > 0 && b.input != each.blocks[i - 1].output) {
                return "block " + std::to_string(i) + " reads " + to_string(b.input) + ", but the one before gives " +
                       to_string(each.blocks[i - 1].output);
            }
        }
        if (each.blocks.front().input != first.blocks.front().input) {
            return "reads " + to_string(each.blocks.front().input) + ", but '" + first.name + "' reads " +
                   to_string(first.blocks.front().input) + "; fused networks share one input";
        }
        return {};
    }

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
