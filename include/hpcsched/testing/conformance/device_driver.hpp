// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_TESTING_CONFORMANCE_DEVICE_DRIVER_HPP
#define HPCSCHED_TESTING_CONFORMANCE_DEVICE_DRIVER_HPP

#include <hpcsched/core/sink.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/gpu/device.hpp>
#include <hpcsched/gpu/device_driver.hpp>
#include <hpcsched/gpu/inventory.hpp>
#include <hpcsched/gpu/memory_mover.hpp>
#include <hpcsched/gpu/residency.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace hpcsched::testing {

struct device_driver_check_options {
    time_point start{};              ///< now
    std::uint32_t device = 0;        ///< on which memory is moved
    std::uint64_t bytes = 3'000'017; ///< of the largest buffer that is moved, >= 5,000
    std::int32_t pid = 0; ///< a running process that holds memory of that device and is taken off it; 0: none at hand,
                          ///< so that only what is said of processes that are not there is checked
    std::int32_t no_pid = 2'000'000'000; ///< of no process
};

namespace detail {

template <gpu::device_driver Driver>
class device_driver_check {
  public:
    device_driver_check(Driver& driver, device_driver_check_options const& options)
        : driver_{driver}, options_{options}, now_{options.start} {}

    std::vector<std::string> run() {
        // With the first rule that is broken it stops: what such a driver has under way is not known.
        void (device_driver_check::* const parts[])() = {&device_driver_check::inventory,
                                                         &device_driver_check::memory,
                                                         &device_driver_check::order_within_a_stream,
                                                         &device_driver_check::movers,
                                                         &device_driver_check::process_that_is_not_there,
                                                         &device_driver_check::process};
        for (auto const part : parts) {
            if (broken_.empty()) {
                (this->*part)();
            }
        }
        return std::move(broken_);
    }

  private:
    bool must(bool holds, char const* rule) {
        if (!holds) {
            broken_.emplace_back(rule);
        }
        return holds;
    }

    void inventory() {
        auto const seen = driver_.devices();
        auto const again = driver_.devices();
        if (!must(seen.has_value() && again.has_value(), "inventory: it cannot be had")) {
            return;
        }
        must(*seen == *again, "inventory: it says two things of the same devices");
        must(seen->size() <= gpu::device_count_max, "inventory: there are more devices than a mask has bits");
        std::set<std::string> uuids;
        for (std::size_t i = 0; i < seen->size(); ++i) {
            gpu::device_facts const& d = (*seen)[i];
            must(!d.uuid.empty() && uuids.insert(d.uuid).second, "inventory: a UUID is empty, or there twice");
            must(d.info.memory_mib > 0, "inventory: a device has no memory");
            must(i == 0 || (*seen)[i - 1].bus_id < d.bus_id,
                 "inventory: devices are not in the order of their bus ids");
            must(driver_.vitals(static_cast<std::uint32_t>(i)).has_value(), "inventory: a device has no vitals");
        }
        auto const beyond = static_cast<std::uint32_t>(seen->size());
        auto const vitals = driver_.vitals(beyond);
        must(!vitals && vitals.error() == gpu::driver_code::unknown, "inventory: vitals of no device are not unknown");
        auto const there = driver_.processes(beyond);
        must(!there && there.error() == gpu::driver_code::unknown, "inventory: processes of no device are not unknown");
        auto const memory = driver_.allocate(beyond, 1);
        must(!memory && memory.error() == gpu::driver_code::unknown, "memory: that of no device is not unknown");
        must(options_.device < beyond, "inventory: the device to be checked with is not there");
    }

    // Begins a transfer and waits for its end.
    gpu::driver_code perform(gpu::transfer t) {
        t.owner = 77;
        t.id = ++id_;
        gpu::driver_code const begun = driver_.begin(t, now_);
        if (begun != gpu::driver_code::done) {
            return begun;
        }
        for (;;) {
            buffer<gpu::transfer_end> ends;
            driver_.collect(now_, ends);
            for (gpu::transfer_end const& e : ends.items()) {
                if (must(e.owner == t.owner && e.id == t.id, "transfers: an end is told of what was not begun")) {
                    return e.code;
                }
            }
            time_point const then = driver_.wait(now_, never);
            must(then >= now_, "wait: time runs backwards");
            now_ = then;
        }
    }

    static void paint(std::span<std::byte> bytes, std::size_t seed) {
        for (std::size_t i = 0; i < bytes.size(); ++i) {
            bytes[i] = static_cast<std::byte>((i * 131 + seed * 29 + i / 251) & 0xFFU);
        }
    }

