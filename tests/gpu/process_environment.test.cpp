// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/core/sink.hpp>
#include <hpcsched/gpu/fake_driver.hpp>
#include <hpcsched/gpu/ledger.hpp>
#include <hpcsched/gpu/process_environment.hpp>

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace hpcsched;

namespace {

std::vector<gpu::device_facts> shown(std::uint32_t count) {
    gpu::fake_driver d{gpu::fake_devices(count)};
    return *d.devices();
}

/// A lease as a ledger grants it.
gpu::lease granted(std::vector<gpu::device_facts> const& devices, gpu::device_request const& request,
                   gpu::device_mask chosen = 0, int before = 0) {
    gpu::ledger l;
    buffer<gpu::ended_lease> ended;
    REQUIRE(l.add_host(gpu::host_id{0}, gpu::host_info_of(devices, 64'000, 128'000)) == gpu::ledger_code::done);
    for (std::uint64_t owner = 2; before-- > 0; ++owner) {
        REQUIRE(l.acquire(owner, 1, gpu::host_id{0}, request, chosen, 0, time_point{}, unlimited, ended).code ==
                gpu::ledger_code::done);
    }
    auto const g = l.acquire(1, 1, gpu::host_id{0}, request, chosen, 0, time_point{}, unlimited, ended);
    REQUIRE(g.code == gpu::ledger_code::done);
    return g.what;
}

std::string text(result<std::vector<gpu::environment_variable>> const& all) {
    if (!all) {
        return "error: " + all.error().message;
    }
    std::string joined;
    for (auto const& v : *all) {
        joined += (joined.empty() ? "" : " ") + v.name + "=" + v.value;
    }
    return joined;
}

bool says(std::string const& whole, char const* part) {
    return whole.find(part) != std::string::npos;
}

} // namespace

TEST_CASE("process environment: whole devices are named by UUID, or by number in the driver's order") {
    auto const devices = shown(4);
    auto const two = granted(devices, {.count = 2}, 0b1010);
    CHECK(text(gpu::process_environment(two, devices)) ==
          "CUDA_VISIBLE_DEVICES=" + devices[1].uuid + "," + devices[3].uuid);
    CHECK(text(gpu::process_environment(two, devices, {.naming = gpu::device_naming::by_index})) ==
          "CUDA_VISIBLE_DEVICES=1,3 CUDA_DEVICE_ORDER=PCI_BUS_ID");
}

TEST_CASE("process environment: a lease without devices hides all of them") {
    auto const devices = shown(1);
    CHECK(text(gpu::process_environment(granted(devices, {.count = 0, .cpu_milli = 100}), devices)) ==
          "CUDA_VISIBLE_DEVICES=");
}

TEST_CASE("process environment: a share becomes whole percents and a limit of memory, where an MPS server runs") {
    auto const devices = shown(2);
    auto const third = granted(devices, {.count = 2, .milli = 333, .memory_mib = 5'000});
    CHECK(text(gpu::process_environment(third, devices, {.mps = true, .mps_pipe_folder = "/run/mps"})) ==
          "CUDA_VISIBLE_DEVICES=" + devices[0].uuid + "," + devices[1].uuid +
              " CUDA_MPS_PIPE_DIRECTORY=/run/mps CUDA_MPS_ACTIVE_THREAD_PERCENTAGE=33"
              " CUDA_MPS_PINNED_DEVICE_MEM_LIMIT=0=5000M,1=5000M");
    CHECK(says(text(gpu::process_environment(third, devices)), "error: a share of a device needs an MPS server"));
    auto const no_limit = granted(devices, {.milli = 999});
    CHECK(says(text(gpu::process_environment(no_limit, devices, {.mps = true})), "PERCENTAGE=99"));
    CHECK_FALSE(says(text(gpu::process_environment(no_limit, devices, {.mps = true})), "LIMIT"));
    auto const tiny = granted(devices, {.milli = 9});
    CHECK(says(text(gpu::process_environment(tiny, devices, {.mps = true})), "error: MPS knows no share below 1 %"));
}

TEST_CASE("process environment: shares that fit a device never sum above 100 percent") {
    auto const devices = shown(1);
    for (std::uint32_t milli = 10; milli < 1'000; ++milli) {
        auto const value = text(gpu::process_environment(granted(devices, {.milli = milli}), devices, {.mps = true}));
        auto const percents = std::stoul(value.substr(value.rfind('=') + 1));
        REQUIRE(percents * (1'000 / milli) <= 100);
        REQUIRE(percents >= 1);
    }
}

TEST_CASE("process environment: a slice is the MIG instance in its place") {
    auto devices = shown(2);
    devices[1].info.sliced = true;
    devices[1].slices = {{"MIG-a", gpu::slice_3g, 0b0000'1111, 40'000}, {"MIG-b", gpu::slice_3g, 0b1111'0000, 40'000}};
    gpu::device_request const request{.slices = gpu::slice_3g};
    CHECK(text(gpu::process_environment(granted(devices, request), devices)) == "CUDA_VISIBLE_DEVICES=MIG-a");
    auto const second = granted(devices, request, 0, 1);
    CHECK(text(gpu::process_environment(second, devices)) == "CUDA_VISIBLE_DEVICES=MIG-b");

    SUBCASE("one that is not there is an error that says how to create it") {
        devices[1].slices.pop_back();
        CHECK(says(text(gpu::process_environment(second, devices)), "nvidia-smi mig -cgi"));
    }
    SUBCASE("where the driver does not say which is where, the only one of its kind will do") {
        devices[1].slices[0].slices = devices[1].slices[1].slices = 0;
        CHECK(says(text(gpu::process_environment(second, devices)), "error: device 1 has no MIG instance"));
        devices[1].slices.pop_back();
        CHECK(text(gpu::process_environment(second, devices)) == "CUDA_VISIBLE_DEVICES=MIG-a");
    }
    SUBCASE("a device that is no longer in MIG mode is an error") {
        devices[1].info.sliced = false;
        CHECK(says(text(gpu::process_environment(second, devices)), "nvidia-smi -i 1 -mig 1"));
    }
}

TEST_CASE("process environment: devices that the driver does not show, and whole ones in MIG mode, are errors") {
    auto devices = shown(2);
    auto const both = granted(devices, {.count = 2});
    devices[1].info.sliced = true;
    CHECK(says(text(gpu::process_environment(both, devices)), "error: device 1 is in MIG mode"));
    devices.pop_back();
    CHECK(says(text(gpu::process_environment(both, devices)), "error: the lease has device 1"));
}
