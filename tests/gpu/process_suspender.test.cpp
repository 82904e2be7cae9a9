// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/core/time.hpp>
#include <hpcsched/gpu/fake_driver.hpp>
#include <hpcsched/gpu/process_suspender.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <vector>

using namespace hpcsched;
using namespace std::chrono_literals;
using gpu::driver_code;
using gpu::process_state;
using gpu::suspension_outcome;
using gpu::suspension_phase;

namespace {

constexpr std::uint64_t gibibyte = std::uint64_t{1} << 30U;

using suspender = gpu::process_suspender<gpu::fake_driver>;

} // namespace

TEST_CASE("process suspender: a second process has the whole device while the first is off it") {
    gpu::fake_driver d{gpu::fake_devices(1)}; // 80 GiB
    REQUIRE(d.start_process(7, {.bytes = 50 * gibibyte}) == driver_code::done);
    suspender p{d, 7};
    CHECK(p.suspend(time_point{}));
    time_point now = settle(d, p, time_point{});
    CHECK(p.state().outcome() == suspension_outcome::suspended);
    CHECK(now.time_since_epoch() / 1ms == 1 + 50 * gibibyte / 4'000'000);
    CHECK(d.processes(0)->empty());
    REQUIRE(d.start_process(8, {.bytes = 70 * gibibyte}) == driver_code::done);

    CHECK(p.resume(now)); // too early: the second is still there
    now = settle(d, p, now);
    CHECK(p.state().outcome() == suspension_outcome::not_restored);
    CHECK(p.state().code() == driver_code::no_memory);
    CHECK(d.state_of(7) == process_state::checkpointed);

    d.end_process(8);
    CHECK(p.resume(now));
    now = settle(d, p, now);
    CHECK(p.state().outcome() == suspension_outcome::resumed);
    CHECK(*d.processes(0) == std::vector<gpu::device_process>{{7, 50 * gibibyte}});
}

TEST_CASE("process suspender: whatever step fails, the process runs on, or is suspended and can be resumed") {
    using enum gpu::fake_operation;
    for (auto const what : {lock, checkpoint, restore, unlock}) {
        for (auto const when : {gpu::fake_moment::at_begin, gpu::fake_moment::at_end, gpu::fake_moment::after_effect}) {
            CAPTURE(static_cast<int>(what));
            CAPTURE(static_cast<int>(when));
            gpu::fake_driver d{gpu::fake_devices(1)};
            REQUIRE(d.start_process(7, {.bytes = gibibyte}) == driver_code::done);
            d.fail({.what = what, .code = driver_code::failed, .when = when});
            suspender p{d, 7};
            time_point now{};
            for (int turn = 0; turn < 2; ++turn) {
                p.suspend(now);
                now = settle(d, p, now);
                REQUIRE((p.state().phase() == suspension_phase::running) == (d.state_of(7) == process_state::running));
                p.resume(now);
                now = settle(d, p, now);
                if (p.state().phase() == suspension_phase::suspended) {
                    REQUIRE(p.resume(now));
                    now = settle(d, p, now);
                }
                REQUIRE(d.state_of(7) == process_state::running);
                REQUIRE(p.state().phase() == suspension_phase::running);
            }
            CHECK(p.state().outcome() == suspension_outcome::resumed);
            CHECK(d.used_bytes(0) == gibibyte);
        }
    }
}

TEST_CASE("process suspender: one that never comes to rest runs on after the lock's limit") {
    gpu::fake_driver d{gpu::fake_devices(1)};
    REQUIRE(d.start_process(7, {.lock_time = unlimited}) == driver_code::done);
    suspender p{d, 7, {.lock_limit = 50ms}};
    p.suspend(time_point{});
    CHECK(settle(d, p, time_point{}) == time_point{50ms});
    CHECK(p.state().outcome() == suspension_outcome::not_locked);
    CHECK(d.state_of(7) == process_state::running);
}

TEST_CASE("process suspender: one that ends, is not there, or loses its device is over") {
    gpu::fake_driver d{gpu::fake_devices(1)};
    suspender nobody{d, 3};
    nobody.suspend(time_point{});
    CHECK(nobody.state().outcome() == suspension_outcome::gone);
    REQUIRE(d.start_process(7, {.bytes = gibibyte}) == driver_code::done);
    suspender p{d, 7};
    p.suspend(time_point{});
    SUBCASE("it ends") {
        d.end_process(7);
        settle(d, p, time_point{});
        CHECK(p.state().outcome() == suspension_outcome::gone);
    }
    SUBCASE("its device is lost") {
        d.lose(0);
        settle(d, p, time_point{});
        CHECK(p.state().outcome() == suspension_outcome::broken);
    }
}

TEST_CASE("process suspender: one comes back on another device, and two share a driver") {
    auto const devices = gpu::fake_devices(2);
    gpu::fake_driver d{devices};
    REQUIRE(d.start_process(7, {.bytes = gibibyte}) == driver_code::done);
    REQUIRE(d.start_process(8, {.bytes = 2 * gibibyte}) == driver_code::done);
    suspender a{d, 7};
    suspender b{d, 8};
    a.suspend(time_point{});
    b.suspend(time_point{});
    buffer<gpu::process_end> ends;
    time_point now{};
    while (a.state().busy() || b.state().busy()) {
        now = d.wait(now, never);
        ends.clear();
        d.collect(now, ends);
        for (auto const& e : ends.items()) {
            a.handle(e, now);
            b.handle(e, now);
        }
    }
    CHECK(d.used_bytes(0) == 0);
    a.resume(now, {{devices.devices[0].facts.uuid, devices.devices[1].facts.uuid}});
    settle(d, a, now);
    CHECK(a.state().outcome() == suspension_outcome::resumed);
    CHECK(d.used_bytes(1) == gibibyte);
    CHECK(b.state().outcome() == suspension_outcome::suspended);
}
