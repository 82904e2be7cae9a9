// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/gpu/device.hpp>
#include <hpcsched/testing/conformance/lease_book.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <bit>
#include <cstdint>
#include <iterator>
#include <set>
#include <utility>
#include <vector>

namespace hpcsched::gpu {
namespace {

constexpr slice_profile profiles[] = {slice_1g, slice_1g_wide, slice_2g, slice_3g, slice_4g, slice_7g};

std::vector<unsigned> bits_of(unsigned mask) {
    std::vector<unsigned> bits;
    for (; mask != 0; mask &= mask - 1) {
        bits.push_back(static_cast<unsigned>(std::countr_zero(mask)));
    }
    return bits;
}

} // namespace

TEST_CASE("device: a mask is visited in ascending order") {
    std::vector<std::uint32_t> seen;
    for_each_device(device_bit(63) | device_bit(0) | device_bit(5), [&](std::uint32_t i) { seen.push_back(i); });
    CHECK(seen == std::vector<std::uint32_t>{0, 5, 63});
    CHECK(device_count(device_bit(63) | device_bit(0)) == 2);
    CHECK(device_count(~device_mask{0}) == device_count_max);
}

TEST_CASE("device: a uniform host has NotebookOS's defaults") {
    host_info const h = uniform_host();
    CHECK(h.cpu_milli == 64'000);
    CHECK(h.memory_mib == 128'000);
    REQUIRE(h.devices.size() == 8);
    CHECK(h.devices[7] == device_info{40'960, 0, 0, false});
}

// `nvidia-smi mig -lgipp` of an A100 with 40 GB, as NVIDIA's MIG user guide prints it:
// profile 19 {0,1,2,3,4,5,6}:1, 15 {0,2,4,6}:2, 14 {0,2,4}:2, 9 {0,4}:4, 5 {0}:4, 0 {0}:8.
TEST_CASE("slices: an instance begins where an A100 lets it") {
    CHECK(bits_of(slice_starts(slice_1g)) == std::vector<unsigned>{0, 1, 2, 3, 4, 5, 6});
    CHECK(bits_of(slice_starts(slice_1g_wide)) == std::vector<unsigned>{0, 2, 4, 6});
    CHECK(bits_of(slice_starts(slice_2g)) == std::vector<unsigned>{0, 2, 4});
    CHECK(bits_of(slice_starts(slice_3g)) == std::vector<unsigned>{0, 4});
    CHECK(bits_of(slice_starts(slice_4g)) == std::vector<unsigned>{0});
    CHECK(bits_of(slice_starts(slice_7g)) == std::vector<unsigned>{0});
    CHECK(slice_1g.memory_slices == 1);
    CHECK(slice_1g_wide.memory_slices == 2);
    CHECK(slice_2g.memory_slices == 2);
    CHECK(slice_3g.memory_slices == 4);
    CHECK(slice_4g.memory_slices == 4);
    CHECK(slice_7g.memory_slices == 8);
}

TEST_CASE("slices: what is no profile has no place, whatever it asks for") {
    for (unsigned memory = 0; memory < 256; ++memory) {
        for (unsigned compute = 0; compute < 256; ++compute) {
            slice_profile const p{static_cast<std::uint8_t>(memory), static_cast<std::uint8_t>(compute)};
            bool const known = std::find(std::begin(profiles), std::end(profiles), p) != std::end(profiles);
            REQUIRE((slice_starts(p) != 0) == known);
            REQUIRE((place_slices(p, 0) != 0) == known);
        }
    }
}

TEST_CASE("slices: an instance takes the first place that is free, beside any others") {
    for (slice_profile const p : profiles) {
        for (unsigned taken = 0; taken < 256; ++taken) {
            unsigned expected = 0;
            for (unsigned start = 8; start-- > 0;) {
                unsigned const place = ((1U << p.memory_slices) - 1U) << start;
                if (testing::lease_book::is_place(p, start) && (place & taken) == 0) {
                    expected = place;
                }
            }
            CAPTURE(taken);
            REQUIRE(place_slices(p, static_cast<std::uint8_t>(taken)) == expected);
        }
    }
}

TEST_CASE("slices: seven compute slices are enough for all instances that have a place") {
    std::set<std::pair<unsigned, unsigned>> seen; // memory slices taken, compute slices taken
    std::vector<std::pair<unsigned, unsigned>> open{{0, 0}};
    while (!open.empty()) {
        auto const [taken, compute] = open.back();
        open.pop_back();
        CHECK(compute <= 7);
        for (slice_profile const p : profiles) {
            for (unsigned const start : bits_of(slice_starts(p))) {
                unsigned const place = ((1U << p.memory_slices) - 1U) << start;
                std::pair const next{taken | place, compute + p.compute_slices};
                if ((place & taken) == 0 && seen.insert(next).second) {
                    open.push_back(next);
                }
            }
        }
    }
    CHECK(seen.contains({0b0111'1111, 7})); // seven of the smallest
    CHECK(seen.contains({0xff, 7}));
}

} // namespace hpcsched::gpu
