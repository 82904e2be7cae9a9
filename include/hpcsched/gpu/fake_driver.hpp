// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_GPU_FAKE_DRIVER_HPP
#define HPCSCHED_GPU_FAKE_DRIVER_HPP

#include <hpcsched/core/assert.hpp>
#include <hpcsched/core/result.hpp>
#include <hpcsched/core/sink.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/gpu/detail/fake_device.hpp>
#include <hpcsched/gpu/detail/fake_process.hpp>
#include <hpcsched/gpu/device.hpp>
#include <hpcsched/gpu/device_driver.hpp>
#include <hpcsched/gpu/device_vitals.hpp>
#include <hpcsched/gpu/inventory.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace hpcsched::gpu {

/// A device of a `fake_driver`.
struct fake_device_config {
    device_facts facts{};                                ///< what it shows and is
    std::uint64_t to_device_per_second = 25'000'000'000; ///< bytes, > 0; about that of PCIe 4.0 with 16 lanes
    std::uint64_t to_host_per_second = 25'000'000'000;   ///< likewise
    duration latency = std::chrono::microseconds{10};    ///< before each transfer
    std::uint64_t checkpoint_per_second = 4'000'000'000; ///< bytes of a process, > 0
    std::uint64_t restore_per_second = 4'000'000'000;    ///< likewise
};

struct fake_driver_config {
    std::vector<fake_device_config> devices{};
    std::uint64_t copy_per_second = 10'000'000'000;     ///< bytes that one copier copies, > 0
    std::uint32_t copiers = 4;                          ///< copies under way at a time, >= 1
    std::uint64_t pin_limit = std::uint64_t{64} << 30U; ///< bytes
    bool counts_only = false;                           ///< what is pinned has no bytes, only a size
};

/// `count` devices of 80 GiB, in one link group, with UUIDs that differ.
[[nodiscard]] inline fake_driver_config fake_devices(std::uint32_t count, std::uint32_t memory_mib = 81'920) {
    fake_driver_config c;
    for (std::uint32_t i = 0; i < count; ++i) {
        std::string const digits{static_cast<char>('0' + i / 10 % 10), static_cast<char>('0' + i % 10)};
        fake_device_config d;
        d.facts.uuid = "GPU-fa4e0000-0000-0000-0000-0000000000" + digits;
        d.facts.name = "Fake 80GB";
        d.facts.bus_id = "00000000:" + digits + ":00.0";
        d.facts.info.memory_mib = memory_mib;
        c.devices.push_back(std::move(d));
    }
    return c;
}

/// A process on a device of a `fake_driver`.
struct fake_process_config {
    std::uint32_t device = 0;
    std::uint64_t bytes = 0;                           ///< of the device's memory
    duration lock_time = std::chrono::milliseconds{1}; ///< until what it does on the device is done; unlimited: never
};

/// What can be made to fail.
enum class fake_operation : std::uint8_t {
    allocate,
    pin,
    copy,
    to_device,
    to_host,
    lock,
    checkpoint,
    restore,
    unlock,
};

/// When an operation fails.
enum class fake_moment : std::uint8_t {
    at_begin,     ///< it is turned away, or for `allocate` and `pin` fails
    at_end,       ///< it takes its time and fails, having done nothing
    after_effect, ///< it takes its time and has its effect, but says that it failed
};

/// One operation that will fail, once.
struct fake_failure {
    fake_operation what{};
    driver_code code = driver_code::failed;
    std::uint32_t after = 0; ///< so many of its kind go well before
    fake_moment when = fake_moment::at_end;
    process_state leaves = process_state::gone; ///< for steps at_end: the state that it leaves; gone: the one before
};

