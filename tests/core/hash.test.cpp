// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/core/hash.hpp>

#include <doctest/doctest.h>

#include <bit>
#include <cstdint>
#include <string_view>

namespace hpcsched {
namespace {

template <class... Parts>
constexpr std::uint64_t hash_of(Parts... parts) {
    sequence_hash hash;
    (hash.add(parts), ...);
    return hash.value();
}

using text = std::string_view;
using word = std::uint64_t;

} // namespace

TEST_CASE("hash: a first word of zero gives the first output of SplitMix64 seeded with zero") {
    static_assert(hash_of(word{0}) == 0xe220a8397b1dcdafULL);
    CHECK(hash_of(word{0}) == 0xe220a8397b1dcdafULL);
}

TEST_CASE("hash: order counts") {
    CHECK(hash_of(word{1}, word{2}) != hash_of(word{2}, word{1}));
}

TEST_CASE("hash: two texts are not their concatenation") {
    CHECK(hash_of(text{"ab"}, text{"c"}) != hash_of(text{"a"}, text{"bc"}));
    CHECK(hash_of(text{"ab"}, text{"c"}) != hash_of(text{"abc"}));
    CHECK(hash_of(text{""}) != sequence_hash{}.value());
}

TEST_CASE("hash: bytes beyond ASCII do not depend on whether char is signed") {
    CHECK(hash_of(text{"\xff"}) == hash_of(word{0xff}, word{1}));
}

TEST_CASE("hash: one changed bit changes about half of the bits") {
    int changed = 0;
    for (unsigned bit = 0; bit < 64; ++bit) {
        changed += std::popcount(hash_of(word{42}) ^ hash_of(word{42} ^ (word{1} << bit)));
    }
    CHECK(changed > 64 * 28);
    CHECK(changed < 64 * 36);
}

} // namespace hpcsched
