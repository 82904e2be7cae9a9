// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_GPU_LEASE_HPP
#define HPCSCHED_GPU_LEASE_HPP

#include <hpcsched/core/time.hpp>
#include <hpcsched/gpu/device.hpp>
#include <hpcsched/gpu/resources.hpp>

#include <cstdint>

namespace hpcsched::gpu {

/// What is wanted of the devices of one host. The default is one whole device.
struct device_request {
    std::uint16_t count = 1;            ///< devices; 0: none, for work on CPUs alone
    std::uint32_t milli = whole_device; ///< thousandths of each, 1 .. 1000
    std::uint32_t memory_mib = 0;       ///< device memory of each; a whole device has so much, and comes with all of it
    slice_profile slices{};             ///< where set: one slice of one device, and the two above do not count
    std::int64_t cpu_milli = 0;         ///< of the host
    std::int64_t host_memory_mib = 0;   ///< of the host

    [[nodiscard]] constexpr bool whole() const noexcept { return slices.memory_slices == 0 && milli == whole_device; }
    [[nodiscard]] constexpr bool sliced() const noexcept { return slices.memory_slices != 0; }

    /// What a subscription to this is accounted as: of slices, their share of compute and 0 memory.
    [[nodiscard]] constexpr resources subscription() const noexcept {
        std::int64_t const each = sliced() ? slices.compute_slices * std::int64_t{whole_device} / 7 : milli;
        return {cpu_milli, host_memory_mib, count * each, sliced() ? 0 : count * std::int64_t{memory_mib}};
    }

    /// Whether it makes sense.
    [[nodiscard]] constexpr bool sound() const noexcept {
        bool const is_profile = slices == slice_profile{} || (slice_starts(slices) != 0 && count == 1);
        return count <= device_count_max && milli >= 1 && milli <= whole_device && is_profile && subscription().sound();
    }

    friend constexpr bool operator==(device_request const&, device_request const&) = default;
};

/// Names a lease, and fences its devices: of two tokens of one ledger the later lease has the larger. Who acts on a
/// device hands its token over, and what guards the device turns away a token smaller than one it has seen.
/// 0 names none.
/// \source Gray and Cheriton, "Leases", SOSP 1989; the token is the sequencer of Burrows, "The Chubby lock service",
///         OSDI 2006, section 2.4
using lease_token = std::uint64_t;

/// Devices that one owner has for itself until it gives them back or stops renewing.
struct lease {
    lease_token token = 0;
    std::uint64_t owner = 0;    ///< who has it: a replica, a model, a job; the caller's numbering
    std::uint64_t sequence = 0; ///< what the owner has it for, counted up by the owner: 1, 2, ...
    host_id host{};
    device_mask devices = 0; ///< bit n: device n of the host
    std::uint8_t slices = 0; ///< of the one device, where slices were asked for: the memory slices taken
    device_request request{};
    std::int32_t priority = 0; ///< larger is more urgent
    time_point granted{};
    time_point expiry{}; ///< it is the owner's before this, and nobody's from then on

    friend bool operator==(lease const&, lease const&) = default;
};

/// Why a lease is gone.
enum class lease_end : std::uint8_t {
    released = 0,  ///< given back
    expired = 1,   ///< not renewed in time
    replaced = 2,  ///< its owner took another, with a larger sequence number
    host_lost = 3, ///< its host left the cluster
    device_failed = 4,
    preempted = 5, ///< something more urgent took its devices
};

/// One lease that has ended.
struct ended_lease {
    lease what;
    lease_end why{};

    friend bool operator==(ended_lease const&, ended_lease const&) = default;
};

/// How an operation on a ledger went. Nothing has changed unless it is `done`.
enum class ledger_code : std::uint8_t {
    done = 0,
    malformed = 1,      ///< the request makes no sense, or is beyond a limit
    unknown_host = 2,   ///< there is no such host, or no such device of it
    host_exists = 3,    ///< the host is there, and is another
    no_room = 4,        ///< not so much is free now
    never_fits = 5,     ///< the host, or a device named, could not grant it with nothing leased, or has failed
    draining = 6,       ///< the host, or a device named, takes no new leases
    stale = 7,          ///< the owner had a lease of this sequence number that has ended, or of a larger one
    unknown_lease = 8,  ///< no such lease: given back, expired or never granted
    unknown_member = 9, ///< no such subscription
};

} // namespace hpcsched::gpu

#endif
