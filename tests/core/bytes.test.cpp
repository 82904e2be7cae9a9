// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/core/bytes.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <span>
#include <string>
#include <string_view>

namespace hpcsched {
namespace {

std::span<std::byte const> bytes_of(std::string_view text) {
    return std::as_bytes(std::span{text});
}
std::string text_of(std::span<std::byte const> bytes) {
    return {reinterpret_cast<char const*>(bytes.data()), bytes.size()};
}

} // namespace

TEST_CASE("bytes: a word is eight bytes, the least significant first") {
    byte_buffer out;
    put_word(out, 0x0102030405060708);
    CHECK(text_of(out) == "\x08\x07\x06\x05\x04\x03\x02\x01");
    byte_reader in{out};
    CHECK(in.word() == 0x0102030405060708);
    CHECK(in.good());
    CHECK(in.rest().empty());
}

TEST_CASE("bytes: what was written comes back, behind what was there") {
    byte_buffer out{std::byte{7}};
    put_word(out, 0);
    put_bytes(out, bytes_of("abc"));
    put_bytes(out, {});
    put_word(out, std::numeric_limits<std::uint64_t>::max());
    CHECK(out.size() == 1 + 8 + 8 + 3 + 8 + 8);
    byte_reader in{std::span{out}.subspan(1)};
    CHECK(in.word() == 0);
    CHECK(text_of(in.bytes()) == "abc");
    CHECK(in.bytes().empty());
    CHECK(in.good());
    CHECK(in.rest().size() == 8);
    CHECK(in.word() == std::numeric_limits<std::uint64_t>::max());
    CHECK(in.good());
}

TEST_CASE("bytes: input that ends early is no longer good, and all that follows is 0 or empty") {
    byte_buffer out;
    put_word(out, 1);
    put_word(out, 2);
    for (std::size_t size = 0; size < 16; ++size) {
        byte_reader in{std::span{out}.first(size)};
        CHECK(in.word() == (size < 8 ? 0U : 1U));
        CHECK(in.word() == 0);
        CHECK_FALSE(in.good());
        CHECK(in.rest().empty());
        CHECK(in.word() == 0);
        CHECK(in.bytes().empty());
        CHECK_FALSE(in.good());
    }
}

TEST_CASE("bytes: a length that passes the end is no longer good, however large it is") {
    for (std::uint64_t const length : {std::uint64_t{4}, std::uint64_t{1} << 32U, std::uint64_t{1} << 63U,
                                       std::numeric_limits<std::uint64_t>::max()}) {
        byte_buffer out;
        put_word(out, length);
        out.insert(out.end(), 3, std::byte{1});
        byte_reader in{out};
        CHECK(in.bytes().empty());
        CHECK_FALSE(in.good());
        CHECK(in.rest().empty());
    }
}

} // namespace hpcsched
