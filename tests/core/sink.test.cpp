// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/core/sink.hpp>

#include <doctest/doctest.h>

#include <type_traits>
#include <utility>
#include <vector>

namespace hpcsched {
namespace {

std::vector<int> items_of(buffer<int> const& from) {
    return {from.items().begin(), from.items().end()};
}

template <class Sink>
concept readable = requires(Sink const& s) { s.items(); };

template <class Sink>
concept clearable = requires(Sink& s) { s.clear(); };

} // namespace

TEST_CASE("sink: what is appended comes out in the same order") {
    buffer<int> commands;
    sink<int>& out = commands;
    for (int i = 0; i < 100; ++i) {
        out.append(i * i);
    }
    REQUIRE(commands.size() == 100);
    CHECK(commands.items()[7] == 49);
    CHECK(commands.items().back() == 99 * 99);
}

TEST_CASE("sink: a policy can only append") {
    static_assert(!readable<sink<int>>);
    static_assert(!clearable<sink<int>>);
    static_assert(!std::is_copy_constructible_v<sink<int>>);
    static_assert(!std::is_default_constructible_v<sink<int>>);
    static_assert(!std::is_destructible_v<sink<int>>);
    static_assert(readable<buffer<int>>);
    static_assert(clearable<buffer<int>>);
}

TEST_CASE("sink: clearing keeps the memory") {
    buffer<int> commands;
    for (int i = 0; i < 100; ++i) {
        commands.append(i);
    }
    int const* const memory = commands.items().data();
    commands.clear();
    CHECK(commands.empty());
    commands.append(-1);
    CHECK(commands.items().data() == memory);
    CHECK(items_of(commands) == std::vector<int>{-1});
}

} // namespace hpcsched
