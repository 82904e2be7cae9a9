// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_GPU_HOST_LOAD_HPP
#define HPCSCHED_GPU_HOST_LOAD_HPP

#include <hpcsched/gpu/device.hpp>

#include <cstdint>

namespace hpcsched::gpu {

/// What a placement looks at first: one host in 28 bytes, kept current by the ledger, so that a decision over
/// thousands of hosts reads one short array.
struct host_load {
    host_id host{};
    std::uint16_t device_count = 0;   ///< that are not failed
    std::uint16_t free_count = 0;     ///< that are wholly free and take leases; 0 on a host that is draining
    std::uint16_t group_free_max = 0; ///< the most of these in one link group
    bool present = false;             ///< false: no host has this number
    bool takes_leases = false;        ///< there, and not draining
    std::uint32_t free_milli = 0;     ///< thousandths of devices that take leases and are not leased
    std::uint32_t subscribed_ratio =
        0;                           ///< subscribed / capacity of devices, times `ratio_one`; of no device, the largest
    std::uint32_t pending_milli = 0; ///< subscribed, and not leased at the moment
    std::uint32_t member_count = 0;  ///< subscriptions

    static constexpr std::uint32_t ratio_one = 1024;

    friend bool operator==(host_load const&, host_load const&) = default;
};
static_assert(sizeof(host_load) == 28);

} // namespace hpcsched::gpu

#endif
