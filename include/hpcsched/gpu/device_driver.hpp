// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_GPU_DEVICE_DRIVER_HPP
#define HPCSCHED_GPU_DEVICE_DRIVER_HPP

#include <hpcsched/core/result.hpp>
#include <hpcsched/core/sink.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/gpu/device_vitals.hpp>
#include <hpcsched/gpu/inventory.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace hpcsched::gpu {

/// How something asked of a driver went. Nothing has changed unless it is `done`, or the state told with it says so.
enum class driver_code : std::uint8_t {
    done = 0,
    malformed = 1,      ///< the request makes no sense
    unknown = 2,        ///< there is no such device, memory or process
    no_memory = 3,      ///< the device has not so much free
    no_host_memory = 4, ///< the host cannot pin so much
    device_lost = 5,    ///< it fell off the bus, or has failed: what was in its memory is gone
    timed_out = 6,      ///< not within the time allowed
    wrong_state = 7,    ///< the process is not in the state that the step begins in
    unsupported = 8,    ///< this driver, device or process cannot do it
    not_permitted = 9,  ///< the user may not
    failed = 10,        ///< anything else
    cancelled = 11,     ///< given up on demand
};

/// A place in a device's memory.
struct device_address {
    std::uint32_t device = 0;
    std::uint64_t at = 0; ///< 0: nowhere

    friend constexpr bool operator==(device_address const&, device_address const&) = default;
};

/// Pinned memory of the host, which devices read and write by themselves.
struct staging_area {
    std::byte* at = nullptr; ///< a fake that only counts may give none
    std::uint64_t bytes = 0;

    friend constexpr bool operator==(staging_area const&, staging_area const&) = default;
};

enum class transfer_kind : std::uint8_t {
    copy = 0,      ///< within the host's memory, by a thread of the driver's
    to_device = 1, ///< from the host's memory to the device's
    to_host = 2,   ///< from the device's memory to the host's
};

inline constexpr std::uint32_t stream_count_max = 16; ///< of one device

/// Some bytes to be moved. Those of the host must stay where they are until its end is told.
struct transfer {
    std::uint32_t owner = 0; ///< with the id, names it; the caller's numbering
    std::uint64_t id = 0;
    transfer_kind kind{};
    std::uint32_t stream = 0;        ///< of the device, below stream_count_max; those of one stream end in their order
    device_address on_device{};      ///< not for a copy
    std::byte const* from = nullptr; ///< for a copy and to a device; may be null for a fake that only counts
    std::byte* to = nullptr;         ///< for a copy and to the host; likewise
    std::uint64_t bytes = 0;
};

/// A transfer has ended; unless it is `done`, the bytes at its end are anything.
struct transfer_end {
    std::uint32_t owner = 0;
    std::uint64_t id = 0;
    driver_code code{};

    friend constexpr bool operator==(transfer_end const&, transfer_end const&) = default;
};

/// A process as the driver's checkpoint sees it.
/// \source CUDA driver API, "CUDA Checkpointing" (since 12.8)
enum class process_state : std::uint8_t {
    running = 0,
    locked = 1,       ///< its calls of the driver wait; what it had begun is done
    checkpointed = 2, ///< what it had on devices is in its host memory, and it holds no device
    failed = 3,       ///< in neither, for good: all that is left is to end it
    gone = 4,         ///< there is no such process, or it has nothing to do with devices
};

enum class process_step : std::uint8_t {
    lock = 0,       ///< running -> locked
    checkpoint = 1, ///< locked -> checkpointed
    restore = 2,    ///< checkpointed -> locked
    unlock = 3,     ///< locked -> running
};

/// At a restore, what a process had on one device goes to another of the same kind.
struct device_change {
    std::string from{}; ///< UUID
    std::string to{};   ///< UUID

    friend bool operator==(device_change const&, device_change const&) = default;
};

/// One step of taking a process off its devices, or of bringing it back.
struct process_action {
    std::int32_t pid = 0;
    process_step step{};
    duration limit{};                         ///< for a lock: give up after so long; 0: never
    std::span<device_change const> changes{}; ///< for a restore: empty, or all of the process's devices; borrowed for
                                              ///< the call
};

/// A step has ended. `state` is what the process is in now, whatever the code.
struct process_end {
    std::int32_t pid = 0;
    process_step step{};
    driver_code code{};
    process_state state{};

    friend constexpr bool operator==(process_end const&, process_end const&) = default;
};

namespace detail {

/// Part of inventory_driver: shows the devices.
template <class D>
concept lists_devices = requires(D& d) {
    { d.devices() } -> std::same_as<result<std::vector<device_facts>, driver_code>>;
};
/// Part of inventory_driver: tells how a device is.
template <class D>
concept tells_vitals = requires(D& d, std::uint32_t device) {
    { d.vitals(device) } -> std::same_as<result<device_vitals, driver_code>>;
};
/// Part of inventory_driver: tells who is on a device.
template <class D>
concept lists_processes = requires(D& d, std::uint32_t device) {
    { d.processes(device) } -> std::same_as<result<std::vector<device_process>, driver_code>>;
};
/// Part of memory_driver: gives out the memory of devices.
template <class D>
concept allocates_memory = requires(D& d, std::uint32_t device, std::uint64_t bytes, device_address at) {
    { d.allocate(device, bytes) } -> std::same_as<result<device_address, driver_code>>;
    { d.free(at) } -> std::same_as<driver_code>;
};
/// Part of memory_driver: gives out pinned memory of the host.
template <class D>
concept pins_memory = requires(D& d, std::uint64_t bytes, staging_area area) {
    { d.pin(bytes) } -> std::same_as<result<staging_area, driver_code>>;
    { d.unpin(area) } -> std::same_as<driver_code>;
};
/// Part of memory_driver: moves bytes while the caller goes on.
template <class D>
concept transfers_memory = requires(D& d, transfer const& t, time_point now, sink<transfer_end>& ends) {
    { d.begin(t, now) } -> std::same_as<driver_code>;
    { d.collect(now, ends) } -> std::same_as<void>;
};
/// Part of process_driver: takes processes off their devices, and brings them back.
template <class D>
concept acts_on_processes = requires(D& d, process_action const& a, time_point now, sink<process_end>& ends) {
    { d.begin(a, now) } -> std::same_as<driver_code>;
    { d.collect(now, ends) } -> std::same_as<void>;
};
/// Part of process_driver: tells where a process is on that way.
template <class D>
concept tells_process_states = requires(D& d, std::int32_t pid) {
    { d.state_of(pid) } -> std::same_as<process_state>;
};
/// Part of memory_driver and process_driver: waits for what was begun.
template <class D>
concept waits_for_ends = requires(D& d, time_point now, time_point until) {
    { d.wait(now, until) } -> std::same_as<time_point>;
};

} // namespace detail

