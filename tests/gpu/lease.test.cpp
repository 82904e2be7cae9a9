// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/gpu/lease.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <limits>

namespace hpcsched::gpu {
namespace {

TEST_CASE("device_request: the default is one whole device and nothing else") {
    device_request const r;
    CHECK(r.sound());
    CHECK(r.whole());
    CHECK_FALSE(r.sliced());
    CHECK(r.subscription() == resources{0, 0, 1000, 0});
}

TEST_CASE("device_request: a subscription counts every device, and of slices their share of compute") {
    CHECK(device_request{.count = 4, .memory_mib = 100, .cpu_milli = 8000, .host_memory_mib = 64}.subscription() ==
          resources{8000, 64, 4000, 400});
    CHECK(device_request{.count = 2, .milli = 250, .memory_mib = 10'000}.subscription() ==
          resources{0, 0, 500, 20'000});
    CHECK(device_request{.slices = slice_3g}.subscription() == resources{0, 0, 428, 0});
    CHECK(device_request{.slices = slice_7g}.subscription() == resources{0, 0, 1000, 0});
    CHECK(device_request{.count = 0, .cpu_milli = 500}.subscription() == resources{500, 0, 0, 0});
}

TEST_CASE("device_request: work on CPUs alone is sound, and so are 64 devices") {
    CHECK(device_request{.count = 0}.sound());
    CHECK(device_request{.count = 64}.sound());
    CHECK(device_request{.milli = 1}.sound());
    CHECK(device_request{.memory_mib = std::numeric_limits<std::uint32_t>::max()}.sound());
}

TEST_CASE("device_request: what makes no sense is not sound") {
    CHECK_FALSE(device_request{.count = 65}.sound());
    CHECK_FALSE(device_request{.milli = 0}.sound());
    CHECK_FALSE(device_request{.milli = 1001}.sound());
    CHECK_FALSE(device_request{.cpu_milli = -1}.sound());
    CHECK_FALSE(device_request{.host_memory_mib = -1}.sound());
    CHECK_FALSE(device_request{.cpu_milli = std::numeric_limits<std::int64_t>::max()}.sound());
    CHECK_FALSE(device_request{.count = 2, .slices = slice_2g}.sound());
    CHECK_FALSE(device_request{.count = 0, .slices = slice_2g}.sound());
    CHECK_FALSE(device_request{.slices = {3, 3}}.sound());
    CHECK_FALSE(device_request{.slices = {255, 255}}.sound());
    CHECK_FALSE(device_request{.slices = {0, 3}}.sound());
}

} // namespace
} // namespace hpcsched::gpu
