// SPDX-License-Identifier: Apache-2.0

// On a real device: bytes per second on and off it beside one bare copy of the driver's from pinned memory, and how
// long unmodified processes that hold 1, 8 and 32 GB take off the device and back, with a second process that uses it
// in between. Without a device, or room on it, they say what they skip.
#include <hpcsched/gpu/memory_mover.hpp>
#include <hpcsched/gpu/process_suspender.hpp>
#include <hpcsched/gpu_cuda/cuda_driver.hpp>

#include "held_memory.hpp"
#include <figure.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace hpcsched;
using gpu_cuda::cuda_driver;

constexpr std::uint64_t gigabyte = 1'000'000'000;

std::optional<cuda_driver> open_or_skip(bool processes) {
    auto d = cuda_driver::open({.needs_processes = processes});
    if (!d) {
        std::printf("skipped: %s\n", d.error().message.c_str());
        return std::nullopt;
    }
    std::printf("%s\n", d->about().c_str());
    return std::move(*d);
}

/// Bytes per second, the best of some turns; 0: it failed.
class speeds {
  public:
    explicit speeds(std::uint64_t bytes) : bytes_{bytes} {}

    void turn(std::size_t which, double seconds) {
        best_[which] = std::max(best_[which], static_cast<double>(bytes_) / seconds);
    }
    [[nodiscard]] double of(std::size_t which) const { return best_[which]; }

  private:
    std::uint64_t bytes_;
    double best_[6] = {};
};

void complain(char const* what, gpu::driver_code code) {
    std::printf("failed: %s: %s\n", what, gpu::words(code));
}

/// Off and on once by a mover; whether it went well, and the seconds of both ways.
bool move_both_ways(cuda_driver& d, std::span<std::byte> bytes, bool pinned, double& there, double& back) {
    gpu::memory_mover<cuda_driver> m{d, 0, 1};
    m.add(bytes, pinned);
    time_point const began = cuda_driver::now();
    auto const up = move_now(d, m, gpu::memory_side::device, began);
    there = to_seconds(up.now - began);
    if (up.code != gpu::driver_code::done) {
        complain("a move to the device", up.code);
        return false;
    }
    time_point const again = cuda_driver::now();
    auto const down = move_now(d, m, gpu::memory_side::host, again);
    back = to_seconds(down.now - again);
    if (down.code != gpu::driver_code::done) {
        complain("a move to the host", down.code);
    }
    return down.code == gpu::driver_code::done;
}

bool copy_both_ways(cuda_driver& d, gpu::device_address at, std::span<std::byte> pinned, double& there, double& back) {
    time_point const began = cuda_driver::now();
    gpu::driver_code code = d.move_plainly(
        {.kind = gpu::transfer_kind::to_device, .on_device = at, .from = pinned.data(), .bytes = pinned.size()});
    time_point const turned = cuda_driver::now();
    if (code == gpu::driver_code::done) {
        code = d.move_plainly(
            {.kind = gpu::transfer_kind::to_host, .on_device = at, .to = pinned.data(), .bytes = pinned.size()});
    }
    there = to_seconds(turned - began);
    back = to_seconds(cuda_driver::now() - turned);
    if (code != gpu::driver_code::done) {
        complain("a bare copy", code);
    }
    return code == gpu::driver_code::done;
}

