// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_GPU_DEVICE_VITALS_HPP
#define HPCSCHED_GPU_DEVICE_VITALS_HPP

#include <hpcsched/gpu/device.hpp>

#include <cstdint>
#include <string>

namespace hpcsched::gpu {

/// How a device is, as its driver tells it. What a device cannot tell is 0 or false.
struct device_vitals {
    bool reachable = true; ///< false: it fell off the bus, or needs a reset before anything else
    std::uint32_t memory_total_mib = 0;
    std::uint32_t memory_used_mib = 0;
    std::int32_t temperature_c = 0;
    std::uint64_t corrected_errors = 0;   ///< of memory, since the driver was loaded
    std::uint64_t uncorrected_errors = 0; ///< likewise
    std::uint32_t last_xid = 0;           ///< the worst error that the driver reported since it was first asked
    bool repair_pending = false;          ///< rows or pages of memory wait for a reset to be replaced
    bool repair_failed = false;           ///< there was nothing left to replace them with

    friend bool operator==(device_vitals const&, device_vitals const&) = default;
};

/// From when on a device is not well.
struct health_limits {
    std::int32_t temperature_max_c = 90; ///< hotter, it takes no new leases; it slows itself down at about this
    std::uint64_t uncorrected_max = 0;   ///< more errors than this, and it has failed
};

/// What an Xid, the driver's number for an error, says of the device.
///
/// What a program brings upon itself leaves the device healthy (13, 31, 43, 45, 68, 69, 109). Errors that were
/// contained or repaired, and want a reset when the device is next idle, drain it (63, 92, 94). All others are taken
/// for failures, those that nobody has heard of too.
/// \source NVIDIA, "XID Errors", and the list that NVIDIA's Kubernetes device plugin does not hold against a device
/// (13,
///         31, 43, 45, 68, 109)
[[nodiscard]] constexpr device_health judge_xid(std::uint32_t xid) noexcept {
    switch (xid) {
    case 0:
    case 13:  // an exception of a kernel
    case 31:  // a page fault of a kernel
    case 43:  // a channel stopped for a program's error
    case 45:  // cleaning up after a program that was killed
    case 68:  // an exception of the video decoder
    case 69:  // an exception of the graphics engine
    case 109: // a context did not switch in time
        return device_health::healthy;
    case 63: // a row of memory will be replaced
    case 92: // many single-bit errors
    case 94: // an uncorrectable error that was contained to one program
        return device_health::draining;
    default:
        return device_health::failed;
    }
}

/// What may be done with a device that is so.
[[nodiscard]] constexpr device_health judge(device_vitals const& v, health_limits const& limits = {}) noexcept {
    device_health const by_xid = judge_xid(v.last_xid);
    if (!v.reachable || v.repair_failed || v.uncorrected_errors > limits.uncorrected_max ||
        by_xid == device_health::failed) {
        return device_health::failed;
    }
    if (v.repair_pending || v.temperature_c > limits.temperature_max_c || by_xid == device_health::draining) {
        return device_health::draining;
    }
    return device_health::healthy;
}

/// The reason for the judgement, for a person; empty where it is healthy.
[[nodiscard]] inline std::string why(device_vitals const& v, health_limits const& limits = {}) {
    if (judge(v, limits) == device_health::healthy) {
        return {};
    }
    if (!v.reachable) {
        return "it cannot be reached: it fell off the bus or needs a reset";
    }
    if (v.repair_failed) {
        return "its memory could not be repaired: replace it";
    }
    if (v.uncorrected_errors > limits.uncorrected_max) {
        return std::to_string(v.uncorrected_errors) + " uncorrectable memory errors since the driver was loaded";
    }
    if (judge_xid(v.last_xid) != device_health::healthy) {
        return "the driver reported Xid " + std::to_string(v.last_xid);
    }
    if (v.repair_pending) {
        return "its memory waits for a reset to be repaired: reset it when it is idle";
    }
    return "it has " + std::to_string(v.temperature_c) + " degrees C, more than the " +
           std::to_string(limits.temperature_max_c) + " allowed";
}

/// The worse of two Xids, the later of two equally bad: what `device_vitals::last_xid` keeps.
[[nodiscard]] constexpr std::uint32_t worse_xid(std::uint32_t earlier, std::uint32_t later) noexcept {
    return judge_xid(later) >= judge_xid(earlier) ? later : earlier;
}

} // namespace hpcsched::gpu

#endif
