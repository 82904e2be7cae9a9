// SPDX-License-Identifier: Apache-2.0
#include "object_list.hpp"

#include <doctest/doctest.h>

#include <string>

namespace hpcsched::notebook_host {
namespace {

object_list example() {
    object_list object{.chunks = {{.digest = {std::byte{1}}, .size = chunk_max}, {.digest = {}, .size = 1}},
                       .size = chunk_max + 1};
    return object;
}

TEST_CASE("object list: what is written is read alike") {
    for (object_list const& object : {example(), object_list{}}) {
        byte_buffer const bytes = encode(object);
        CHECK(bytes.size() == object_list_head + object_list_row * object.chunks.size());
        CHECK(decode_object_list(bytes).value() == object);
    }
}

TEST_CASE("object list: what nobody would write is refused") {
    byte_buffer const good = encode(example());
    auto const why = [&](std::size_t at, std::uint64_t word) {
        byte_buffer bytes = good;
        for (std::size_t i = 0; i < 8; ++i) {
            bytes[at + i] = static_cast<std::byte>(word >> (8 * i));
        }
        auto const read = decode_object_list(bytes);
        return read ? std::string{} : read.error().message;
    };
    CHECK(why(0, 0) == "it is no list of chunks");
    CHECK(why(0, 0x026a'626f'7363'7068) == "it is of version 2, and this program reads 1");
    CHECK(why(8, chunk_max) == "its chunks have 4194305 bytes together, and the object is to have 4194304");
    CHECK(why(16, 3) == "it is to list 3 chunks, and its length is that of 2");
    // 40 times this is 80, in 64 bits
    CHECK(why(16, 0x2000'0000'0000'0002) == "it is to list 2305843009213693954 chunks, and its length is that of 2");
    CHECK(why(24 + 32, 0) == "it lists a chunk of 0 bytes");
    CHECK(why(24 + 32, chunk_max + 1) == "it lists a chunk of 4194305 bytes");
    CHECK(why(24 + 32, ~std::uint64_t{0}) == "it lists a chunk of 18446744073709551615 bytes");
    for (std::size_t size = 0; size < good.size(); ++size) {
        CHECK(!decode_object_list(std::span{good}.first(size)).has_value());
    }
    byte_buffer longer = good;
    longer.push_back({});
    CHECK(!decode_object_list(longer).has_value());
}

} // namespace
} // namespace hpcsched::notebook_host
