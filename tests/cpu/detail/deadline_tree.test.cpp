// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/core/random.hpp>
#include <hpcsched/cpu/detail/deadline_tree.hpp>

#include <boost/random/uniform_int_distribution.hpp>
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace hpcsched::cpu::detail {

namespace {

struct node : deadline_hook<node> {
    bool is_in = false;
};

/// What the tree is for, by looking at everything.
node const* earliest(std::vector<node> const& nodes, std::int64_t vruntime_max) {
    node const* best = nullptr;
    for (node const& n : nodes) {
        if (n.is_in && n.vruntime <= vruntime_max && (best == nullptr || deadline_tree<node>::is_before(n, *best))) {
            best = &n;
        }
    }
    return best;
}

duration shortest_slice(std::vector<node> const& nodes) {
    duration least = unlimited;
    for (node const& n : nodes) {
        least = n.is_in ? std::min(least, n.slice) : least;
    }
    return least;
}

std::size_t depth(node const* n) {
    return n == nullptr ? 0 : 1 + std::max(depth(n->earlier), depth(n->later));
}

} // namespace

TEST_CASE("deadline_tree: the earliest deadline among the eligible, then the earlier sequence") {
    std::vector<node> nodes(4);
    deadline_tree<node> tree;
    CHECK(tree.earliest_if([](std::int64_t) { return true; }) == nullptr);
    CHECK(tree.least_slice() == unlimited);
    for (std::size_t i = 0; i < nodes.size(); ++i) {
        nodes[i].sequence = i;
        nodes[i].deadline = std::vector{10, 20, 20, 30}[i];
        nodes[i].vruntime = std::vector{9, 5, 5, 1}[i];
        nodes[i].slice = duration{std::vector{4, 3, 2, 5}[i]};
        tree.insert(nodes[i]);
    }
    auto const found = [&](std::int64_t limit) {
        return tree.earliest_if([limit](std::int64_t vruntime) { return vruntime <= limit; });
    };
    CHECK(found(9) == &nodes[0]);
    CHECK(found(8) == &nodes[1]);
    CHECK(found(4) == &nodes[3]);
    CHECK(found(0) == nullptr);
    CHECK(tree.least_slice() == duration{2});
    tree.erase(nodes[1]);
    tree.erase(nodes[2]);
    CHECK(found(8) == &nodes[3]);
    CHECK(tree.least_slice() == duration{4});
}

TEST_CASE("deadline_tree: agrees with looking at every node over random operations") {
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
        random_stream random{seed, "deadline_tree"};
        boost::random::uniform_int_distribution<std::int64_t> times{-50, 50};
        boost::random::uniform_int_distribution<std::size_t> index{0, 99};
        std::vector<node> nodes(100);
        deadline_tree<node> tree;
        CAPTURE(seed);
        for (int step = 0; step < 4'000; ++step) {
            node& n = nodes[index(random)];
            if (n.is_in) {
                tree.erase(n);
            } else {
                n.sequence = static_cast<std::uint64_t>(&n - nodes.data());
                n.vruntime = times(random);
                n.deadline = n.vruntime + 51 + times(random);
                n.slice = duration{51 + times(random)};
                tree.insert(n);
            }
            n.is_in = !n.is_in;
            std::int64_t const limit = times(random);
            REQUIRE(tree.earliest_if([limit](std::int64_t v) { return v <= limit; }) == earliest(nodes, limit));
            REQUIRE(tree.least_slice() == shortest_slice(nodes));
        }
    }
}

TEST_CASE("deadline_tree: stays shallow however the deadlines come") {
    for (int pattern = 0; pattern < 3; ++pattern) {
        std::vector<node> nodes(4096);
        deadline_tree<node> tree;
        for (std::size_t i = 0; i < nodes.size(); ++i) {
            auto const k = static_cast<std::int64_t>(i);
            nodes[i].sequence = i;
            nodes[i].deadline = pattern == 0 ? k : (pattern == 1 ? -k : 7);
            tree.insert(nodes[i]);
        }
        node const* root = &nodes[0];
        for (node const& n : nodes) {
            root = n.priority > root->priority ? &n : root;
        }
        CAPTURE(pattern);
        CHECK(depth(root) <= 40); // 12 at best, about 2 ln 4096 = 17 on average to a node
    }
}

} // namespace hpcsched::cpu::detail