/// Devices that are not there, for tests and simulations: they have memory, bandwidths and failures, hold bytes for
/// those who hand some over, and only count for those who do not. Time is what it is handed.
///
/// Each device moves bytes each way one transfer after another, at its bandwidth and after its latency, and copies
/// within the host go to the copier that is free first. Bytes are read and written when a transfer ends: who touches
/// them before sees what a device's user would see who did so at the worst moment.
///
/// Processes are locked after their lock time, leave the device at its checkpoint bandwidth, and come back at its
/// restore bandwidth, if there is room for them.
///
/// \thread_safety none
class fake_driver {
  public:
    explicit fake_driver(fake_driver_config config) : config_{std::move(config)}, copier_free_(config_.copiers) {
        HPCSCHED_ASSERT(config_.copiers >= 1 && config_.copy_per_second > 0);
        for (fake_device_config const& d : config_.devices) {
            HPCSCHED_ASSERT(d.to_device_per_second > 0 && d.to_host_per_second > 0);
            HPCSCHED_ASSERT(d.checkpoint_per_second > 0 && d.restore_per_second > 0);
            devices_.emplace_back(std::uint64_t{d.facts.info.memory_mib} << 20U);
            shown_.push_back(d.facts);
        }
    }

    // --- what can be made to happen ---

    /// Makes an operation fail; of several for one kind of operation the first comes first.
    void fail(fake_failure const& failure) { failures_.push_back(failure); }
    /// A device falls off the bus: what is under way there fails, and what it held is gone.
    void lose(std::uint32_t device) {
        devices_.at(device).lose();
        for (auto& [pid, p] : processes_) {
            if (p.device == device && (p.busy || p.on_device())) {
                p.state = process_state::failed;
            }
        }
    }
    /// Shows other facts of a device than its own: a driver that lies, or a host's declaration that does.
    void show(std::uint32_t device, device_facts facts) { shown_.at(device) = std::move(facts); }
    /// Vitals of a device; its memory and whether it can be reached are counted, not taken from these.
    void set_vitals(std::uint32_t device, device_vitals const& vitals) { devices_.at(device).vitals = vitals; }
    /// The driver reports an error of a device.
    void report_xid(std::uint32_t device, std::uint32_t xid) {
        std::uint32_t& last = devices_.at(device).vitals.last_xid;
        last = worse_xid(last, xid);
    }
    /// A process comes to hold memory of a device.
    driver_code start_process(std::int32_t pid, fake_process_config const& p) {
        if (p.device >= devices_.size() || processes_.contains(pid)) {
            return driver_code::malformed;
        }
        if (driver_code const taken = devices_[p.device].take(p.bytes); taken != driver_code::done) {
            return taken;
        }
        processes_.emplace(pid, detail::fake_process{.device = p.device, .bytes = p.bytes, .lock_time = p.lock_time});
        return driver_code::done;
    }
    /// A process ends, and what it holds is free.
    void end_process(std::int32_t pid) {
        auto const at = processes_.find(pid);
        if (at != processes_.end()) {
            if (at->second.on_device()) {
                devices_[at->second.device].give_back(at->second.bytes);
            }
            processes_.erase(at);
        }
    }

    // --- inventory_driver ---

    [[nodiscard]] result<std::vector<device_facts>, driver_code> devices() { return shown_; }

    [[nodiscard]] result<device_vitals, driver_code> vitals(std::uint32_t device) {
        if (device >= devices_.size()) {
            return driver_code::unknown;
        }
        detail::fake_device const& d = devices_[device];
        device_vitals v = d.vitals;
        v.reachable = !d.lost;
        v.memory_total_mib = static_cast<std::uint32_t>(d.capacity >> 20U);
        v.memory_used_mib = static_cast<std::uint32_t>(d.used >> 20U);
        return v;
    }

    [[nodiscard]] result<std::vector<device_process>, driver_code> processes(std::uint32_t device) {
        if (device >= devices_.size()) {
            return driver_code::unknown;
        }
        if (devices_[device].lost) {
            return driver_code::device_lost;
        }
        std::vector<device_process> found;
        for (auto const& [pid, p] : processes_) {
            if (p.device == device && p.on_device()) {
                found.push_back({pid, p.bytes});
            }
        }
        return found;
    }

