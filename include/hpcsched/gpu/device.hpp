// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_GPU_DEVICE_HPP
#define HPCSCHED_GPU_DEVICE_HPP

#include <hpcsched/core/ids.hpp>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace hpcsched::gpu {

/// A machine with devices: 0 .. host_count_max - 1. Numbers are the cluster's, and small: tables are arrays by them.
using host_id = dense_id<struct host_tag>;

inline constexpr std::uint32_t host_count_max = std::uint32_t{1} << 16U;

/// Devices of one host, one bit each.
using device_mask = std::uint64_t;

inline constexpr std::uint32_t device_count_max = 64; ///< of one host

[[nodiscard]] constexpr device_mask device_bit(std::uint32_t device) noexcept {
    return device_mask{1} << device;
}
[[nodiscard]] constexpr std::uint32_t device_count(device_mask devices) noexcept {
    return static_cast<std::uint32_t>(std::popcount(devices));
}

/// Calls `visit(index)` for each device of a mask, in ascending order.
template <class Visitor>
constexpr void for_each_device(device_mask devices, Visitor&& visit) {
    for (; devices != 0; devices &= devices - 1) {
        visit(static_cast<std::uint32_t>(std::countr_zero(devices)));
    }
}

/// What may be done with a device.
enum class device_health : std::uint8_t {
    healthy = 0,
    draining = 1, ///< keeps its leases, takes no new ones
    failed = 2,   ///< its leases end at once
};

/// What a device is. Its name, its UUID and how to reach it are its driver's business.
struct device_info {
    std::uint32_t memory_mib = 0;
    std::uint16_t link_group = 0; ///< devices of a host with equal numbers are joined by fast links (NVLink)
    std::uint16_t numa_node = 0;  ///< of the host's memory it is next to
    bool sliced = false;          ///< in MIG mode: leased by slices only

    friend bool operator==(device_info const&, device_info const&) = default;
};

/// What a host is.
struct host_info {
    std::int64_t cpu_milli = 0;
    std::int64_t memory_mib = 0;
    std::vector<device_info> devices; ///< at most device_count_max

    friend bool operator==(host_info const&, host_info const&) = default;
};

/// A host of `count` equal devices in one link group; 64 CPUs and 128,000 MiB unless told otherwise.
/// \source NotebookOS's defaults: 64,000 millicpus, 128,000 MB, 8 GPUs, 40 GB of device memory for the whole host,
///         here for each device
[[nodiscard]] inline host_info uniform_host(std::size_t count = 8, std::uint32_t device_memory_mib = 40'960,
                                            std::int64_t cpu_milli = 64'000, std::int64_t memory_mib = 128'000) {
    return {cpu_milli, memory_mib, std::vector<device_info>(count, device_info{device_memory_mib})};
}

/// Hardware slices of a device in MIG mode: an instance takes so many of the 8 memory slices, and begins only where
/// the hardware lets it.
/// \source NVIDIA, "Multi-Instance GPU User Guide", supported profiles and placements of A100, H100 and H200
struct slice_profile {
    std::uint8_t memory_slices = 0;  ///< 1, 2, 4 or 8; 0: no slice is asked for
    std::uint8_t compute_slices = 0; ///< 1, 2, 3, 4 or 7, of 7; 0: no slice is asked for

    friend constexpr bool operator==(slice_profile const&, slice_profile const&) = default;
};

inline constexpr slice_profile slice_1g{1, 1};      ///< 1g.5gb of an A100 with 40 GB, 1g.10gb of an H100 with 80
inline constexpr slice_profile slice_1g_wide{2, 1}; ///< 1g.10gb, 1g.20gb: twice the memory
inline constexpr slice_profile slice_2g{2, 2};      ///< 2g.10gb, 2g.20gb
inline constexpr slice_profile slice_3g{4, 3};      ///< 3g.20gb, 3g.40gb
inline constexpr slice_profile slice_4g{4, 4};      ///< 4g.20gb, 4g.40gb
inline constexpr slice_profile slice_7g{8, 7};      ///< 7g.40gb, 7g.80gb: the whole device

/// Where an instance of `profile` may begin: bit n for memory slice n; 0 where there is no such profile.
[[nodiscard]] constexpr std::uint8_t slice_starts(slice_profile profile) noexcept {
    constexpr std::uint8_t first = 0b0000'0001;
    if (profile == slice_1g) {
        return 0b0111'1111;
    }
    if (profile == slice_1g_wide) {
        return 0b0101'0101;
    }
    if (profile == slice_2g) {
        return 0b0001'0101;
    }
    if (profile == slice_3g) {
        return 0b0001'0001;
    }
    return profile == slice_4g || profile == slice_7g ? first : std::uint8_t{0};
}

/// The first free place of an instance of `profile` beside the memory slices `taken`, as a mask of slices; 0: none.
[[nodiscard]] constexpr std::uint8_t place_slices(slice_profile profile, std::uint8_t taken) noexcept {
    for (unsigned starts = slice_starts(profile); starts != 0; starts &= starts - 1) {
        unsigned const block = (1U << profile.memory_slices) - 1U; // at most 8 slices, where there is such a profile
        unsigned const place = block << static_cast<unsigned>(std::countr_zero(starts));
        if ((place & taken) == 0) {
            return static_cast<std::uint8_t>(place);
        }
    }
    return 0;
}

} // namespace hpcsched::gpu

#endif
