// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/faas_host/keep_alive.hpp>

#include <doctest/doctest.h>

namespace {

using namespace hpcsched;
using namespace hpcsched::faas_host;
using namespace std::chrono_literals;

struct deaf {
    [[nodiscard]] warm_windows windows() const noexcept { return {}; }
};
struct mute {
    void observe(duration) noexcept {}
};
struct throws {
    void observe(duration) {}
    [[nodiscard]] warm_windows windows() const noexcept { return {}; }
};
static_assert(!keep_alive_policy<deaf>);
static_assert(!keep_alive_policy<mute>);
static_assert(!keep_alive_policy<throws>);

/// Keeps a worker as long as the last pause was.
struct last_pause {
    void observe(duration idle) noexcept { last = idle; }
    [[nodiscard]] warm_windows windows() const noexcept { return {.keep_alive = last}; }
    duration last{};
};

TEST_CASE("keep alive: the fixed one learns nothing") {
    fixed_keep_alive policy{5min};
    policy.observe(1h);
    CHECK(policy.windows() == warm_windows{.keep_alive = 5min});
}

TEST_CASE("keep alive: any policy does what the one in it does, and a copy learns on its own") {
    any_keep_alive one{last_pause{}};
    one.observe(3s);
    any_keep_alive other = one;
    other.observe(7s);
    CHECK(one.windows().keep_alive == 3s);
    CHECK(other.windows().keep_alive == 7s);
    one = other;
    CHECK(one.windows().keep_alive == 7s);
}

} // namespace
