// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/fuse/graph_hash.hpp>
#include <hpcsched/testing/fuse_networks.hpp>

#include <doctest/doctest.h>

#include "small.hpp"

#include <cstdint>
#include <vector>

namespace hpcsched::fuse {
namespace {

using namespace test;

// Task and layer of the parent, task and layer of the node: 4, 9, 4 and 9 bits.
constexpr std::uint32_t edge(std::uint32_t pt, std::uint32_t pl, std::uint32_t t, std::uint32_t l) {
    return ((pt * 512 + pl) * 16 + t) * 512 + l;
}

} // namespace

// gmorph.md 1: breadth-first, each level sorted by node id.
TEST_CASE("graph_hash: the code lists edges by levels, 26 bits each") {
    auto const teachers = three_chains();
    auto const code = graph_code(model_graph::forest(teachers));
    CHECK(code == std::vector<std::uint32_t>{512, 1024, 1536, // 1.0, 2.0 and 3.0 below the root
                                             edge(1, 0, 1, 1), edge(2, 0, 2, 1), edge(3, 0, 3, 1), //
                                             edge(1, 1, 1, 2), edge(2, 1, 2, 2), edge(3, 1, 3, 2)});
    CHECK(edge(1, 0, 1, 1) == 4'194'817);
    CHECK(graph_code(graph_of(teachers, "2.0 [1.1 1.2 | 2.1 [2.2 | 3.2]]")) ==
          std::vector<std::uint32_t>{1024, edge(2, 0, 1, 1), edge(2, 0, 2, 1), edge(1, 1, 1, 2), edge(2, 1, 2, 2),
                                     edge(2, 1, 3, 2)});
    CHECK(edge(15, 511, 15, 511) == (1U << 26U) - 1);
}

TEST_CASE("graph_hash: same weights in the same places, and only those, have the same hash") {
    auto const teachers = three_chains();
    auto const a = graph_of(teachers, "2.0 [1.1 1.2 | 2.1 [2.2 | 3.2]]");
    auto const b = graph_of(teachers, "2.0 [2.1 [3.2 | 2.2] | 1.1 1.2]");
    auto const c = graph_of(teachers, "1.0 [1.1 1.2 | 2.1 [2.2 | 3.2]]"); // another teacher's first block
    CHECK(graph_hash(a) == graph_hash(b));
    CHECK(graph_hash(a) != graph_hash(c));
    CHECK(identity_hash(a) == identity_hash(b));
    CHECK(identity_hash(a) != identity_hash(c));
    CHECK(topology_hash(teachers, a) == topology_hash(teachers, c));
    CHECK(topology_hash_by_levels(teachers, a) == topology_hash_by_levels(teachers, c));
}

TEST_CASE("graph_hash: topology by levels depends on where weights come from, topology does not") {
    // Below a shared first block two branches, whose second blocks come from 1 and 2 or from 2 and 1.
    auto const teachers = teacher_set::make({{"a", {conv(3, 4, 1), conv(4, 4, 1), conv(4, 4, 1), head(4, 2, 1)}},
                                             {"b", {conv(3, 4, 1), relu(4), conv(4, 4, 1), head(4, 5, 1)}}})
                              .value();
    auto const own = graph_of(teachers, "1.0 [1.1 1.2 1.3 | 2.1 2.2 2.3]");
    auto const swapped = graph_of(teachers, "1.0 [1.1 1.2 1.3 | 2.1 2.2 2.3]");
    CHECK(topology_hash(teachers, own) == topology_hash(teachers, swapped));
    auto const crossed = graph_of(teachers, "1.0 [1.1 2.2 1.3 | 2.1 1.2 2.3]");
    CHECK(topology_hash(teachers, own) == topology_hash(teachers, crossed));
    CHECK(topology_hash_by_levels(teachers, own) != topology_hash_by_levels(teachers, crossed));
    CHECK(graph_hash(own) != graph_hash(crossed));
}

TEST_CASE("graph_hash: an adapter counts with its kind and shapes") {
    auto const teachers = two_chains();
    auto nodes = model_graph::forest(teachers).loosened();
    nodes.push_back({{1, 8}, adapter_kind::convolution, 2, {4, 8, 8}});
    nodes[3].parent = 13;
    auto const with = make_graph(teachers, nodes).value();
    nodes[13].adapter = adapter_kind::convolution_interpolation;
    auto const other = make_graph(teachers, nodes).value();
    auto const forest = model_graph::forest(teachers);
    CHECK(identity_hash(with) != identity_hash(other));
    CHECK(topology_hash(teachers, with) != topology_hash(teachers, other));
    CHECK(topology_hash(teachers, with) != topology_hash(teachers, forest));
    CHECK(graph_hash(with) == graph_hash(other)); // as GMorph's: by names alone
    CHECK(graph_hash(with) != graph_hash(forest));
}

TEST_CASE("graph_hash: the outputs of tasks are told apart") {
    // Heads of equal structure, one below the first block, one below the second.
    auto const teachers = teacher_set::make({{"a", {conv(3, 4, 1), conv(4, 4, 1), head(4, 2, 1)}},
                                             {"b", {conv(3, 4, 1), conv(4, 4, 1), head(4, 2, 1)}}})
                              .value();
    CHECK(topology_hash(teachers, graph_of(teachers, "1.0 [1.1 1.2 | 2.2]")) !=
          topology_hash(teachers, graph_of(teachers, "1.0 [1.2 | 2.1 2.2]")));
}

} // namespace hpcsched::fuse