    // --- memory_driver ---

    [[nodiscard]] result<device_address, driver_code> allocate(std::uint32_t device, std::uint64_t bytes) {
        if (device >= devices_.size()) {
            return driver_code::unknown;
        }
        if (bytes == 0) {
            return driver_code::malformed;
        }
        if (fake_failure const f = failure_of(fake_operation::allocate); f.code != driver_code::done) {
            return f.code;
        }
        std::uint64_t at = 0;
        driver_code const code = devices_[device].allocate(bytes, at);
        if (code != driver_code::done) {
            return code;
        }
        return device_address{device, at};
    }
    driver_code free(device_address at) {
        return at.device < devices_.size() ? devices_[at.device].free(at.at) : driver_code::unknown;
    }

    [[nodiscard]] result<staging_area, driver_code> pin(std::uint64_t bytes) {
        if (bytes == 0) {
            return driver_code::malformed;
        }
        if (fake_failure const f = failure_of(fake_operation::pin); f.code != driver_code::done) {
            return f.code;
        }
        if (bytes > config_.pin_limit - pinned_bytes_) {
            return driver_code::no_host_memory;
        }
        auto area = std::make_unique<std::vector<std::byte>>(config_.counts_only ? 0 : bytes);
        staging_area const given{config_.counts_only ? nullptr : area->data(), bytes};
        pinned_.emplace_back(given, std::move(area));
        pinned_bytes_ += bytes;
        return given;
    }
    driver_code unpin(staging_area area) {
        auto const at = std::ranges::find_if(pinned_, [&](auto const& p) { return p.first == area; });
        if (at == pinned_.end()) {
            return driver_code::unknown;
        }
        pinned_bytes_ -= area.bytes;
        pinned_.erase(at);
        return driver_code::done;
    }

    driver_code begin(transfer const& t, time_point now) {
        if (t.bytes == 0 || t.stream >= stream_count_max) {
            return driver_code::malformed;
        }
        bool const copies = t.kind == transfer_kind::copy;
        if (!copies) {
            driver_code const there = reach(t);
            if (there != driver_code::done) {
                return there;
            }
        }
        auto const operation = copies                               ? fake_operation::copy
                               : t.kind == transfer_kind::to_device ? fake_operation::to_device
                                                                    : fake_operation::to_host;
        fake_failure const f = failure_of(operation);
        if (f.code != driver_code::done && f.when == fake_moment::at_begin) {
            return f.code;
        }
        time_point const end = copies ? copy_end(t, now) : transfer_end_time(t, now);
        pending_.emplace(std::pair{end, ++sequence_}, pending{.what = t, .failure = f});
        return driver_code::done;
    }

    void collect(time_point now, sink<transfer_end>& out) {
        advance(now);
        std::ranges::for_each(transfer_ends_, [&](transfer_end const& e) { out.append(e); });
        transfer_ends_.clear();
    }

    // --- process_driver ---

    [[nodiscard]] process_state state_of(std::int32_t pid) {
        auto const at = processes_.find(pid);
        return at == processes_.end() ? process_state::gone : at->second.state;
    }

    driver_code begin(process_action const& a, time_point now) {
        auto const at = processes_.find(a.pid);
        if (at == processes_.end()) {
            return driver_code::unknown;
        }
        detail::fake_process& p = at->second;
        if (p.busy || p.state != detail::state_before(a.step)) {
            return driver_code::wrong_state;
        }
        fake_failure const f = failure_of(operation_of(a.step));
        if (f.code != driver_code::done && f.when == fake_moment::at_begin) {
            return f.code;
        }
        step_under_way s{.pid = a.pid, .step = a.step, .code = driver_code::done, .failure = f};
        duration takes{};
        switch (a.step) {
        case process_step::lock:
            s.code = a.limit > duration{0} && p.lock_time > a.limit ? driver_code::timed_out : driver_code::done;
            takes = s.code == driver_code::done ? p.lock_time : a.limit;
            break;
        case process_step::checkpoint:
            takes = detail::time_for(p.bytes, config_.devices[p.device].checkpoint_per_second);
            break;
        case process_step::restore:
            s.code = make_room(p, a.changes);
            takes = s.code == driver_code::done
                        ? detail::time_for(p.bytes, config_.devices[p.device].restore_per_second)
                        : duration{0};
            break;
        case process_step::unlock:
            break;
        }
        p.busy = true;
        steps_.emplace(std::pair{saturating_add(now, takes), ++sequence_}, s);
        return driver_code::done;
    }

