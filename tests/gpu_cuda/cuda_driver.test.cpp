// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/gpu/memory_mover.hpp>
#include <hpcsched/gpu/process_suspender.hpp>
#include <hpcsched/gpu_cuda/cuda_driver.hpp>
#include <hpcsched/testing/conformance/device_driver.hpp>

#include <doctest/doctest.h>

#include "control.hpp"
#include "skip.hpp"
#include <dlfcn.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

using namespace hpcsched;
using namespace std::chrono_literals;
using gpu::driver_code;
using gpu::process_state;
using gpu::process_step;
using gpu_cuda::cuda_config;
using gpu_cuda::cuda_driver;

namespace {

constexpr std::uint64_t mebibyte = std::uint64_t{1} << 20U;

/// The stand-in libraries, as new.
class stand_in {
  public:
    stand_in() : library_{dlopen(HPCSCHED_STAND_IN_CUDA, RTLD_NOW | RTLD_GLOBAL)} {
        REQUIRE(library_ != nullptr);
        auto const of = reinterpret_cast<stand_in_table* (*)()>(dlsym(library_, "hpcsched_stand_in"));
        REQUIRE((of != nullptr));
        table = of();
        std::memset(table, 0, sizeof *table);
        table->version = 13'000;
        table->capacity[0] = 64 * mebibyte;
        table->capacity[1] = 32 * mebibyte;
        table->state_after_failure = -1;
    }
    stand_in(stand_in const&) = delete;
    stand_in& operator=(stand_in const&) = delete;
    ~stand_in() { dlclose(library_); }

    [[nodiscard]] static cuda_config config() {
        return {.cuda_library = HPCSCHED_STAND_IN_CUDA, .nvml_library = HPCSCHED_STAND_IN_NVML};
    }
    [[nodiscard]] static cuda_driver open() {
        auto d = cuda_driver::open(config());
        REQUIRE_MESSAGE(d.has_value(), (d ? std::string{} : d.error().message));
        return std::move(*d);
    }
    [[nodiscard]] static std::string failure(cuda_config const& c = config()) {
        auto const d = cuda_driver::open(c);
        return d ? std::string{"it opens"} : d.error().message;
    }

    stand_in_table* table = nullptr;

  private:
    void* library_;
};

bool says(std::string const& whole, char const* part) {
    return whole.find(part) != std::string::npos;
}

gpu::process_end perform(cuda_driver& d, gpu::process_action const& a) {
    driver_code const begun = d.begin(a, cuda_driver::now());
    if (begun != driver_code::done) {
        return {a.pid, a.step, begun, d.state_of(a.pid)};
    }
    buffer<gpu::process_end> ends;
    while (ends.empty()) {
        time_point const now = d.wait(cuda_driver::now(), never);
        d.collect(now, ends);
    }
    return ends.items()[0];
}

} // namespace

TEST_CASE("cuda driver: without libraries it does not open, and says which is missing and what brings it") {
    if (std::string const why = stand_in::failure({}); says(why, "it opens")) {
        HPCSCHED_SKIP("a real driver is there");
    } else {
        CHECK(says(why, "NVML cannot be loaded: libnvidia-ml.so.1"));
        CHECK(says(why, "libnvidia-ml1 of non-free"));
    }
    CHECK(says(stand_in::failure({.needs_inventory = false}), "CUDA cannot be loaded: libcuda.so.1"));
    auto nothing = cuda_driver::open({.needs_inventory = false, .needs_memory = false, .needs_processes = false});
    REQUIRE(nothing.has_value());
    CHECK(nothing->devices().error() == driver_code::unsupported);
    CHECK(nothing->allocate(0, 1).error() == driver_code::unsupported);
    CHECK(nothing->begin(gpu::process_action{.pid = 1, .step = {}, .limit = {}, .changes = {}}, time_point{}) ==
          driver_code::unsupported);
    CHECK(says(nothing->about(), "cannot be loaded"));
}

TEST_CASE("cuda driver: the toolkit's stub is told from a driver") {
    stand_in const s;
    if (!std::filesystem::exists(HPCSCHED_CUDA_STUB)) {
        HPCSCHED_SKIP("no lib/stubs/libcuda.so of a toolkit");
    }
    auto c = stand_in::config();
    c.cuda_library = HPCSCHED_CUDA_STUB;
    CHECK(says(stand_in::failure(c), "is the toolkit's stub"));
}