    void memory() {
        auto const none = driver_.allocate(options_.device, 0);
        must(!none, "memory: 0 bytes are given out");
        auto const facts = driver_.devices();
        std::uint64_t const all = std::uint64_t{(*facts)[options_.device].info.memory_mib} << 20U;
        auto const too_much = driver_.allocate(options_.device, all * 2);
        must(!too_much && too_much.error() == gpu::driver_code::no_memory, "memory: more than there is is not refused");
        auto const area = driver_.pin(options_.bytes);
        auto const at = driver_.allocate(options_.device, options_.bytes);
        if (!must(area.has_value() && area->at != nullptr, "memory: nothing can be pinned") ||
            !must(at.has_value() && at->at != 0, "memory: nothing can be allocated")) {
            return;
        }
        std::span<std::byte> const staged{area->at, static_cast<std::size_t>(options_.bytes)};
        std::vector<std::byte>& own = own_; // outlives what may be under way when this returns
        own.resize(staged.size());
        paint(own, 1);
        std::vector<std::byte> const original = own;
        using enum gpu::transfer_kind;
        std::uint64_t const half = options_.bytes / 2 + 1;
        must(perform({.kind = copy, .from = own.data(), .to = staged.data(), .bytes = own.size()}) ==
                 gpu::driver_code::done,
             "transfers: a copy fails");
        must(std::ranges::equal(staged, original), "transfers: a copy copies something else");
        must(perform({.kind = to_device, .on_device = *at, .from = staged.data(), .bytes = options_.bytes}) ==
                 gpu::driver_code::done,
             "transfers: the way to the device fails");
        std::ranges::fill(staged, std::byte{});
        // Back in two halves, the second of them from the middle of the memory.
        must(perform({.kind = to_host, .on_device = *at, .to = staged.data(), .bytes = half}) == gpu::driver_code::done,
             "transfers: the way to the host fails");
        gpu::device_address const middle{at->device, at->at + half};
        must(perform(
                 {.kind = to_host, .on_device = middle, .to = staged.data() + half, .bytes = options_.bytes - half}) ==
                 gpu::driver_code::done,
             "transfers: the way from the middle of the memory fails");
        must(std::ranges::equal(staged, original), "transfers: what comes back is not what was sent");
        must(driver_.begin(gpu::transfer{.kind = to_device, .on_device = *at, .from = staged.data()}, now_) ==
                 gpu::driver_code::malformed,
             "transfers: one of no bytes is not malformed");
        if (!broken_.empty()) {
            return;
        }
        must(driver_.free(*at) == gpu::driver_code::done, "memory: it cannot be freed");
        must(driver_.free(*at) == gpu::driver_code::unknown, "memory: it can be freed twice");
        must(driver_.unpin(*area) == gpu::driver_code::done, "memory: it cannot be unpinned");
        must(driver_.unpin(*area) == gpu::driver_code::unknown, "memory: it can be unpinned twice");
    }

    // To the device and back on one stream, without waiting between: the second sees what the first did.
    void order_within_a_stream() {
        auto const area = driver_.pin(options_.bytes * 2);
        auto const at = driver_.allocate(options_.device, options_.bytes);
        if (!must(area.has_value() && at.has_value(), "memory: what was given back cannot be had again")) {
            return;
        }
        auto const size = static_cast<std::size_t>(options_.bytes);
        std::span<std::byte> const sent{area->at, size};
        std::span<std::byte> const received{area->at + size, size};
        paint(sent, 2);
        gpu::transfer t{.owner = 78, .id = 1, .kind = gpu::transfer_kind::to_device, .stream = 1};
        t.on_device = *at;
        t.bytes = options_.bytes;
        t.from = sent.data();
        bool begun = driver_.begin(t, now_) == gpu::driver_code::done;
        t.id = 2;
        t.kind = gpu::transfer_kind::to_host;
        t.from = nullptr;
        t.to = received.data();
        begun = must(begun && driver_.begin(t, now_) == gpu::driver_code::done, "transfers: two on a stream fail");
        std::vector<std::uint64_t> order;
        while (begun && order.size() < 2) {
            now_ = driver_.wait(now_, never);
            buffer<gpu::transfer_end> ends;
            driver_.collect(now_, ends);
            for (gpu::transfer_end const& e : ends.items()) {
                must(e.owner == 78 && e.code == gpu::driver_code::done, "transfers: one of two on a stream fails");
                order.push_back(e.id);
            }
        }
        must(order == std::vector<std::uint64_t>{1, 2}, "transfers: those of a stream do not end in their order");
        must(std::ranges::equal(sent, received), "transfers: those of a stream overlap");
        if (!broken_.empty()) {
            return;
        }
        must(driver_.free(*at) == gpu::driver_code::done && driver_.unpin(*area) == gpu::driver_code::done,
             "memory: it cannot be given back");
    }

