// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/core/random.hpp>
#include <hpcsched/raft_sim/linearizability.hpp>

#include <boost/random/uniform_int_distribution.hpp>
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <numeric>
#include <vector>

namespace hpcsched::raft_sim {
namespace {

using kind = operation::kind;

observed_operation op(kind what, std::int64_t called, std::int64_t returned, std::uint64_t answer,
                      std::uint64_t value = 0, std::uint64_t expected = 0) {
    return {{what, 0, value, expected},
            time_point{duration{called}},
            returned < 0 ? never : time_point{duration{returned}},
            answer};
}

verdict judge(std::initializer_list<observed_operation> history) {
    std::vector<observed_operation> const all(history);
    return check_registers(all);
}

// Tries every order of every choice of the operations without an answer.
bool plainly_linearizable(std::vector<observed_operation> const& ops) {
    std::vector<std::size_t> order(ops.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    do {
        for (unsigned chosen = 0; chosen < (1U << ops.size()); ++chosen) {
            std::uint64_t held = 0;
            bool fits = true;
            std::vector<std::size_t> taken;
            for (std::size_t const i : order) {
                observed_operation const& o = ops[i];
                bool const in = ((chosen >> i) & 1U) != 0;
                fits = fits && (in || o.returned == never);
                if (!in) {
                    continue;
                }
                for (std::size_t const before : taken) {
                    fits = fits && !(o.returned < ops[before].called);
                }
                taken.push_back(i);
                fits = fits && (o.returned == never || o.answer == held);
                if (o.what.what == kind::write || (o.what.what == kind::compare_and_swap && held == o.what.expected)) {
                    held = o.what.value;
                }
            }
            if (fits) {
                return true;
            }
        }
    } while (std::ranges::next_permutation(order).found);
    return false;
}

} // namespace

TEST_CASE("linearizability: operations one after the other must see each other") {
    CHECK(judge({op(kind::write, 0, 1, 0, 5), op(kind::read, 2, 3, 5)}) == verdict::linearizable);
    CHECK(judge({op(kind::write, 0, 1, 0, 5), op(kind::read, 2, 3, 0)}) == verdict::violated);
}

TEST_CASE("linearizability: operations that overlap may come in either order") {
    CHECK(judge({op(kind::write, 0, 9, 0, 5), op(kind::read, 1, 2, 0), op(kind::read, 3, 4, 5)}) ==
          verdict::linearizable);
    CHECK(judge({op(kind::write, 0, 9, 0, 5), op(kind::read, 1, 2, 5), op(kind::read, 3, 4, 0)}) ==
          verdict::violated); // once seen, it stays
}

TEST_CASE("linearizability: an operation without an answer may have happened, late, or never") {
    CHECK(judge({op(kind::write, 0, -1, 0, 5), op(kind::read, 1, 2, 0), op(kind::read, 100, 101, 5)}) ==
          verdict::linearizable);
    CHECK(judge({op(kind::write, 0, -1, 0, 5), op(kind::read, 1, 2, 0)}) == verdict::linearizable);
    CHECK(judge({op(kind::write, 3, -1, 0, 5), op(kind::read, 1, 2, 5)}) == verdict::violated); // before it was called
}

TEST_CASE("linearizability: a command carried out twice is found") {
    CHECK(judge({op(kind::compare_and_swap, 0, 1, 0, 5, 0), op(kind::write, 2, 3, 5, 0), op(kind::read, 4, 5, 5)}) ==
          verdict::violated);
}

TEST_CASE("linearizability: registers are judged each alone") {
    auto other = op(kind::read, 2, 3, 0);
    other.what.key = 1;
    CHECK(judge({op(kind::write, 0, 1, 0, 5), other}) == verdict::linearizable);
}

TEST_CASE("linearizability: agrees with trying every order over random short histories") {
    int violated = 0;
    for (std::uint64_t seed = 1; seed <= 1500; ++seed) {
        random_stream bits{seed, "linearizability"};
        auto const draw = [&](std::uint64_t most) {
            return boost::random::uniform_int_distribution<std::uint64_t>{0, most}(bits);
        };
        std::vector<observed_operation> history;
        for (std::uint64_t i = 0; i <= draw(4); ++i) {
            auto const called = static_cast<std::int64_t>(draw(12));
            std::int64_t const returned = draw(5) == 0 ? -1 : called + static_cast<std::int64_t>(1 + draw(6));
            history.push_back(op(static_cast<kind>(draw(2)), called, returned, draw(2), 1 + draw(1), draw(2)));
        }
        bool const plain = plainly_linearizable(history);
        violated += plain ? 0 : 1;
        REQUIRE((check_register(history) == verdict::linearizable) == plain);
    }
    CHECK(violated > 200);
    CHECK(violated < 1300);
}

} // namespace hpcsched::raft_sim
