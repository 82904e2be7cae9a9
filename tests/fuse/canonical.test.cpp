// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/fuse/canonical.hpp>
#include <hpcsched/fuse/graph_rules.hpp>

#include <doctest/doctest.h>

#include "small.hpp"

#include <vector>

namespace hpcsched::fuse {
namespace {

using namespace test;

// Task 1's 1.2 reads, behind 1.1, the adapters given, each the one before it.
std::vector<loose_node> chained(teacher_set const& teachers, std::vector<loose_node> const& adapters) {
    auto nodes = model_graph::forest(teachers).loosened();
    node_index above = 2;
    for (loose_node a : adapters) {
        a.parent = above;
        nodes.push_back(a);
        above = static_cast<node_index>(nodes.size() - 1);
    }
    nodes[3].parent = above;
    return nodes;
}

constexpr auto conv1x1 = adapter_kind::convolution;
constexpr auto bilinear = adapter_kind::interpolation;

} // namespace

TEST_CASE("canonical: a graph without adapters is itself") {
    auto const teachers = three_chains();
    auto const made = graph_of(teachers, "2.0 [1.1 1.2 | 2.1 [2.2 | 3.2]]");
    CHECK(canonical(teachers, made) == made);
}

TEST_CASE("canonical: an adapter is named after the block that it feeds") {
    auto const teachers = two_chains();
    auto const made = canonical(teachers, chained(teachers, {{{2, 77}, conv1x1, 0, {4, 8, 8}}}));
    CHECK(text_of(made) == "[1.0 1.1 1.8:convolution 1.2 1.3 1.4 1.5 | 2.0 2.1 2.2 2.3 2.4 2.5]");
    CHECK(canonical(teachers, made) == made);
}

// gmorph.md 6.3-6: adapters stack, the best B1 model has three in a row.
TEST_CASE("canonical: of three adapters in a row one is left, or none") {
    auto const teachers = two_chains();
    auto const to = [](tensor_shape shape, adapter_kind kind, std::uint16_t layer) {
        return loose_node{{1, layer}, kind, 0, shape};
    };
    auto const ends_equal = chained(teachers, {to({8, 8, 8}, conv1x1, 8), to({8, 4, 4}, bilinear, 9),
                                               to({4, 8, 8}, adapter_kind::convolution_interpolation, 10)});
    REQUIRE(make_graph(teachers, ends_equal).has_value());
    CHECK(canonical(teachers, ends_equal) == model_graph::forest(teachers));

    auto wide = two_chains(true);
    auto nodes = model_graph::forest(wide).loosened();
    nodes.push_back({{2, 20}, bilinear, 2, {4, 4, 4}}); // below 1.1
    nodes.push_back({{2, 21}, conv1x1, 13, {6, 4, 4}});
    nodes.push_back({{2, 22}, bilinear, 14, {6, 8, 8}});
    nodes[9].parent = 15; // 2.2 reads it, and 2.0 and 2.1 are gone
    nodes[7].parent = no_node;
    nodes[8].parent = no_node;
    auto const made = canonical(wide, nodes);
    CHECK(text_of(made) == "1.0 1.1 [1.2 1.3 1.4 1.5 | 2.8:convolution 2.2 2.3 2.4 2.5]");
    CHECK(validate(wide, made).has_value());
}

TEST_CASE("canonical: an adapter below a shared adapter reads what that reads") {
    auto const teachers = two_chains(true);
    auto nodes = model_graph::forest(teachers).loosened();
    nodes.push_back({{2, 20}, conv1x1, 2, {6, 8, 8}});  // below 1.1, feeds 2.2 and the next
    nodes.push_back({{1, 20}, conv1x1, 13, {4, 8, 8}}); // feeds 1.2
    nodes[9].parent = 13;
    nodes[3].parent = 14;
    nodes[7].parent = no_node;
    nodes[8].parent = no_node;
    CHECK(text_of(canonical(teachers, nodes)) == "1.0 1.1 [1.2 1.3 1.4 1.5 | 2.8:convolution 2.2 2.3 2.4 2.5]");
}

TEST_CASE("canonical: an interpolation that changes nothing goes, a translation stays") {
    auto const teachers = two_chains();
    CHECK(canonical(teachers, chained(teachers, {{{1, 8}, bilinear, 0, {4, 8, 8}}})) == model_graph::forest(teachers));
    CHECK(canonical(teachers, chained(teachers, {{{1, 8}, conv1x1, 0, {4, 8, 8}}})) != model_graph::forest(teachers));
}

TEST_CASE("canonical: an adapter shared by two blocks has the name of the first") {
    auto const teachers = two_chains(true);
    auto nodes = model_graph::forest(teachers).loosened();
    nodes.push_back({{2, 20}, conv1x1, 2, {6, 8, 8}});
    nodes[9].parent = 13;  // 2.2 and
    nodes[11].parent = 13; // 2.4 read it
    nodes[7].parent = no_node;
    nodes[8].parent = no_node;
    nodes[10].id = {2, 3};
    nodes[9].parent = no_node; // 2.2 and 2.3 are gone again
    nodes[10].parent = no_node;
    CHECK(text_of(canonical(teachers, nodes)) == "1.0 1.1 [1.2 1.3 1.4 1.5 | 2.10:convolution 2.4 2.5]");
}

} // namespace hpcsched::fuse