TEST_CASE("cuda driver: on the libraries that stand in it keeps the rules, and leaves nothing behind") {
    stand_in s;
    s.table->pid = 4'242;
    s.table->pid_device = 1;
    s.table->pid_bytes = mebibyte;
    s.table->used[1] = mebibyte;
    for (int const reversed : {0, 1}) {
        CAPTURE(reversed);
        s.table->cuda_reversed = reversed;
        {
            cuda_driver d = stand_in::open();
            CHECK(testing::check_device_driver(
                      d, {.start = cuda_driver::now(), .device = 1, .bytes = 3'000'017, .pid = 4'242}) ==
                  std::vector<std::string>{});
        }
        CHECK(s.table->memory_alive == 0);
        CHECK(s.table->pinned_alive == 0);
        CHECK(s.table->streams_alive == 0);
        CHECK(s.table->events_alive == 0);
        CHECK(s.table->contexts_alive == 0);
        CHECK(s.table->nvml_alive == 0);
        CHECK(s.table->used[1] == mebibyte);
    }
}

TEST_CASE("cuda driver: a driver that is dropped with work under way gives everything back") {
    stand_in s;
    {
        cuda_driver d = stand_in::open();
        auto const at = d.allocate(0, 4'096);
        auto const area = d.pin(4'096);
        REQUIRE(at.has_value());
        REQUIRE(area.has_value());
        gpu::transfer t{.kind = gpu::transfer_kind::to_device, .on_device = *at, .from = area->at, .bytes = 4'096};
        CHECK(d.begin(t, time_point{}) == driver_code::done);
    }
    CHECK(s.table->memory_alive == 0);
    CHECK(s.table->pinned_alive == 0);
    CHECK(s.table->streams_alive == 0);
    CHECK(s.table->events_alive == 0);
    CHECK(s.table->contexts_alive == 0);
}

TEST_CASE("cuda driver: the inventory has memory, links, NUMA nodes and UUIDs by bus id") {
    stand_in s;
    auto facts = *stand_in::open().devices();
    REQUIRE(facts.size() == 2);
    CHECK(facts[0].uuid == "GPU-a0a0a0a0-a0a0-a0a0-a0a0-a0a0a0a0a0a0");
    CHECK(facts[0].name == "Stand-in");
    CHECK(facts[1].bus_id == "00000000:5E:00.0");
    CHECK(facts[0].info == gpu::device_info{.memory_mib = 64, .link_group = 0, .numa_node = 1});
    CHECK(facts[1].info == gpu::device_info{.memory_mib = 32, .link_group = 1, .numa_node = 65});
    s.table->linked = 1;
    facts = *stand_in::open().devices();
    CHECK(facts[1].info.link_group == 0);
}

TEST_CASE("cuda driver: a device in MIG mode is shown with its instances and where they are") {
    stand_in s;
    s.table->mig = 1;
    auto facts = *stand_in::open().devices();
    CHECK(facts[0].info.sliced);
    CHECK_FALSE(facts[1].info.sliced);
    CHECK(facts[0].slices == std::vector<gpu::slice_facts>{{"MIG-first", gpu::slice_3g, 0b0000'1111, 32},
                                                           {"MIG-second", gpu::slice_2g, 0b0011'0000, 16}});
    s.table->mig_secret = 1; // the user may not look
    facts = *stand_in::open().devices();
    CHECK(facts[0].slices ==
          std::vector<gpu::slice_facts>{{"MIG-first", gpu::slice_3g, 0, 32}, {"MIG-second", gpu::slice_2g, 0, 16}});
}

TEST_CASE("cuda driver: vitals, and the worst error reported stays") {
    stand_in s;
    cuda_driver d = stand_in::open();
    s.table->temperature = 71;
    s.table->uncorrected = 2;
    s.table->repair_pending = 1;
    s.table->used[0] = 3 * mebibyte;
    CHECK(*d.vitals(0) == gpu::device_vitals{.memory_total_mib = 64,
                                             .memory_used_mib = 3,
                                             .temperature_c = 71,
                                             .corrected_errors = 5,
                                             .uncorrected_errors = 2,
                                             .repair_pending = true});
    s.table->xid[0] = 79;
    s.table->xid_of = 9; // of no device that is known here
    CHECK(d.vitals(0)->last_xid == 0);
    CHECK(d.vitals(1)->last_xid == 0);
    s.table->xid_of = 1;
    s.table->xid[0] = 48;
    s.table->xid[1] = 13;
    CHECK(d.vitals(1)->last_xid == 0); // read here, kept for the device that it is of
    CHECK(d.vitals(0)->last_xid == 48);
    s.table->lost = 1;
    CHECK_FALSE(d.vitals(0)->reachable);
    CHECK(d.devices()->size() == 2); // it stays in the inventory, as it was
    CHECK(d.processes(0).error() == driver_code::device_lost);
}

TEST_CASE("cuda driver: what libraries answer when they begin is told with what to do") {
    stand_in s;
    auto const cuda_answers = [&](int code) {
        s.table->init_answer = code;
        return stand_in::failure();
    };
    CHECK(says(cuda_answers(100), "hidden by CUDA_VISIBLE_DEVICES"));
    CHECK(says(cuda_answers(803), "reboot"));
    CHECK(says(cuda_answers(999), "CUDA_ERROR_UNKNOWN"));
    CHECK(says(cuda_answers(888), "error 888"));
    auto const nvml_answers = [&](int code) {
        s.table->nvml_init_answer = code;
        return stand_in::failure();
    };
    CHECK(says(nvml_answers(9), "modprobe nvidia"));
    CHECK(says(nvml_answers(18), "reboot"));
    CHECK(says(nvml_answers(4), "/dev/nvidiactl"));
    auto c = stand_in::config();
    c.copiers = 0;
    CHECK(says(stand_in::failure(c), "set copiers to 1 or more"));
    c = stand_in::config();
    c.cuda_library = "libm.so.6";
    CHECK(says(stand_in::failure(c), "has no cuInit"));
}

TEST_CASE("cuda driver: an old driver moves memory, and says what checkpoints need") {
    stand_in const s;
    auto c = stand_in::config();
    c.cuda_library = HPCSCHED_STAND_IN_CUDA_OLD;
    CHECK(says(stand_in::failure(c), "has no cuCheckpointProcessGetRestoreThreadId"));
    CHECK(says(stand_in::failure(c), "CUDA 12.8"));
    c.needs_processes = false;
    auto d = cuda_driver::open(c);
    REQUIRE(d.has_value());
    CHECK(says(d->about(), "driver 580.65.06, CUDA "));
    CHECK(says(d->about(), "12.8"));
    CHECK(d->state_of(1) == process_state::running);
    gpu::process_suspender<cuda_driver> p{*d, 1};
    p.suspend(time_point{});
    CHECK(p.state().outcome() == gpu::suspension_outcome::not_locked);
    CHECK(p.state().code() == driver_code::unsupported);
}

TEST_CASE("cuda driver: a device that CUDA does not show this process has facts and no memory") {
    stand_in s;
    s.table->hidden = 1;
    cuda_driver d = stand_in::open();
    CHECK(d.devices()->size() == 2);
    CHECK(d.allocate(1, 1).error() == driver_code::unknown);
    CHECK(d.allocate(0, 1).has_value());
}

TEST_CASE("cuda driver: failures of memory and transfers come back as codes, and movers leave all as it was") {
    stand_in s;
    cuda_driver d = stand_in::open();
    std::vector<std::byte> cell(100'000, std::byte{7});
    auto const original = cell;
    gpu::memory_mover<cuda_driver> m{d, 0, 1, {.chunk_bytes = 9'000, .slots = 3}};
    m.add(cell);
    auto const to_device = [&] { return move_now(d, m, gpu::memory_side::device, cuda_driver::now()).code; };
    s.table->host_alloc_answer = 2;
    CHECK(to_device() == driver_code::no_host_memory);
    s.table->alloc_answer = 2;
    CHECK(to_device() == driver_code::no_memory);
    s.table->to_device_answer = 999;
    CHECK(to_device() == driver_code::failed);
    s.table->event_record_answer = 999;
    CHECK(to_device() == driver_code::failed);
    s.table->event_query_answer = 719;
    CHECK(to_device() == driver_code::failed);
    s.table->event_query_answer = 214;
    CHECK(to_device() == driver_code::device_lost);
    CHECK(m.plan().place(0) == gpu::buffer_place::host);
    CHECK(cell == original);
    CHECK(s.table->used[0] == 0);
    CHECK(to_device() == driver_code::done);
    CHECK(s.table->used[0] == 100'000);
    cell.assign(cell.size(), std::byte{});
    CHECK(move_now(d, m, gpu::memory_side::host, cuda_driver::now()).code == driver_code::done);
    CHECK(cell == original);
}

TEST_CASE("cuda driver: a bare copy is one plain call, there and back") {
    stand_in const s;
    cuda_driver d = stand_in::open();
    auto const at = d.allocate(0, 1'000);
    REQUIRE(at.has_value());
    std::vector<std::byte> out(1'000, std::byte{3});
    std::vector<std::byte> back(1'000);
    CHECK(
        d.move_plainly({.kind = gpu::transfer_kind::to_device, .on_device = *at, .from = out.data(), .bytes = 1'000}) ==
        driver_code::done);
    CHECK(d.move_plainly({.kind = gpu::transfer_kind::to_host, .on_device = *at, .to = back.data(), .bytes = 1'000}) ==
          driver_code::done);
    CHECK(back == out);
    CHECK(d.move_plainly({.kind = gpu::transfer_kind::copy, .from = out.data(), .to = back.data(), .bytes = 1}) ==
          driver_code::malformed);
}

TEST_CASE("cuda driver: a lock's limit is handed over in whole milliseconds, and its time-out is told") {
    stand_in s;
    s.table->pid = 7;
    cuda_driver d = stand_in::open();
    s.table->lock_answer = 600;
    auto const e = perform(d, {.pid = 7, .step = process_step::lock, .limit = duration{1'500'001}, .changes = {}});
    CHECK(e == gpu::process_end{7, process_step::lock, driver_code::timed_out, process_state::running});
    CHECK(s.table->last_lock_timeout_ms == 2);
    s.table->lock_answer = 801;
    CHECK(perform(d, {.pid = 7, .step = process_step::lock, .limit = {}, .changes = {}}).code ==
          driver_code::unsupported);
    CHECK(s.table->last_lock_timeout_ms == 0);
}

TEST_CASE("cuda driver: a process goes off, a second uses its memory, and a failed step is undone") {
    stand_in s;
    s.table->pid = 7;
    s.table->pid_bytes = 40 * mebibyte;
    s.table->used[0] = 40 * mebibyte;
    cuda_driver d = stand_in::open();
    gpu::process_suspender<cuda_driver> p{d, 7};
    CHECK(d.allocate(0, 30 * mebibyte).error() == driver_code::no_memory);

    s.table->checkpoint_answer = 2;
    p.suspend(cuda_driver::now());
    settle(d, p, cuda_driver::now());
    CHECK(p.state().outcome() == gpu::suspension_outcome::refused);
    CHECK(s.table->pid_state == 0);

    p.suspend(cuda_driver::now());
    settle(d, p, cuda_driver::now());
    CHECK(p.state().outcome() == gpu::suspension_outcome::suspended);
    auto const second = d.allocate(0, 30 * mebibyte);
    REQUIRE(second.has_value());
    p.resume(cuda_driver::now());
    settle(d, p, cuda_driver::now());
    CHECK(p.state().outcome() == gpu::suspension_outcome::not_restored);
    CHECK(p.state().code() == driver_code::no_memory);
    CHECK(d.free(*second) == driver_code::done);
    p.resume(cuda_driver::now());
    settle(d, p, cuda_driver::now());
    CHECK(p.state().outcome() == gpu::suspension_outcome::resumed);

    s.table->restore_answer = 999;
    s.table->state_after_failure = 3;
    p.suspend(cuda_driver::now());
    settle(d, p, cuda_driver::now());
    p.resume(cuda_driver::now());
    settle(d, p, cuda_driver::now());
    CHECK(p.state().outcome() == gpu::suspension_outcome::broken);
}

TEST_CASE("cuda driver: a restore onto another device hands over pairs of UUIDs, where the driver knows them") {
    stand_in s;
    s.table->pid = 7;
    auto const restore = [&](cuda_driver& d, std::vector<gpu::device_change> const& changes) {
        s.table->pid_state = 2;
        return perform(d, {.pid = 7, .step = process_step::restore, .limit = {}, .changes = changes}).code;
    };
    cuda_driver d = stand_in::open();
    auto const facts = *d.devices();
    CHECK(restore(d, {}) == driver_code::done);
    CHECK(s.table->last_pair_count == 0);
    CHECK(restore(d, {{facts[0].uuid, facts[1].uuid}}) == driver_code::done);
    CHECK(s.table->last_pair_count == 1);
    CHECK(s.table->last_pair_to == 0xA1);
    CHECK(restore(d, {{"GPU-x", facts[1].uuid}}) == driver_code::malformed);
    s.table->version = 12'080;
    cuda_driver older = stand_in::open();
    CHECK(restore(older, {{facts[0].uuid, facts[1].uuid}}) == driver_code::unsupported);
    CHECK(restore(older, {}) == driver_code::done);
}

TEST_CASE("cuda driver: waiting for nothing ends at once, or when it was to end") {
    stand_in const s;
    cuda_driver d = stand_in::open();
    time_point const now = cuda_driver::now();
    CHECK(d.wait(now, never) >= now);
    time_point const soon = now + 2ms;
    CHECK(d.wait(now, soon) >= soon);
    CHECK(d.wait(soon, now) >= soon); // no time runs backwards
}
