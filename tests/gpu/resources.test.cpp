// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/gpu/resources.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <initializer_list>
#include <limits>

namespace hpcsched::gpu {
namespace {

TEST_CASE("resources: amounts are added and taken away in every dimension") {
    resources const a{1, 20, 300, 4000};
    resources const b{5, 6, 7, 8};
    CHECK(a + b == resources{6, 26, 307, 4008});
    CHECK(a + b - b == a);
    CHECK(resources{} + a == a);
}

TEST_CASE("resources: an amount fits where no dimension is too large") {
    resources const room{10, 10, 10, 10};
    CHECK(room.fits(room));
    CHECK(resources{}.fits(room));
    CHECK_FALSE(resources{11, 0, 0, 0}.fits(room));
    CHECK_FALSE(resources{0, 11, 0, 0}.fits(room));
    CHECK_FALSE(resources{0, 0, 11, 0}.fits(room));
    CHECK_FALSE(resources{0, 0, 0, 11}.fits(room));
}

TEST_CASE("resources: an amount is sound where no dimension is negative or beyond the bound") {
    constexpr std::int64_t most = std::int64_t{1} << 40U;
    CHECK(resources{}.sound());
    CHECK(resources{most, most, most, most}.sound());
    for (std::int64_t const wrong : {std::int64_t{-1}, most + 1, std::numeric_limits<std::int64_t>::min(),
                                     std::numeric_limits<std::int64_t>::max()}) {
        CHECK_FALSE(resources{wrong, 0, 0, 0}.sound());
        CHECK_FALSE(resources{0, wrong, 0, 0}.sound());
        CHECK_FALSE(resources{0, 0, wrong, 0}.sound());
        CHECK_FALSE(resources{0, 0, 0, wrong}.sound());
    }
    CHECK(resources{11, 0, 0, 0}.sound(11));
    CHECK_FALSE(resources{11, 0, 0, 0}.sound(10));
}

} // namespace
} // namespace hpcsched::gpu
