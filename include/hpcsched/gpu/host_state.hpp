// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_GPU_HOST_STATE_HPP
#define HPCSCHED_GPU_HOST_STATE_HPP

#include <hpcsched/gpu/device.hpp>
#include <hpcsched/gpu/lease.hpp>
#include <hpcsched/gpu/resources.hpp>

#include <cstdint>
#include <map>
#include <vector>

namespace hpcsched::gpu {

/// One device as the ledger sees it.
struct device_state {
    device_info info{};
    device_health health = device_health::healthy;
    std::uint8_t slices = 0; ///< memory slices that are leased
    std::uint32_t leased_milli = 0;
    std::uint32_t leased_memory_mib = 0;
    std::uint32_t lease_count = 0;
    device_mask group = 0; ///< the devices of its link group, itself included
    lease_token fence = 0; ///< the newest token that was granted on it

    /// Whether it is healthy; what is free of it is another question.
    [[nodiscard]] bool takes_leases() const noexcept { return health == device_health::healthy; }
    /// Whether all of it could be leased to one.
    [[nodiscard]] bool wholly_free() const noexcept { return takes_leases() && lease_count == 0 && !info.sliced; }

    friend bool operator==(device_state const&, device_state const&) = default;
};

/// One host as the ledger sees it: three accounts in every dimension, and the devices.
///
/// A subscription names no device, so it is kept for the host; what is leased is kept for both.
struct host_state {
    resources capacity{};   ///< of the devices that have not failed
    resources subscribed{}; ///< may be any multiple of the capacity: that is the admission's business
    resources leased{};     ///< at most the capacity
    device_mask free = 0;   ///< wholly free, healthy and not sliced
    bool draining = false;  ///< takes no new leases
    std::vector<device_state> devices;
    std::map<std::uint64_t, resources> members; ///< subscriptions, by who has them

    friend bool operator==(host_state const&, host_state const&) = default;
};

} // namespace hpcsched::gpu

#endif
