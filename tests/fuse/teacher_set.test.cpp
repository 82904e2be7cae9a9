// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/fuse/teacher_set.hpp>
#include <hpcsched/testing/fuse_networks.hpp>

#include <doctest/doctest.h>

#include "small.hpp"

#include <string>
#include <utility>
#include <vector>

namespace hpcsched::fuse {
namespace {

using namespace test;

std::string fault(std::vector<teacher> teachers) {
    auto const made = teacher_set::make(std::move(teachers));
    return made ? std::string{"nothing"} : made.error().message;
}

} // namespace

TEST_CASE("teacher_set: blocks are found by task and layer") {
    auto const set = two_chains();
    CHECK(set.task_count() == 2);
    CHECK(set.block_count() == 12);
    CHECK(set.block_count(2) == 6);
    CHECK(set.at({2, 4}).parameters == 3000);
    CHECK(set.number({2, 4}) == 10);
    CHECK(set.contains({2, 5}));
    CHECK_FALSE(set.contains({2, 6}));
    CHECK_FALSE(set.contains({0, 0}));
    CHECK_FALSE(set.contains({3, 0}));
    CHECK(set.last(1) == node_id{1, 5});
    CHECK(set.adapter_of({1, 2}) == node_id{1, 8});
    CHECK(set.input() == tensor_shape{3, 8, 8});
    CHECK_FALSE(set.has_transformers());
    CHECK(set.description_hash({1, 2}) == set.description_hash({1, 4}));
    CHECK(set.description_hash({1, 2}) != set.description_hash({1, 0}));
}

TEST_CASE("teacher_set: what cannot be fused is named") {
    auto const good = two_chains().teachers()[0];
    CHECK(fault({}) == "fusing takes 1 to 15 teachers, not 0");
    CHECK(fault(std::vector<teacher>(16, good)) == "fusing takes 1 to 15 teachers, not 16");
    CHECK(fault({good, {"b", {}}}).starts_with("teacher 'b': has 0 blocks"));
    CHECK(fault({good, {"b", {conv(3, 4, 1), conv(5, 5, 1)}}}) ==
          "teacher 'b': block 1 reads 5x8x8, but the one before gives 4x8x8");
    CHECK(fault({good, {"b", {conv(1, 4, 1)}}}) ==
          "teacher 'b': reads 1x8x8, but 'a' reads 3x8x8; fused networks share one input");
    CHECK(fault({good, {"b", {block{}}}}) ==
          "teacher 'b': block 0 has no shape; run the network on a sample and note it");
    auto taking = conv(3, 4, 1);
    taking.first_token_before = true;
    CHECK(fault({{"b", {taking}}}) == "teacher 'b': block 0 takes the first token of 3x8x8, which is no sequence");
    CHECK(fault({good, good}) == "nothing");
}

TEST_CASE("teacher_set: the fingerprint is of all that a block says") {
    auto const set = two_chains();
    CHECK(set.fingerprint() == two_chains().fingerprint());
    CHECK(set.fingerprint() != two_chains(true).fingerprint());
    auto const changed = [&](auto const& change) {
        std::vector<teacher> teachers(set.teachers().begin(), set.teachers().end());
        change(teachers[1].blocks[2]);
        return teacher_set::make(teachers).value().fingerprint() != set.fingerprint();
    };
    CHECK_FALSE(changed([](block&) {}));
    CHECK(changed([](block& b) { b.description += '.'; }));
    CHECK(changed([](block& b) { b.parameters += 1; }));
    CHECK(changed([](block& b) { b.multiply_adds += 1; }));
    CHECK(changed([](block& b) { b.flatten_before = true; }));
    CHECK(changed([](block& b) { b.pinned = true; }));
    CHECK(changed([](block& b) { b.source = 7; }));
    CHECK(changed([](block& b) { b.kind = op_kind::other; }));
}

// gmorph.md 9.2: the VGG of 8 convolutions has 33 blocks.
TEST_CASE("fuse_networks: the VGG of eight convolutions has 33 blocks") {
    auto const one = testing::vgg("a");
    CHECK(one.blocks.size() == 33);
    CHECK(teacher_set::make({one, testing::vgg("b"), testing::vgg("c")}).value().block_count() == 99);
    CHECK(teacher_set::make({testing::transformer("a", {3, 32, 32}, 64, 6, 10)}).value().has_transformers());
    CHECK(testing::transformer("a", {32}, 64, 6, 10).blocks.front().output == tensor_shape{32, 64});
    CHECK(testing::resnet("a", {3, 32, 32}, {2, 2, 2}, 16, 5).blocks.back().input == tensor_shape{64, 1, 1});
}

} // namespace hpcsched::fuse
