// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/core/hash.hpp>
#include <hpcsched/core/result.hpp>
#include <hpcsched/fuse/block.hpp>
#include <hpcsched/fuse/teacher_set.hpp>
#include <hpcsched/fuse/tensor_shape.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace hpcsched::fuse {

namespace {

void add(sequence_hash& to, block const& b, std::uint64_t description) noexcept {
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

std::string fault_of(teacher const& each, teacher const& first) {
    if (each.blocks.empty() || each.blocks.size() > teacher_set::blocks_max) {
        return "has " + std::to_string(each.blocks.size()) + " blocks; 1 to " +
               std::to_string(teacher_set::blocks_max) + " can be fused, take several modules as one block";
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

} // namespace

result<teacher_set> teacher_set::make(std::vector<teacher> teachers) {
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

teacher_set::teacher_set(std::vector<teacher> teachers) : teachers_{std::move(teachers)} {
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

} // namespace hpcsched::fuse