    void collect(time_point now, sink<process_end>& out) {
        advance(now);
        std::ranges::for_each(process_ends_, [&](process_end const& e) { out.append(e); });
        process_ends_.clear();
    }

    /// Does not wait: the time at which the next thing ends, but at most `until`.
    [[nodiscard]] time_point wait(time_point now, time_point until) {
        return std::max(now, std::min(until, next_end()));
    }
    /// When the next thing that is under way ends; `never` where nothing is.
    [[nodiscard]] time_point next_end() const noexcept {
        time_point const moved = pending_.empty() ? never : pending_.begin()->first.first;
        time_point const stepped = steps_.empty() ? never : steps_.begin()->first.first;
        return std::min(moved, stepped);
    }

    /// Bytes of the host's memory that are pinned now.
    [[nodiscard]] std::uint64_t pinned_bytes() const noexcept { return pinned_bytes_; }
    /// Bytes of a device's memory that are taken now.
    [[nodiscard]] std::uint64_t used_bytes(std::uint32_t device) const { return devices_.at(device).used; }

  private:
    using order = std::pair<time_point, std::uint64_t>; // when it ends, and which of those was begun first

    struct pending {
        transfer what;
        fake_failure failure;
    };
    struct step_under_way {
        std::int32_t pid;
        process_step step;
        driver_code code;
        fake_failure failure;
    };

    static constexpr fake_operation operation_of(process_step step) noexcept {
        switch (step) {
        case process_step::lock:
            return fake_operation::lock;
        case process_step::checkpoint:
            return fake_operation::checkpoint;
        case process_step::restore:
            return fake_operation::restore;
        case process_step::unlock:
            break;
        }
        return fake_operation::unlock;
    }

    // The failure that is due to this operation; `done` where none is.
    fake_failure failure_of(fake_operation what) {
        auto const at = std::ranges::find(failures_, what, &fake_failure::what);
        if (at == failures_.end() || at->after-- > 0) {
            return {.what = what, .code = driver_code::done};
        }
        fake_failure const due = *at;
        failures_.erase(at);
        return due;
    }

    [[nodiscard]] driver_code reach(transfer const& t) const {
        if (t.on_device.device >= devices_.size()) {
            return driver_code::unknown;
        }
        detail::fake_device const& d = devices_[t.on_device.device];
        if (d.lost) {
            return driver_code::device_lost;
        }
        return d.holds(t.on_device.at, t.bytes) ? driver_code::done : driver_code::unknown;
    }

    time_point copy_end(transfer const& t, time_point now) {
        auto const first = std::ranges::min_element(copier_free_);
        *first = std::max(*first, now) + detail::time_for(t.bytes, config_.copy_per_second);
        return *first;
    }

    time_point transfer_end_time(transfer const& t, time_point now) {
        detail::fake_device& d = devices_[t.on_device.device];
        fake_device_config const& c = config_.devices[t.on_device.device];
        bool const up = t.kind == transfer_kind::to_device;
        time_point& engine = up ? d.to_device_free : d.to_host_free;
        time_point const start = std::max({now, engine, d.stream_free[t.stream]});
        engine = start + c.latency + detail::time_for(t.bytes, up ? c.to_device_per_second : c.to_host_per_second);
        d.stream_free[t.stream] = engine;
        return engine;
    }

