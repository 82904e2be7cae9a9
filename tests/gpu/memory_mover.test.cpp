// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/core/sink.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/gpu/fake_driver.hpp>
#include <hpcsched/gpu/memory_mover.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

using namespace hpcsched;
using namespace std::chrono_literals;
using gpu::buffer_place;
using gpu::driver_code;
using gpu::memory_side;

namespace {

std::vector<std::byte> painted(std::size_t size, int seed) {
    std::vector<std::byte> bytes(size);
    for (std::size_t i = 0; i < size; ++i) {
        bytes[i] = static_cast<std::byte>((i * 37 + static_cast<std::size_t>(seed) * 11) & 0xFFU);
    }
    return bytes;
}

gpu::fake_driver_config bandwidths(std::uint64_t device, std::uint64_t copier, std::uint32_t copiers) {
    auto c = gpu::fake_devices(1);
    c.devices[0].to_device_per_second = c.devices[0].to_host_per_second = device;
    c.devices[0].latency = 0ns;
    c.copy_per_second = copier;
    c.copiers = copiers;
    c.counts_only = true;
    return c;
}

/// How long 64 GB take, in ms.
std::int64_t milliseconds(gpu::fake_driver_config const& c, gpu::residency_config const& r, memory_side first,
                          bool pinned = false) {
    gpu::fake_driver d{c};
    gpu::memory_mover<gpu::fake_driver> m{d, 0, 1, r};
    for (int i = 0; i < 4; ++i) {
        m.add_size(16'000'000'000, pinned);
    }
    auto moved = move_now(d, m, memory_side::device, time_point{});
    REQUIRE(moved.code == driver_code::done);
    time_point const there = moved.now;
    if (first == memory_side::device) {
        return there.time_since_epoch() / 1ms;
    }
    moved = move_now(d, m, memory_side::host, there);
    REQUIRE(moved.code == driver_code::done);
    return (moved.now - there) / 1ms;
}

} // namespace

TEST_CASE("memory mover: several copiers keep the device's engine busy, at 0.99 of its bandwidth") {
    auto const c = bandwidths(25'000'000'000, 10'000'000'000, 4);
    gpu::residency_config const r{.chunk_bytes = 16'000'000, .slots = 8, .streams = 2};
    std::int64_t const bare = 64'000 / 25;
    for (memory_side const side : {memory_side::device, memory_side::host}) {
        CHECK(milliseconds(c, r, side) >= bare);
        CHECK(milliseconds(c, r, side) <= bare * 101 / 100);
        CHECK(milliseconds(c, r, side, true) <= bare * 1'001 / 1'000); // pinned: nothing but the transfers
    }
}

TEST_CASE("memory mover: without overlap it takes the sum of both stages, with two slots the longer of them") {
    auto const c = bandwidths(10'000'000'000, 10'000'000'000, 1);
    gpu::residency_config r{.chunk_bytes = 16'000'000, .slots = 1, .streams = 1};
    CHECK(milliseconds(c, r, memory_side::device) == 12'800);
    r.slots = 2;
    CHECK(milliseconds(c, r, memory_side::device) <= 6'500);
    CHECK(milliseconds(c, r, memory_side::host) <= 6'500);
}

TEST_CASE("memory mover: whatever fails, the bytes are whole where the buffers are, and nothing is left behind") {
    using enum gpu::fake_operation;
    for (auto const what : {allocate, pin, copy, to_device, to_host}) {
        for (auto const when : {gpu::fake_moment::at_begin, gpu::fake_moment::at_end, gpu::fake_moment::after_effect}) {
            for (std::uint32_t after = 0; after < 24; ++after) {
                for (auto const rule : {gpu::release_rule::at_end, gpu::release_rule::as_they_arrive}) {
                    CAPTURE(static_cast<int>(what));
                    CAPTURE(static_cast<int>(when));
                    CAPTURE(after);
                    gpu::fake_driver d{gpu::fake_devices(1)};
                    d.fail({.what = what, .code = driver_code::failed, .after = after, .when = when});
                    std::vector<std::vector<std::byte>> cells{painted(1'000, 1), painted(0, 2), painted(333, 3)};
                    auto const originals = cells;
                    {
                        gpu::memory_mover<gpu::fake_driver> m{
                            d, 0, 1, {.chunk_bytes = 100, .slots = 3, .streams = 2, .release = rule}};
                        for (auto& c : cells) {
                            m.add(c);
                        }
                        time_point now{};
                        for (int turn = 0; turn < 4; ++turn) {
                            auto const to = turn % 2 == 0 ? memory_side::device : memory_side::host;
                            now = move_now(d, m, to, now).now;
                            for (std::uint32_t b = 0; b < 3; ++b) {
                                bool const here = m.plan().place(b) == buffer_place::host;
                                REQUIRE((m.address(b).at == 0) == (here || cells[b].empty()));
                                if (here) {
                                    REQUIRE(cells[b] == originals[b]);
                                } else { // the host's bytes mean nothing now
                                    std::ranges::fill(cells[b], std::byte{0xEE});
                                }
                            }
                        }
                        now = move_now(d, m, memory_side::host, now).now;
                        REQUIRE(move_now(d, m, memory_side::host, now).code == driver_code::done);
                        REQUIRE(cells == originals);
                    }
                    REQUIRE(d.used_bytes(0) == 0);
                    REQUIRE(d.pinned_bytes() == 0);
                }
            }
        }
    }
}

TEST_CASE("memory mover: a device that is lost half-way takes what was on it along, and the host keeps its own") {
    auto c = gpu::fake_devices(1);
    c.devices[0].latency = 1ms;
    gpu::fake_driver d{c};
    gpu::memory_mover<gpu::fake_driver> m{
        d, 0, 1, {.chunk_bytes = 100, .slots = 2, .streams = 1, .release = gpu::release_rule::as_they_arrive}};
    auto a = painted(100, 1);
    auto b = painted(1'000, 2);
    auto const original = b;
    m.add(a);
    m.add(b);
    REQUIRE(m.start(memory_side::device, time_point{}) == driver_code::done);
    buffer<gpu::transfer_end> ends;
    time_point now{};
    while (m.moving()) {
        now = d.wait(now, never);
        if (m.plan().place(0) == buffer_place::device) {
            d.lose(0);
        }
        ends.clear();
        d.collect(now, ends);
        for (auto const& e : ends.items()) {
            m.handle(e, now);
        }
    }
    CHECK(m.outcome() == driver_code::device_lost);
    CHECK(m.plan().place(0) == buffer_place::lost);
    CHECK(m.plan().place(1) == buffer_place::host);
    CHECK(b == original);
}

TEST_CASE("memory mover: two cells change places on a device that has room for one") {
    gpu::fake_driver d{gpu::fake_devices(1, 1)}; // 1 MiB
    auto a = painted(700'000, 1);
    auto b = painted(700'000, 2);
    auto const a_was = a;
    auto const b_was = b;
    gpu::memory_mover<gpu::fake_driver> first{d, 0, 1, {.chunk_bytes = 65'536}};
    gpu::memory_mover<gpu::fake_driver> second{d, 0, 2, {.chunk_bytes = 65'536}};
    first.add(a);
    second.add(b);
    auto moved = move_now(d, first, memory_side::device, time_point{});
    CHECK(moved.code == driver_code::done);
    moved = move_now(d, second, memory_side::device, moved.now);
    CHECK(moved.code == driver_code::no_memory);
    moved = move_now(d, first, memory_side::host, moved.now);
    moved = move_now(d, second, memory_side::device, moved.now);
    CHECK(moved.code == driver_code::done);
    std::ranges::fill(b, std::byte{});
    moved = move_now(d, second, memory_side::host, moved.now);
    CHECK(a == a_was);
    CHECK(b == b_was);
}

TEST_CASE("memory mover: two that share a driver are each handed the ends of both") {
    gpu::fake_driver d{gpu::fake_devices(1)};
    auto a = painted(5'000, 1);
    auto b = painted(7'000, 2);
    gpu::memory_mover<gpu::fake_driver> first{d, 0, 1, {.chunk_bytes = 512}};
    gpu::memory_mover<gpu::fake_driver> second{d, 0, 2, {.chunk_bytes = 512}};
    first.add(a);
    second.add(b);
    REQUIRE(first.start(memory_side::device, time_point{}) == driver_code::done);
    REQUIRE(second.start(memory_side::device, time_point{}) == driver_code::done);
    time_point now{};
    buffer<gpu::transfer_end> ends;
    while (first.moving() || second.moving()) {
        now = d.wait(now, never);
        ends.clear();
        d.collect(now, ends);
        for (auto const& e : ends.items()) {
            first.handle(e, now);
            second.handle(e, now);
        }
    }
    CHECK(first.outcome() == driver_code::done);
    CHECK(second.outcome() == driver_code::done);
    CHECK(d.used_bytes(0) == 12'000);
}

TEST_CASE("memory mover: one that is given up leaves all in place") {
    gpu::fake_driver d{gpu::fake_devices(1)};
    auto a = painted(5'000, 1);
    gpu::memory_mover<gpu::fake_driver> m{d, 0, 1, {.chunk_bytes = 512, .slots = 2}};
    m.add(a);
    REQUIRE(m.start(memory_side::device, time_point{}) == driver_code::done);
    m.cancel(time_point{});
    time_point now{};
    buffer<gpu::transfer_end> ends;
    while (m.moving()) {
        now = d.wait(now, never);
        ends.clear();
        d.collect(now, ends);
        for (auto const& e : ends.items()) {
            m.handle(e, now);
        }
    }
    CHECK(m.outcome() == driver_code::cancelled);
    CHECK(m.plan().place(0) == buffer_place::host);
    CHECK(d.used_bytes(0) == 0);
    CHECK(a == painted(5'000, 1));
}
