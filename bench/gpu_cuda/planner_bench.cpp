// SPDX-License-Identifier: Apache-2.0

// What it costs to plan a move: all that memory_mover does for a chunk, on a fake driver that only counts, beside a
// hand-written loop that knows one buffer, one direction and no failures, on the same. A chunk of 16 MiB takes a device
// on PCIe 5.0 some 300 us.
#include <hpcsched/core/sink.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/gpu/fake_driver.hpp>
#include <hpcsched/gpu/memory_mover.hpp>

#include <figure.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <limits>

namespace {

using namespace hpcsched;

constexpr std::uint64_t chunk_bytes = std::uint64_t{16} << 20U;
constexpr std::uint32_t slots = 8;

gpu::fake_driver counting_driver() {
    auto c = gpu::fake_devices(1);
    c.counts_only = true;
    return gpu::fake_driver{c};
}

template <class Work>
double nanoseconds_each(std::uint64_t count, Work&& work) {
    auto const start = std::chrono::steady_clock::now();
    work();
    std::chrono::duration<double, std::nano> const spent = std::chrono::steady_clock::now() - start;
    return spent.count() / static_cast<double>(count);
}

/// \return ns for each chunk, and when it was over in the fake driver's time
double by_mover(std::uint64_t chunks, time_point& over) {
    gpu::fake_driver d = counting_driver();
    gpu::memory_mover<gpu::fake_driver> m{d, 0, 1, {.chunk_bytes = chunk_bytes, .slots = slots, .streams = 2}};
    m.add_size(chunks * chunk_bytes);
    return nanoseconds_each(chunks, [&] {
        auto const moved = move_now(d, m, gpu::memory_side::device, time_point{});
        over = moved.now;
        if (moved.code != gpu::driver_code::done) {
            std::abort();
        }
    });
}

/// The same chunks in the same pipeline: a slot is copied into, then sent, then free.
double by_hand(std::uint64_t chunks, time_point& over) {
    gpu::fake_driver d = counting_driver();
    for (std::uint32_t s = 0; s < slots; ++s) {
        if (!d.pin(chunk_bytes)) {
            std::abort();
        }
    }
    auto const memory = d.allocate(0, chunks * chunk_bytes);
    if (!memory) {
        std::abort();
    }
    return nanoseconds_each(chunks, [&] {
        time_point now{};
        std::uint64_t chunk_of[slots] = {};
        std::uint64_t next = 0;
        std::uint64_t left = chunks;
        std::uint32_t stream = 0;
        gpu::transfer t{.bytes = chunk_bytes};
        auto const copy = [&](std::uint32_t slot) {
            chunk_of[slot] = next++;
            t.id = slot;
            t.kind = gpu::transfer_kind::copy;
            (void)d.begin(t, now);
        };
        for (std::uint32_t s = 0; s < slots && next < chunks; ++s) {
            copy(s);
        }
        buffer<gpu::transfer_end> ends;
        while (left > 0) {
            now = d.wait(now, never);
            ends.clear();
            d.collect(now, ends);
            for (gpu::transfer_end const& e : ends.items()) {
                if (e.id < slots) {
                    t.id = slots + e.id;
                    t.kind = gpu::transfer_kind::to_device;
                    t.stream = stream++ % 2;
                    t.on_device = {0, memory->at + chunk_of[e.id] * chunk_bytes};
                    (void)d.begin(t, now);
                } else if (--left > 0 && next < chunks) {
                    copy(static_cast<std::uint32_t>(e.id - slots));
                }
            }
        }
        over = now;
    });
}

bench::figure_case const planner_figure{
    "gpu_cuda.planner", 5, "planning a chunk of a move of 64 GiB, beside a hand-written loop on the same fake device",
    [](bench::effort how_much) {
        bool const full = how_much == bench::effort::full;
        std::uint64_t const chunks = full ? 4'096 : 64;
        double ours = std::numeric_limits<double>::infinity();
        double theirs = ours;
        time_point our_end{};
        time_point their_end{};
        for (int turn = 0; turn < (full ? 50 : 1); ++turn) {
            ours = std::min(ours, by_mover(chunks, our_end));
            theirs = std::min(theirs, by_hand(chunks, their_end));
        }
        bench::report({.name = "gpu_cuda.planner",
                       .value = ours,
                       .unit = "ns per chunk",
                       .beside = theirs,
                       .goal = "below 3 us, a hundredth of the time of a chunk of 16 MiB on PCIe 5.0 (beside: a "
                               "hand-written loop)",
                       .holds = ours < 3'000 && our_end <= their_end});
    }};

} // namespace