/// Shows the devices of this host.
///
/// | expression       | effect                                                                                  |
/// |------------------|-----------------------------------------------------------------------------------------|
/// | `d.devices()`    | the devices in the order of their bus ids: their indices are those of the calls below    |
/// | `d.vitals(i)`    | how device i is; a lost one is told as not reachable, not as an error                    |
/// | `d.processes(i)` | who has a context on device i, in ascending order of pids                               |
///
/// Semantics (not checked by the compiler):
/// 1. While no device comes or goes, `devices()` says the same again; UUIDs are unlike, and there are at most
///    `device_count_max`.
/// 2. An index that is not below their number is `unknown`.
template <class D>
concept inventory_driver = detail::lists_devices<D> && detail::tells_vitals<D> && detail::lists_processes<D>;

/// Moves bytes on and off devices.
///
/// | expression           | effect                                                                              |
/// |----------------------|-------------------------------------------------------------------------------------|
/// | `d.allocate(i, n)`   | n > 0 bytes of device i's memory                                                     |
/// | `d.free(a)`          | gives back what `allocate` gave; `unknown` for anything else                          |
/// | `d.pin(n)`           | n > 0 bytes of the host's memory, pinned                                             |
/// | `d.unpin(area)`      | gives them back                                                                     |
/// | `d.begin(t, now)`    | begins a transfer; unless it is `done`, nothing has begun and no end will be told     |
/// | `d.collect(now, out)`| appends the ends of what has ended since the last call, each once                     |
/// | `d.wait(now, until)` | waits until something may have ended, or `until`; the time then                       |
///
/// Semantics (not checked by the compiler):
/// 1. Each transfer begun ends once, also where its device is lost meanwhile.
/// 2. Transfers of one stream of one device take place one after the other; all others may overlap.
/// 3. `now` never decreases between calls; `wait` returns no earlier time than it was given.
/// 4. Addresses may be counted up: `a + k` for k below what was allocated is a place in it.
/// 5. What a transfer names must not be freed, unpinned, or written by others before its end is told.
template <class D>
concept memory_driver =
    detail::allocates_memory<D> && detail::pins_memory<D> && detail::transfers_memory<D> && detail::waits_for_ends<D>;

/// Takes processes that know nothing of it off their devices, and brings them back.
///
/// | expression           | effect                                                                              |
/// |----------------------|-------------------------------------------------------------------------------------|
/// | `d.begin(a, now)`    | begins a step; unless it is `done`, nothing has begun and no end will be told         |
/// | `d.state_of(pid)`    | where the process is                                                                 |
/// | `d.collect(now, out)`| appends the ends of the steps that have ended since the last call, each once          |
/// | `d.wait(now, until)` | waits until something may have ended, or `until`; the time then                       |
///
/// Semantics (not checked by the compiler):
/// 1. Each step begun ends once, with the state in which it left the process.
/// 2. A step from a state that it does not begin in ends, or is answered, as `wrong_state` and changes nothing.
/// 3. A lock that is not had within its limit ends as `timed_out`, and the process runs.
/// 4. A process that is `checkpointed` is in no device's `processes`, and what it had of their memory is free.
/// 5. At most one step of a process is under way at a time; `begin` answers `wrong_state` to another.
template <class D>
concept process_driver = detail::acts_on_processes<D> && detail::tells_process_states<D> && detail::waits_for_ends<D>;

/// All that can be done with the devices of a host.
///
/// \thread_safety none; confine to one thread
///
/// Minimal model: hpcsched/testing/archetypes/device_driver.hpp. Conformance:
/// hpcsched/testing/conformance/device_driver.hpp. Models: `fake_driver`, `gpu_cuda::cuda_driver`.
template <class D>
concept device_driver = inventory_driver<D> && memory_driver<D> && process_driver<D>;

/// A code in words, for a person.
[[nodiscard]] constexpr char const* words(driver_code code) noexcept {
    switch (code) {
    case driver_code::done:
        return "done";
    case driver_code::malformed:
        return "the request makes no sense";
    case driver_code::unknown:
        return "there is no such device, memory or process";
    case driver_code::no_memory:
        return "the device has not so much memory free";
    case driver_code::no_host_memory:
        return "the host cannot pin so much memory";
    case driver_code::device_lost:
        return "the device is lost";
    case driver_code::timed_out:
        return "it took longer than allowed";
    case driver_code::wrong_state:
        return "the process is in another state";
    case driver_code::unsupported:
        return "this driver, device or process cannot do it";
    case driver_code::not_permitted:
        return "the user may not do it";
    case driver_code::failed:
        return "the driver failed";
    case driver_code::cancelled:
        return "given up on demand";
    }
    return "?";
}

} // namespace hpcsched::gpu

#endif
