// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/fuse/capacity.hpp>
#include <hpcsched/testing/fuse_networks.hpp>

#include <doctest/doctest.h>

#include "small.hpp"

#include <cstdint>
#include <vector>

namespace hpcsched::fuse {
namespace {

using namespace test;
using numbers = std::vector<std::uint64_t>;

} // namespace

// gmorph.md 3: length 1 + N + (2^N - 1), split at 1 + N + N.
TEST_CASE("capacity: the total, each task's, and each set's own, by hand") {
    auto const teachers = three_chains();
    auto const forest = capacity(teachers, model_graph::forest(teachers));
    CHECK(forest.values == numbers{666, 111, 222, 333, 111, 222, 333, 0, 0, 0, 0});
    CHECK(forest.split == 7);
    CHECK(forest.total() == 666);
    CHECK(forest.own().size() == 7);
    CHECK(forest.shared().size() == 4);

    auto const fused = capacity(teachers, graph_of(teachers, "2.0 [1.1 1.2 | 2.1 [2.2 | 3.2]]"));
    // 2 of all; 110 of task 1; 20 of 2 and 3; 200 and 300 of one each.
    CHECK(fused.values == numbers{632, 112, 222, 322, 110, 200, 300, 0, 0, 20, 2});
}

TEST_CASE("capacity: sets of tasks by size, then as words") {
    CHECK(task_sets(1) == std::vector<task_mask>{1});
    CHECK(task_sets(3) == std::vector<task_mask>{1, 2, 4, 3, 5, 6, 7});
    CHECK(task_sets(4) == std::vector<task_mask>{1, 2, 4, 8, 3, 5, 9, 6, 10, 12, 7, 11, 13, 14, 15});
    CHECK(task_sets(15).size() == 32'767);
}

TEST_CASE("capacity: adapters count nothing") {
    auto const teachers = two_chains();
    auto nodes = model_graph::forest(teachers).loosened();
    nodes.push_back({{1, 8}, adapter_kind::convolution, 2, {4, 8, 8}});
    nodes[3].parent = 13;
    CHECK(capacity(teachers, make_graph(teachers, nodes).value()) == capacity(teachers, model_graph::forest(teachers)));
}

TEST_CASE("capacity: sums agree on drawn forests") {
    for (std::uint64_t seed = 1; seed <= 100; ++seed) {
        auto const teachers = testing::drawn_teachers(seed);
        auto const made = capacity(teachers, model_graph::forest(teachers));
        std::size_t const n = teachers.task_count();
        REQUIRE(made.values.size() == 1 + n + (std::size_t{1} << n) - 1);
        std::uint64_t sum = 0;
        for (std::size_t t = 0; t < n; ++t) {
            CHECK(made.values[1 + t] == made.values[1 + n + t]);
            sum += made.values[1 + t];
        }
        CHECK(made.total() == sum);
    }
}

} // namespace hpcsched::fuse
