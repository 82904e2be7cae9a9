// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/core/sink.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/gpu/fake_driver.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

using namespace hpcsched;
using namespace std::chrono_literals;
using gpu::driver_code;
using gpu::process_state;
using gpu::process_step;
using gpu::transfer_kind;

namespace {

constexpr time_point at(duration since) {
    return time_point{since};
}

/// One device of 1 GiB that moves 1 GB/s to it and 2 GB/s from it, after 10 us.
gpu::fake_driver_config slow_device() {
    auto c = gpu::fake_devices(1, 1'024);
    c.devices[0].to_device_per_second = 1'000'000'000;
    c.devices[0].to_host_per_second = 2'000'000'000;
    c.devices[0].checkpoint_per_second = 1'000'000'000;
    c.devices[0].restore_per_second = 500'000'000;
    c.copy_per_second = 4'000'000'000;
    c.copiers = 2;
    return c;
}

/// The ends of transfers as they are told: id and time.
std::vector<std::pair<std::uint64_t, std::int64_t>> all_ends(gpu::fake_driver& d, time_point now) {
    std::vector<std::pair<std::uint64_t, std::int64_t>> told;
    while (d.next_end() != never) {
        now = d.wait(now, never);
        buffer<gpu::transfer_end> ends;
        d.collect(now, ends);
        for (auto const& e : ends.items()) {
            CHECK(e.code == driver_code::done);
            told.emplace_back(e.id, now.time_since_epoch() / 1us);
        }
    }
    return told;
}

} // namespace

TEST_CASE("fake driver: a device moves one transfer each way at a time, copies go to the copier that is free") {
    gpu::fake_driver d{slow_device()};
    auto const memory = d.allocate(0, 10'000'000);
    REQUIRE(memory.has_value());
    auto const begin = [&](std::uint64_t id, transfer_kind kind, std::uint32_t stream, std::uint64_t bytes) {
        gpu::transfer t{.id = id, .kind = kind, .stream = stream};
        t.on_device = *memory;
        t.bytes = bytes;
        CHECK(d.begin(t, time_point{}) == driver_code::done);
    };
    begin(1, transfer_kind::to_device, 0, 1'000'000); // 10 us + 1 ms
    begin(2, transfer_kind::to_device, 1, 1'000'000); // after it, on the same engine
    begin(3, transfer_kind::to_host, 2, 1'000'000);   // beside both: 10 us + 0.5 ms
    begin(4, transfer_kind::to_host, 1, 1'000'000);   // after 2, whose stream it is on
    begin(5, transfer_kind::copy, 0, 4'000'000);      // 1 ms
    begin(6, transfer_kind::copy, 0, 8'000'000);      // 2 ms, beside it
    begin(7, transfer_kind::copy, 0, 4'000'000);      // 1 ms after 5
    CHECK(all_ends(d, time_point{}) ==
          std::vector<std::pair<std::uint64_t, std::int64_t>>{
              {3, 510}, {5, 1'000}, {1, 1'010}, {6, 2'000}, {7, 2'000}, {2, 2'020}, {4, 2'530}});
}

TEST_CASE("fake driver: bytes are read and written when a transfer ends") {
    gpu::fake_driver d{slow_device()};
    auto const memory = d.allocate(0, 4);
    std::vector<std::byte> host(4, std::byte{1});
    gpu::transfer t{.id = 1, .kind = transfer_kind::to_device};
    t.on_device = *memory;
    t.from = host.data();
    t.bytes = 4;
    REQUIRE(d.begin(t, time_point{}) == driver_code::done);
    host.assign(4, std::byte{2}); // too early, and seen
    all_ends(d, time_point{});
    std::vector<std::byte> back(4);
    t.kind = transfer_kind::to_host;
    t.to = back.data();
    REQUIRE(d.begin(t, at(1s)) == driver_code::done);
    CHECK(back == std::vector<std::byte>(4));
    all_ends(d, at(1s));
    CHECK(back == std::vector<std::byte>(4, std::byte{2}));
}

TEST_CASE("fake driver: memory of the device and of the host is counted, and places outside of it are unknown") {
    auto c = slow_device();
    c.pin_limit = 100;
    gpu::fake_driver d{c};
    std::uint64_t const all = std::uint64_t{1} << 30U;
    auto const most = d.allocate(0, all - 1);
    REQUIRE(most.has_value());
    CHECK(d.allocate(0, 2).error() == driver_code::no_memory);
    CHECK(d.allocate(0, 1).has_value());
    CHECK(d.vitals(0)->memory_used_mib == 1'024);
    gpu::transfer t{.kind = transfer_kind::to_device};
    t.on_device = {0, most->at + 10};
    t.bytes = all - 11;
    CHECK(d.begin(t, time_point{}) == driver_code::done);
    ++t.bytes;
    CHECK(d.begin(t, time_point{}) == driver_code::unknown);
    t.on_device.at = 1;
    t.bytes = 1;
    CHECK(d.begin(t, time_point{}) == driver_code::unknown);
    auto const area = d.pin(60);
    REQUIRE(area.has_value());
    CHECK(d.pin(41).error() == driver_code::no_host_memory);
    CHECK(d.unpin(*area) == driver_code::done);
    CHECK(d.pin(41).has_value());
}

TEST_CASE("fake driver: a process leaves its device at the checkpoint bandwidth, and needs room to come back") {
    gpu::fake_driver d{slow_device()};
    REQUIRE(d.start_process(7, {.device = 0, .bytes = 1'000'000'000, .lock_time = 3ms}) == driver_code::done);
    CHECK(d.start_process(8, {.device = 0, .bytes = 100'000'000}) == driver_code::no_memory);
    buffer<gpu::process_end> ends;
    auto const step = [&](process_step which, time_point now) {
        REQUIRE(d.begin(gpu::process_action{.pid = 7, .step = which, .limit = 10ms, .changes = {}}, now) ==
                driver_code::done);
        CHECK(d.begin(gpu::process_action{.pid = 7, .step = which, .limit = {}, .changes = {}}, now) ==
              driver_code::wrong_state); // one at a time
        time_point const end = d.wait(now, never);
        ends.clear();
        d.collect(end, ends);
        REQUIRE(ends.size() == 1);
        return end;
    };
    CHECK(step(process_step::lock, at(0s)) == at(3ms));
    CHECK(step(process_step::checkpoint, at(1s)) == at(2s));
    CHECK(ends.items()[0] ==
          gpu::process_end{7, process_step::checkpoint, driver_code::done, process_state::checkpointed});
    CHECK(d.processes(0)->empty());
    CHECK(d.start_process(8, {.device = 0, .bytes = 100'000'000}) == driver_code::done); // the second uses the device
    CHECK(step(process_step::restore, at(3s)) == at(3s));
    CHECK(ends.items()[0] ==
          gpu::process_end{7, process_step::restore, driver_code::no_memory, process_state::checkpointed});
    d.end_process(8);
    CHECK(step(process_step::restore, at(4s)) == at(6s));
    CHECK(d.state_of(7) == process_state::locked);
    step(process_step::unlock, at(7s));
    CHECK(*d.processes(0) == std::vector<gpu::device_process>{{7, 1'000'000'000}});
}

TEST_CASE("fake driver: a lock that cannot be had within its limit times out, and the process runs") {
    gpu::fake_driver d{slow_device()};
    REQUIRE(d.start_process(7, {.lock_time = unlimited}) == driver_code::done);
    REQUIRE(d.begin(gpu::process_action{.pid = 7, .step = process_step::lock, .limit = 10ms, .changes = {}}, at(1s)) ==
            driver_code::done);
    buffer<gpu::process_end> ends;
    d.collect(at(1'009ms), ends);
    CHECK(ends.empty());
    d.collect(at(1'010ms), ends);
    REQUIRE(ends.size() == 1);
    CHECK(ends.items()[0] == gpu::process_end{7, process_step::lock, driver_code::timed_out, process_state::running});
}

TEST_CASE("fake driver: a process comes back on another device of the same kind, and on no other") {
    auto c = gpu::fake_devices(3);
    c.devices[2].facts.name = "another";
    gpu::fake_driver d{c};
    REQUIRE(d.start_process(7, {.device = 0, .bytes = 1'000}) == driver_code::done);
    buffer<gpu::process_end> ends;
    auto const step = [&](process_step which, std::vector<gpu::device_change> const& changes = {}) {
        REQUIRE(d.begin(gpu::process_action{.pid = 7, .step = which, .limit = {}, .changes = changes}, at(1s)) ==
                driver_code::done);
        ends.clear();
        d.collect(at(2s), ends);
        return ends.items()[0].code;
    };
    CHECK(step(process_step::lock) == driver_code::done);
    CHECK(step(process_step::checkpoint) == driver_code::done);
    auto const uuid = [&](std::size_t device) { return c.devices[device].facts.uuid; };
    CHECK(step(process_step::restore, {{uuid(0), uuid(2)}}) == driver_code::unsupported);
    CHECK(step(process_step::restore, {{uuid(1), uuid(0)}}) == driver_code::malformed);
    CHECK(step(process_step::restore, {{uuid(0), "GPU-x"}}) == driver_code::unknown);
    CHECK(step(process_step::restore, {{uuid(0), uuid(1)}}) == driver_code::done);
    CHECK(d.used_bytes(0) == 0);
    CHECK(d.processes(1)->size() == 1);
}

TEST_CASE("fake driver: what is under way on a device that is lost ends as lost") {
    gpu::fake_driver d{slow_device()};
    auto const memory = d.allocate(0, 1'000'000);
    REQUIRE(d.start_process(7, {.bytes = 1'000}) == driver_code::done);
    gpu::transfer t{.id = 1, .kind = transfer_kind::to_device};
    t.on_device = *memory;
    t.bytes = 1'000'000;
    REQUIRE(d.begin(t, time_point{}) == driver_code::done);
    d.lose(0);
    buffer<gpu::transfer_end> ends;
    d.collect(at(1s), ends);
    REQUIRE(ends.size() == 1);
    CHECK(ends.items()[0].code == driver_code::device_lost);
    CHECK(d.begin(t, at(1s)) == driver_code::device_lost);
    CHECK(d.allocate(0, 1).error() == driver_code::device_lost);
    CHECK(d.state_of(7) == process_state::failed);
    CHECK_FALSE(d.vitals(0)->reachable);
}

TEST_CASE("fake driver: failures come in their turn, at the moment that they are meant for") {
    gpu::fake_driver d{slow_device()};
    using enum gpu::fake_operation;
    d.fail({.what = allocate, .code = driver_code::no_memory, .after = 1});
    CHECK(d.allocate(0, 1).has_value());
    CHECK(d.allocate(0, 1).error() == driver_code::no_memory);
    CHECK(d.allocate(0, 1).has_value());
    REQUIRE(d.start_process(7, {}) == driver_code::done);
    d.fail({.what = lock, .code = driver_code::failed, .when = gpu::fake_moment::after_effect});
    REQUIRE(d.begin(gpu::process_action{.pid = 7, .step = process_step::lock, .limit = {}, .changes = {}}, at(1s)) ==
            driver_code::done);
    buffer<gpu::process_end> ends;
    d.collect(at(2s), ends);
    CHECK(ends.items()[0] == gpu::process_end{7, process_step::lock, driver_code::failed, process_state::locked});
    d.fail({.what = copy, .code = driver_code::failed, .when = gpu::fake_moment::at_begin});
    gpu::transfer const t{.kind = transfer_kind::copy, .bytes = 1};
    CHECK(d.begin(t, at(2s)) == driver_code::failed);
    CHECK(d.begin(t, at(2s)) == driver_code::done);
}

TEST_CASE("fake driver: time for bytes is rounded up, and large amounts do not overflow") {
    CHECK(gpu::detail::time_for(0, 1'000) == 0ns);
    CHECK(gpu::detail::time_for(1, 3'000'000'000) == 1ns);
    CHECK(gpu::detail::time_for(25'000'000'000, 25'000'000'000) == 1s);
    CHECK(gpu::detail::time_for(12'500'000'000, 25'000'000'000) == 500ms);
    CHECK(gpu::detail::time_for(17'999'999'999, 18'000'000'000) == 1s);
    CHECK(gpu::detail::time_for(std::uint64_t{1} << 40U, 900'000'000'000) > 1'221ms);
    CHECK(gpu::detail::time_for(std::uint64_t{1} << 40U, 900'000'000'000) < 1'222ms);
}
