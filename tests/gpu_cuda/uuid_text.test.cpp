// SPDX-License-Identifier: Apache-2.0
#include "uuid_text.hpp"

#include <doctest/doctest.h>

#include <cstring>

using namespace hpcsched;

TEST_CASE("uuid text: sixteen bytes there and back") {
    gpu_cuda::cuda::uuid id{};
    for (unsigned char i = 0; i < 16; ++i) {
        id.bytes[i] = static_cast<unsigned char>(i * 0x11);
    }
    std::string const text = gpu_cuda::text_of(id);
    CHECK(text == "GPU-00112233-4455-6677-8899-aabbccddeeff");
    auto const back = gpu_cuda::uuid_of(text);
    REQUIRE(back.has_value());
    CHECK(std::memcmp(back->bytes, id.bytes, 16) == 0);
    CHECK(gpu_cuda::uuid_of("MIG-00112233-4455-6677-8899-aabbccddeeff").has_value());
}

TEST_CASE("uuid text: what is none is none") {
    for (char const* const text :
         {"", "GPU-", "00112233-4455-6677-8899-aabbccddeeff", "GPU-00112233-4455-6677-8899-aabbccddeef",
          "GPU-00112233-4455-6677-8899-aabbccddeeff0", "GPU-00112233-4455-6677-8899-aabbccddeefg"}) {
        CAPTURE(text);
        CHECK_FALSE(gpu_cuda::uuid_of(text).has_value());
    }
}