void measure_moves(bench::effort how_much) {
    auto d = open_or_skip(false);
    if (!d) {
        return;
    }
    bool const full = how_much == bench::effort::full;
    std::uint64_t const bytes = full ? 4 * gigabyte : gigabyte / 20;
    auto const at = d->allocate(0, bytes);
    auto const area = d->pin(bytes);
    if (!at || !area) {
        complain("memory for the figures", at ? area.error() : at.error());
        return;
    }
    std::span<std::byte> const pinned{area->at, static_cast<std::size_t>(bytes)};
    std::vector<std::byte> paged(static_cast<std::size_t>(bytes), std::byte{1});
    std::fill(pinned.begin(), pinned.end(), std::byte{2});
    speeds best{bytes};
    bool well = true;
    for (int turn = 0; turn < (full ? 5 : 1) && well; ++turn) {
        double there = 0;
        double back = 0;
        well = copy_both_ways(*d, *at, pinned, there, back);
        best.turn(0, there);
        best.turn(1, back);
        well = well && move_both_ways(*d, pinned, true, there, back);
        best.turn(2, there);
        best.turn(3, back);
        well = well && move_both_ways(*d, paged, false, there, back);
        best.turn(4, there);
        best.turn(5, back);
    }
    well = well && std::all_of(paged.begin(), paged.end(), [](std::byte b) { return b == std::byte{1}; });
    constexpr char const* names[] = {"pinned, to the device", "pinned, to the host", "pageable, to the device",
                                     "pageable, to the host"};
    for (std::size_t i = 0; i < 4; ++i) {
        double const ours = best.of(2 + i) / 1e9;
        double const bare = best.of(i % 2) / 1e9;
        bench::report({.name = "gpu_cuda.move/" + std::string{names[i]},
                       .value = ours,
                       .unit = "GB/s",
                       .beside = bare,
                       .goal = "at least 0.9 of one bare copy from pinned memory",
                       .holds = well && ours >= 0.9 * bare});
    }
}

struct round_trip {
    double off = 0; ///< seconds
    double on = 0;
    bool well = false;
};

/// A process off the device, a second on it, and the first back, with its memory as it was.
round_trip measure_process(cuda_driver& d, std::uint64_t bytes) {
    round_trip r;
    test::held_memory first{HPCSCHED_HOLDER, 0, bytes};
    if (std::string const said = first.says(); !said.starts_with("ready")) {
        std::printf("skipped: a process of %.0f GB: %s\n", static_cast<double>(bytes) / 1e9, said.c_str());
        return r;
    }
    gpu::process_suspender<cuda_driver> p{d, first.pid()};
    time_point const began = cuda_driver::now();
    p.suspend(began);
    r.off = to_seconds(settle(d, p, began) - began);
    if (p.state().outcome() != gpu::suspension_outcome::suspended) {
        complain("taking a process off the device", p.state().code());
        return r;
    }
    bool second_well = false;
    {
        test::held_memory second{HPCSCHED_HOLDER, 0, bytes};
        second_well = second.says().starts_with("ready") && second.look() == "whole";
    } // it ends, and makes room
    time_point const back = cuda_driver::now();
    p.resume(back);
    r.on = to_seconds(settle(d, p, back) - back);
    if (p.state().outcome() != gpu::suspension_outcome::resumed) {
        complain("bringing a process back", p.state().code());
        return r;
    }
    r.well = first.look() == "whole" && second_well;
    return r;
}

void measure_processes(bench::effort how_much) {
    auto d = open_or_skip(true);
    if (!d) {
        return;
    }
    std::vector<std::uint64_t> sizes{1, 8, 32};
    sizes.resize(how_much == bench::effort::full ? 3 : 1);
    for (std::uint64_t const size : sizes) {
        round_trip const r = measure_process(*d, size * gigabyte);
        if (r.off <= 0) {
            continue; // it said why
        }
        std::string const name = "gpu_cuda.process/" + std::to_string(size) + " GB";
        std::string const goal = "a second process of the size in between, and the memory comes back whole";
        bench::report({.name = name + ", off", .value = r.off, .unit = "s", .goal = goal, .holds = r.well});
        bench::report({.name = name + ", back", .value = r.on, .unit = "s", .goal = goal, .holds = r.well});
    }
}

bench::figure_case const move_figure{
    "gpu_cuda.move", 5, "bytes per second on and off a device, beside one bare copy from pinned memory", measure_moves};
bench::figure_case const process_figure{
    "gpu_cuda.process", 5, "unmodified processes of 1, 8 and 32 GB off their device and back, another in between",
    measure_processes};

} // namespace