    driver_code make_room(detail::fake_process& p, std::span<device_change const> changes) {
        std::uint32_t device = p.device;
        if (!changes.empty()) {
            auto const from = std::ranges::find(changes, config_.devices[p.device].facts.uuid, &device_change::from);
            if (from == changes.end()) {
                return driver_code::malformed;
            }
            auto const to = std::ranges::find_if(config_.devices,
                                                 [&](fake_device_config const& d) { return d.facts.uuid == from->to; });
            if (to == config_.devices.end()) {
                return driver_code::unknown;
            }
            if (to->facts.name != config_.devices[p.device].facts.name) {
                return driver_code::unsupported;
            }
            device = static_cast<std::uint32_t>(to - config_.devices.begin());
        }
        driver_code const taken = devices_[device].take(p.bytes);
        p.device = taken == driver_code::done ? device : p.device;
        return taken;
    }

    // Lets everything end that ends by `now`, in its order.
    void advance(time_point now) {
        while (next_end() <= now && next_end() != never) {
            bool const moves = !pending_.empty() && (steps_.empty() || pending_.begin()->first < steps_.begin()->first);
            if (moves) {
                pending const p = pending_.begin()->second;
                pending_.erase(pending_.begin());
                transfer_ends_.push_back({p.what.owner, p.what.id, perform(p)});
            } else {
                step_under_way const s = steps_.begin()->second;
                steps_.erase(steps_.begin());
                process_ends_.push_back(perform(s));
            }
        }
    }

    driver_code perform(pending const& p) {
        transfer const& t = p.what;
        if (p.failure.code != driver_code::done && p.failure.when == fake_moment::at_end) {
            return p.failure.code;
        }
        if (t.kind == transfer_kind::copy) {
            if (t.from != nullptr && t.to != nullptr) {
                std::copy_n(t.from, t.bytes, t.to);
            }
        } else if (devices_[t.on_device.device].lost) {
            return driver_code::device_lost;
        } else {
            devices_[t.on_device.device].move(t);
        }
        return p.failure.code;
    }

    process_end perform(step_under_way const& s) {
        auto const at = processes_.find(s.pid);
        if (at == processes_.end()) {
            return {s.pid, s.step, driver_code::unknown, process_state::gone};
        }
        detail::fake_process& p = at->second;
        p.busy = false;
        if (p.state == process_state::failed) { // its device was lost meanwhile
            return {s.pid, s.step, driver_code::device_lost, p.state};
        }
        fake_failure const& f = s.failure;
        bool const fails = s.code == driver_code::done && f.code != driver_code::done && f.when == fake_moment::at_end;
        if (s.code != driver_code::done || fails) {
            bool const had_room = s.step == process_step::restore && s.code == driver_code::done;
            if (had_room) {
                devices_[p.device].give_back(p.bytes);
            }
            if (fails && f.leaves != process_state::gone) {
                p.state = f.leaves;
            }
            return {s.pid, s.step, fails ? f.code : s.code, p.state};
        }
        p.state = detail::state_after(s.step);
        if (s.step == process_step::checkpoint) {
            devices_[p.device].give_back(p.bytes);
        }
        return {s.pid, s.step, f.code, p.state};
    }

    fake_driver_config config_;
    std::vector<detail::fake_device> devices_;
    std::vector<device_facts> shown_;
    std::map<std::int32_t, detail::fake_process> processes_;
    std::vector<time_point> copier_free_;
    std::vector<std::pair<staging_area, std::unique_ptr<std::vector<std::byte>>>> pinned_;
    std::uint64_t pinned_bytes_ = 0;
    std::map<order, pending> pending_;
    std::map<order, step_under_way> steps_;
    std::uint64_t sequence_ = 0;
    std::vector<transfer_end> transfer_ends_;
    std::vector<process_end> process_ends_;
    std::vector<fake_failure> failures_;
};

static_assert(device_driver<fake_driver>);

} // namespace hpcsched::gpu

#endif
