// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/fuse/graph_rules.hpp>
#include <hpcsched/fuse/model_graph.hpp>
#include <hpcsched/fuse/segments.hpp>
#include <hpcsched/testing/fuse_networks.hpp>

#include <doctest/doctest.h>

#include "small.hpp"

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

namespace hpcsched::fuse {
namespace {

using namespace test;

} // namespace

TEST_CASE("model_graph: the forest is the teachers side by side") {
    auto const teachers = two_chains();
    auto const forest = model_graph::forest(teachers);
    CHECK(forest.size() == 13);
    CHECK(text_of(forest) == "[1.0 1.1 1.2 1.3 1.4 1.5 | 2.0 2.1 2.2 2.3 2.4 2.5]");
    CHECK(validate(teachers, forest).has_value());
    CHECK(forest[0].tasks == 3);
    CHECK(forest[1].tasks == 1);
    CHECK(forest[7].tasks == 2);
    CHECK(forest[1].end == 7);
    CHECK(forest.next_sibling(1) == 7);
    CHECK(forest.next_sibling(7) == no_node);
    CHECK(forest.child_count(0) == 2);
    CHECK(forest.is_leaf(6));
    CHECK(forest.contains(1, 6));
    CHECK_FALSE(forest.contains(2, 1));
    CHECK_FALSE(forest.contains(1, 7));
    CHECK(model_graph{}.size() == 1);
    CHECK(model_graph{}.is_leaf(0));
}

TEST_CASE("model_graph: the order of the loose nodes leaves no trace") {
    auto const teachers = three_chains();
    auto const made = graph_of(teachers, "2.0 [1.1 1.2 | 2.1 [2.2 | 3.2]]");
    CHECK(text_of(made) == "2.0 [1.1 1.2 | 2.1 [2.2 | 3.2]]");
    CHECK(graph_of(teachers, "2.0 [2.1 [3.2 | 2.2] | 1.1 1.2]") == made);
    CHECK(made[1].tasks == 7);
    CHECK(made[2].tasks == 1);
    CHECK(made[4].tasks == 6);
    // The same nodes, listed from the leaves up.
    std::vector<loose_node> shuffled{loose_node{}};
    for (node_index i = static_cast<node_index>(made.size()) - 1; i > 0; --i) {
        shuffled.push_back({.id = made[i].id, .parent = made[i].parent == 0 ? 0 : 7 - made[i].parent});
    }
    CHECK(model_graph::arrange(shuffled) == made);
}

TEST_CASE("model_graph: a node without a parent is left out with all below it") {
    auto const teachers = three_chains();
    auto nodes = model_graph::forest(teachers).loosened();
    nodes[4].parent = no_node;
    CHECK(text_of(model_graph::arrange(nodes)) == "[1.0 1.1 1.2 | 3.0 3.1 3.2]");
}

TEST_CASE("model_graph: walks and parents agree on drawn trees") {
    for (std::uint64_t seed = 1; seed <= 200; ++seed) {
        auto const teachers = testing::drawn_teachers(seed);
        auto const forest = model_graph::forest(teachers);
        REQUIRE(forest.size() == teachers.block_count() + 1);
        for (node_index i = 0; i < forest.size(); ++i) {
            std::size_t below = 0;
            for (node_index c = forest.first_child(i); c != no_node; c = forest.next_sibling(c)) {
                REQUIRE(forest[c].parent == i);
                below += forest[c].end - c;
            }
            REQUIRE(forest[i].end == i + 1 + below);
            REQUIRE(forest.find(forest[i].id) == i);
        }
        REQUIRE(validate(teachers, forest).has_value());
        REQUIRE(model_graph::arrange(forest.loosened()) == forest);
    }
}

TEST_CASE("graph_rules: what is wrong with a graph is named") {
    auto const teachers = two_chains();
    auto const wrong = [&](auto const& change) {
        auto nodes = model_graph::forest(teachers).loosened();
        change(nodes);
        auto const made = make_graph(teachers, nodes);
        return made ? std::string{"nothing"} : made.error().message;
    };
    CHECK(wrong([](auto&) {}) == "nothing");
    CHECK(wrong([](auto& n) { n[8].id = {1, 1}; }) == "node 1.1: is there twice");
    CHECK(wrong([](auto& n) { n[8].id = {3, 1}; }) == "node 3.1: is no block of these teachers");
    CHECK(wrong([](auto& n) { n[8].id = {2, 6}; }) == "node 2.6: is no block of these teachers");
    CHECK(wrong([](auto& n) { n[8].parent = 0; }) == "node 2.0: ends the tree, and is no output");
    CHECK(wrong([](auto& n) { n[7].parent = 6; }) == "node 1.5: is the output of its task, yet something reads it");
    CHECK(wrong([](auto& n) { n[9].parent = 0; }) == "node 2.1: ends the tree, and is no output");
    CHECK(wrong([](auto& n) {
              n[8].parent = 0;
              n.erase(n.begin() + 7);
              for (std::size_t i = 8; i < n.size(); ++i) {
                  n[i].parent -= 1;
              }
          }) == "node 2.1: reads 4x8x8, but its parent gives 3x8x8");
    CHECK(wrong([](auto& n) { n.pop_back(); }) == "node 2.4: ends the tree, and is no output");
    CHECK(wrong([](auto& n) { n.resize(7); }) == "task 2: has no output");
    CHECK(wrong([](auto& n) { n[3].parent = 4; }) ==
          "some nodes of the graph hang on one another, and none of them on the root");
    CHECK(wrong([](auto& n) { n[3].parent = 99; }) == "node 1.2: has no parent in the graph");
    CHECK(wrong([](auto& n) { n[0].parent = 1; }) == "the first node of a graph is its root, 0.0, which has no parent");
    CHECK(wrong([](auto& n) { n[0].id = {1, 9}; }) ==
          "the first node of a graph is its root, 0.0, which has no parent");
}

TEST_CASE("graph_rules: an adapter must feed somebody what its kind can make") {
    auto const teachers = two_chains();
    auto const wrong = [&](loose_node adapter) {
        auto nodes = model_graph::forest(teachers).loosened();
        nodes.push_back(adapter);
        nodes[3].parent = 13; // 1.2 reads it
        auto const made = make_graph(teachers, nodes);
        return made ? std::string{"nothing"} : made.error().message;
    };
    auto const conv1x1 = adapter_kind::convolution;
    CHECK(wrong({{1, 8}, conv1x1, 2, {4, 8, 8}}) == "nothing");
    CHECK(wrong({{1, 8}, conv1x1, 7, {4, 8, 8}}) == "node 1.1: ends the tree, and is no output");
    CHECK(wrong({{1, 8}, conv1x1, 2, {5, 8, 8}}) == "node 1.2: reads 4x8x8, but its parent gives 5x8x8");
    CHECK(wrong({{1, 8}, conv1x1, 2, {4, 4, 8}}) == "node 1.8: cannot make 4x4x8 of 4x8x8");
    CHECK(wrong({{1, 8}, adapter_kind::linear, 2, {4, 8, 8}}) == "node 1.8: cannot make 4x8x8 of 4x8x8");
    CHECK(wrong({{1, 5}, conv1x1, 2, {4, 8, 8}}) == "node 1.5: is an adapter with the name of a block");
    CHECK(wrong({{0, 9}, conv1x1, 2, {4, 8, 8}}) == "node 0.9: is an adapter with the name of a block");
    auto nodes = model_graph::forest(teachers).loosened();
    nodes.push_back({{1, 8}, conv1x1, 2, {4, 8, 8}});
    CHECK(make_graph(teachers, nodes).error().message == "node 1.8: is an adapter that feeds nothing");
}

TEST_CASE("segments: straight pieces between branch points, each behind the one it reads") {
    auto const teachers = three_chains();
    auto const made = segments(graph_of(teachers, "2.0 [1.1 1.2 | 2.1 [2.2 | 3.2]]"));
    REQUIRE(made.size() == 5);
    CHECK(made[0] == segment{1, 2, segment::input, 0});
    CHECK(made[1] == segment{2, 4, 0, 1});
    CHECK(made[2] == segment{4, 5, 0, 0});
    CHECK(made[3] == segment{5, 6, 2, 2});
    CHECK(made[4] == segment{6, 7, 2, 3});
    CHECK(output_segments(made, 3) == std::vector<std::uint32_t>{1, 3, 4});

    auto const apart = segments(model_graph::forest(teachers));
    REQUIRE(apart.size() == 3);
    CHECK(apart[1] == segment{4, 7, segment::input, 2});
    auto const one = teacher_set::make({teachers.teachers()[0]}).value();
    CHECK(segments(model_graph::forest(one)) == std::vector{segment{1, 4, segment::input, 1}});
    CHECK(segments(model_graph{}).empty());
}

} // namespace hpcsched::fuse
