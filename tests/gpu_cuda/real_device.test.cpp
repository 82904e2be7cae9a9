// SPDX-License-Identifier: Apache-2.0

// On real devices, where there are some; elsewhere each case says why it skips.
#include <hpcsched/gpu/inventory.hpp>
#include <hpcsched/gpu/process_suspender.hpp>
#include <hpcsched/gpu_cuda/cuda_driver.hpp>
#include <hpcsched/testing/conformance/device_driver.hpp>

#include <doctest/doctest.h>

#include "held_memory.hpp"
#include "skip.hpp"

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

using namespace hpcsched;
using gpu_cuda::cuda_driver;

TEST_CASE("real device: the inventory holds against itself, and is told with vitals") {
    auto d = cuda_driver::open({.needs_memory = false, .needs_processes = false});
    if (!d) {
        HPCSCHED_SKIP(("no NVIDIA device: " + d.error().message).c_str());
    }
    auto const seen = d->devices();
    REQUIRE(seen.has_value());
    CHECK(gpu::compare_inventory(gpu::declared_by(gpu::host_info_of(*seen, 1'000, 1'000)), *seen).empty());
    for (std::uint32_t i = 0; i < seen->size(); ++i) {
        CHECK(d->vitals(i).has_value());
    }
}

TEST_CASE("real device: the driver keeps the rules of memory") {
    auto d = cuda_driver::open({.needs_processes = false});
    if (!d) {
        HPCSCHED_SKIP(("no NVIDIA device: " + d.error().message).c_str());
    }
    CHECK(testing::check_device_driver(*d, {.start = cuda_driver::now(), .bytes = 100'000'019}) ==
          std::vector<std::string>{});
}

TEST_CASE("real device: the driver keeps the rules of processes, and one comes back whole") {
    auto d = cuda_driver::open();
    if (!d) {
        HPCSCHED_SKIP(("no NVIDIA device, or a driver without process checkpoint: " + d.error().message).c_str());
    }
    test::held_memory holder{HPCSCHED_HOLDER, 0, std::uint64_t{1} << 30U};
    REQUIRE(holder.says().starts_with("ready"));
    // The holder counts as CUDA does; NVML may count otherwise, and see other pids inside of a container.
    auto const seen = *d->devices();
    std::uint32_t device = static_cast<std::uint32_t>(seen.size());
    for (std::uint32_t i = 0; i < seen.size(); ++i) {
        auto const there = d->processes(i);
        if (there && std::ranges::find(*there, holder.pid(), &gpu::device_process::pid) != there->end()) {
            device = i;
        }
    }
    if (device == seen.size()) {
        HPCSCHED_SKIP("NVML does not show this container's processes");
    }
    CHECK(testing::check_device_driver(
              *d, {.start = cuda_driver::now(), .device = device, .bytes = 10'000'019, .pid = holder.pid()}) ==
          std::vector<std::string>{});
    CHECK(holder.look() == "whole");
}
