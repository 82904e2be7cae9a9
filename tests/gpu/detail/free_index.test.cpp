// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/core/random.hpp>
#include <hpcsched/gpu/detail/free_index.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <map>
#include <vector>

namespace hpcsched::gpu::detail {
namespace {

std::vector<std::uint32_t> hosts_of(free_index const& index, std::uint32_t free) {
    std::vector<std::uint32_t> hosts;
    index.visit_while(free, [&](std::uint32_t host) {
        hosts.push_back(host);
        return true;
    });
    return hosts;
}

TEST_CASE("free_index: a host is among those with as many free as it has, and nowhere else") {
    random_stream bits{1, "free_index"};
    free_index index;
    std::map<std::uint32_t, std::uint32_t> free_of;
    for (int n = 0; n < 5000; ++n) {
        auto const host = static_cast<std::uint32_t>(bits() % 300);
        auto const now = static_cast<std::uint32_t>(bits() % 9);
        index.move(host, free_of[host], now);
        free_of[host] = now;
    }
    REQUIRE(index.most() == 8);
    for (std::uint32_t free = 1; free <= 8; ++free) {
        std::vector<std::uint32_t> expected;
        for (auto const& [host, has] : free_of) {
            if (has == free) {
                expected.push_back(host);
            }
            CHECK(index.contains(host, free) == (has == free));
        }
        CHECK(hosts_of(index, free) == expected); // in ascending order
        CHECK(index.count(free) == expected.size());
    }
}

TEST_CASE("free_index: a visit ends where the visitor says so") {
    free_index index;
    for (std::uint32_t host = 0; host < 200; ++host) {
        index.move(host, 0, 2);
    }
    std::uint32_t seen = 0;
    index.visit_while(2, [&](std::uint32_t host) {
        ++seen;
        return host < 70;
    });
    CHECK(seen == 71);
    CHECK(hosts_of(index, 1).empty());
    CHECK_FALSE(index.contains(5, 0));
    CHECK_FALSE(index.contains(5, 64));
    CHECK_FALSE(index.contains(100'000, 2));
}

} // namespace
} // namespace hpcsched::gpu::detail