    void movers() {
        for (gpu::release_rule const rule : {gpu::release_rule::at_end, gpu::release_rule::as_they_arrive}) {
            gpu::residency_config const config{
                .chunk_bytes = options_.bytes / 7, .slots = 4, .streams = 2, .release = rule};
            gpu::memory_mover<Driver> mover{driver_, options_.device, 79, config};
            std::vector<std::vector<std::byte>> cells;
            for (std::uint64_t const size : {options_.bytes, std::uint64_t{0}, options_.bytes / 7, std::uint64_t{1}}) {
                cells.emplace_back(static_cast<std::size_t>(size));
                paint(cells.back(), cells.size());
            }
            auto const pinned = driver_.pin(options_.bytes / 3);
            if (!must(pinned.has_value(), "memory: nothing can be pinned")) {
                return;
            }
            std::span<std::byte> const direct{pinned->at, static_cast<std::size_t>(pinned->bytes)};
            paint(direct, 9);
            auto const originals = cells;
            std::vector<std::byte> const direct_original{direct.begin(), direct.end()};
            for (std::vector<std::byte>& c : cells) {
                mover.add(c);
            }
            mover.add(direct, true);
            gpu::move_result moved = move_now(driver_, mover, gpu::memory_side::device, now_);
            must(moved.code == gpu::driver_code::done, "movers: the way to the device fails");
            for (std::vector<std::byte>& c : cells) {
                std::ranges::fill(c, std::byte{0xEE});
            }
            std::ranges::fill(direct, std::byte{0xEE});
            moved = move_now(driver_, mover, gpu::memory_side::host, moved.now);
            must(moved.code == gpu::driver_code::done, "movers: the way back fails");
            must(cells == originals && std::ranges::equal(direct, direct_original), "movers: bytes come back changed");
            now_ = moved.now;
            must(driver_.unpin(*pinned) == gpu::driver_code::done, "memory: it cannot be unpinned");
        }
    }

    // A step, or how it was turned away.
    gpu::process_end perform(gpu::process_action const& a) {
        gpu::driver_code const begun = driver_.begin(a, now_);
        if (begun != gpu::driver_code::done) {
            return {a.pid, a.step, begun, driver_.state_of(a.pid)};
        }
        for (;;) {
            now_ = driver_.wait(now_, never);
            buffer<gpu::process_end> ends;
            driver_.collect(now_, ends);
            if (!ends.empty()) {
                gpu::process_end const e = ends.items().front();
                must(ends.size() == 1 && e.pid == a.pid && e.step == a.step,
                     "processes: an end is told of what was not begun");
                return e;
            }
        }
    }
    gpu::process_end step(gpu::process_step which) {
        return perform(
            gpu::process_action{.pid = options_.pid, .step = which, .limit = std::chrono::seconds{10}, .changes = {}});
    }
    bool on_device() {
        auto const there = driver_.processes(options_.device);
        return there.has_value() && std::ranges::find(*there, options_.pid, &gpu::device_process::pid) != there->end();
    }

    void process_that_is_not_there() {
        must(driver_.state_of(options_.no_pid) == gpu::process_state::gone, "processes: one that is not there is");
        gpu::process_end const e = perform(
            gpu::process_action{.pid = options_.no_pid, .step = gpu::process_step::lock, .limit = {}, .changes = {}});
        must(e.code != gpu::driver_code::done, "processes: one that is not there can be locked");
        must(e.state == gpu::process_state::gone, "processes: one that is not there is after a step");
    }

    void process() {
        if (options_.pid == 0) {
            return;
        }
        using enum gpu::process_state;
        using enum gpu::process_step;
        must(driver_.state_of(options_.pid) == running && on_device(), "processes: the one to be moved is not there");
        auto const fails = [this](gpu::process_step which, gpu::process_state in) {
            gpu::process_end const e = step(which);
            must(e.code == gpu::driver_code::wrong_state && e.state == in && driver_.state_of(options_.pid) == in,
                 "processes: a step from a state that it does not begin in is not turned away");
        };
        auto const goes = [this](gpu::process_step which, gpu::process_state to, char const* rule) {
            gpu::process_end const e = step(which);
            must(e.code == gpu::driver_code::done && e.state == to && driver_.state_of(options_.pid) == to, rule);
        };
        fails(checkpoint, running);
        fails(restore, running);
        fails(unlock, running);
        goes(lock, locked, "processes: it is not locked");
        fails(lock, locked);
        fails(restore, locked);
        goes(checkpoint, checkpointed, "processes: it is not checkpointed");
        must(!on_device(), "processes: one that is checkpointed is on its device still");
        fails(checkpoint, checkpointed);
        fails(unlock, checkpointed);
        goes(restore, locked, "processes: it is not restored");
        must(on_device(), "processes: one that was restored is not on its device");
        goes(unlock, running, "processes: it is not unlocked");
    }

    Driver& driver_;
    device_driver_check_options options_;
    time_point now_;
    std::uint64_t id_ = 0;
    std::vector<std::byte> own_;
    std::vector<std::string> broken_;
};

} // namespace detail

/// Uses a driver and checks the rules of `gpu::device_driver`: what it shows of its devices, that bytes come back from
/// a device as they went, in order and in pieces, that what was given out can be given back once, and, with a process
/// at hand, the four steps by which one leaves its device and comes back, and that no step is done out of turn.
///
/// \return the rules that were broken; empty: none
template <gpu::device_driver Driver>
[[nodiscard]] std::vector<std::string> check_device_driver(Driver& driver,
                                                           device_driver_check_options const& options = {}) {
    return detail::device_driver_check<Driver>{driver, options}.run();
}

} // namespace hpcsched::testing

#endif
