// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/core/random.hpp>
#include <hpcsched/cpu/detail/pairing_heap.hpp>

#include <boost/random/uniform_int_distribution.hpp>
#include <doctest/doctest.h>

#include <compare>
#include <cstddef>
#include <set>
#include <utility>
#include <vector>

namespace hpcsched::cpu::detail {

namespace {

struct node : pairing_hook<node> {
    int key = 0;
    int number = 0;
};

struct by_key {
    bool operator()(node const& a, node const& b) const {
        return std::pair{a.key, a.number} < std::pair{b.key, b.number};
    }
};

using heap = pairing_heap<node, by_key>;
using oracle = std::set<std::pair<int, int>>;

std::pair<int, int> name(node const& n) {
    return {n.key, n.number};
}

} // namespace

TEST_CASE("pairing_heap: pops in order, equal keys included") {
    std::vector<node> nodes(5);
    heap h;
    for (std::size_t i = 0; i < nodes.size(); ++i) {
        nodes[i].key = std::vector{3, 1, 2, 1, 3}[i];
        nodes[i].number = static_cast<int>(i);
        h.push(nodes[i]);
    }
    std::vector<int> popped;
    while (!h.empty()) {
        popped.push_back(h.top()->number);
        h.pop();
    }
    CHECK(popped == std::vector{1, 3, 2, 0, 4});
}

TEST_CASE("pairing_heap: a node knows whether it is in") {
    node n;
    heap h;
    CHECK(!n.in_heap());
    h.push(n);
    CHECK(n.in_heap());
    h.erase(n);
    CHECK(!n.in_heap());
    CHECK(h.empty());
    CHECK(h.top() == nullptr);
}

TEST_CASE("pairing_heap: moving it moves the nodes") {
    node n;
    heap from;
    from.push(n);
    heap to{std::move(from)};
    CHECK(to.top() == &n);
    CHECK(from.empty()); // NOLINT(bugprone-use-after-move): documented
    to.pop();
}

TEST_CASE("pairing_heap: agrees with a sorted set over random operations") {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        random_stream random{seed, "pairing_heap"};
        boost::random::uniform_int_distribution<int> below_100{0, 99};
        std::vector<node> nodes(200);
        for (std::size_t i = 0; i < nodes.size(); ++i) {
            nodes[i].number = static_cast<int>(i);
        }
        boost::random::uniform_int_distribution<std::size_t> index{0, nodes.size() - 1};
        heap h;
        oracle o;
        CAPTURE(seed);
        for (int step = 0; step < 5'000; ++step) {
            node& n = nodes[index(random)];
            int const dice = below_100(random);
            if (!n.in_heap() && dice < 60) {
                n.key = below_100(random) / 5;
                h.push(n);
                o.insert(name(n));
            } else if (n.in_heap() && dice < 25) {
                h.erase(n);
                o.erase(name(n));
            } else if (dice >= 75 && !h.empty()) {
                REQUIRE(name(*h.top()) == *o.begin());
                o.erase(o.begin());
                h.pop();
            }
            REQUIRE(h.empty() == o.empty());
            if (!h.empty()) {
                REQUIRE(name(*h.top()) == *o.begin());
            }
            if (step % 10 == 0) { // the first of those with an odd number
                node const* const found = h.first_if([](node const& x) { return x.number % 2 == 1; });
                auto expected = o.begin();
                while (expected != o.end() && expected->second % 2 == 0) {
                    ++expected;
                }
                REQUIRE((found == nullptr) == (expected == o.end()));
                if (found != nullptr) {
                    REQUIRE(name(*found) == *expected);
                }
            }
        }
    }
}

} // namespace hpcsched::cpu::detail
