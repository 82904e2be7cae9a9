// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/gpu/device_driver.hpp>
#include <hpcsched/gpu/fake_driver.hpp>
#include <hpcsched/testing/conformance/device_driver.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

using namespace hpcsched;

namespace {

std::vector<std::string> checked(gpu::fake_driver& d) {
    REQUIRE(d.start_process(42, {.device = 1, .bytes = 5'000}) == gpu::driver_code::done);
    return testing::check_device_driver(d, {.device = 1, .bytes = 50'021, .pid = 42});
}

/// A driver with one thing wrong.
struct wrong_driver : gpu::fake_driver {
    enum class fault { none, ends_early, frees_twice, keeps_device, forgets_order, changes_bytes };

    explicit wrong_driver(fault f) : fake_driver{devices_of()}, wrong{f} {}

    static gpu::fake_driver_config devices_of() {
        auto c = gpu::fake_devices(2);
        c.devices[1].to_host_per_second *= 2;
        return c;
    }

    gpu::driver_code free(gpu::device_address at) {
        auto const code = fake_driver::free(at);
        return wrong == fault::frees_twice ? gpu::driver_code::done : code;
    }
    using fake_driver::begin;
    gpu::driver_code begin(gpu::transfer const& asked, time_point now) {
        gpu::transfer t = asked;
        if (wrong == fault::changes_bytes && t.kind == gpu::transfer_kind::to_host && t.bytes > 1) {
            --t.bytes;
        }
        if (wrong == fault::forgets_order) {
            t.stream = static_cast<std::uint32_t>(t.id % 2);
        }
        return fake_driver::begin(t, now);
    }
    using fake_driver::collect;
    void collect(time_point now, sink<gpu::transfer_end>& out) {
        fake_driver::collect(now, out);
        if (wrong == fault::ends_early) {
            out.append({77, ++early, gpu::driver_code::done});
        }
    }
    result<std::vector<gpu::device_process>, gpu::driver_code> processes(std::uint32_t device) {
        auto there = fake_driver::processes(device);
        if (wrong == fault::keeps_device && there && there->empty()) {
            there->push_back({42, 0});
        }
        return there;
    }

    fault wrong;
    std::uint64_t early = 0;
};

} // namespace

TEST_CASE("device driver: the fake one keeps the rules") {
    gpu::fake_driver d{gpu::fake_devices(2)};
    CHECK(checked(d) == std::vector<std::string>{});
    CHECK(d.pinned_bytes() == 0);
    CHECK(d.used_bytes(1) == 5'000);
}

TEST_CASE("device driver: the suite finds drivers with one thing wrong") {
    using enum wrong_driver::fault;
    wrong_driver right{none};
    REQUIRE(right.start_process(42, {.device = 1, .bytes = 5'000}) == gpu::driver_code::done);
    CHECK(testing::check_device_driver(right, {.device = 1, .bytes = 50'021, .pid = 42}).empty());
    for (auto const fault : {ends_early, frees_twice, keeps_device, forgets_order, changes_bytes}) {
        CAPTURE(static_cast<int>(fault));
        wrong_driver d{fault};
        REQUIRE(d.start_process(42, {.device = 1, .bytes = 5'000}) == gpu::driver_code::done);
        CHECK_FALSE(testing::check_device_driver(d, {.device = 1, .bytes = 50'021, .pid = 42}).empty());
    }
}

TEST_CASE("device driver: each code has words of its own") {
    std::vector<std::string> all;
    for (int code = 0; code <= static_cast<int>(gpu::driver_code::cancelled); ++code) {
        all.emplace_back(gpu::words(static_cast<gpu::driver_code>(code)));
    }
    std::ranges::sort(all);
    CHECK(std::ranges::adjacent_find(all) == all.end());
    CHECK(std::ranges::find(all, "?") == all.end());
}
