// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_GPU_RESOURCES_HPP
#define HPCSCHED_GPU_RESOURCES_HPP

#include <cstdint>

namespace hpcsched::gpu {

/// One whole device, in the unit in which shares of devices are counted.
inline constexpr std::uint32_t whole_device = 1000;

/// An amount of every dimension that a host is accounted in, as exact integers. What no one asked for is 0.
struct resources {
    std::int64_t cpu_milli = 0;      ///< thousandths of a CPU
    std::int64_t memory_mib = 0;     ///< main memory
    std::int64_t gpu_milli = 0;      ///< thousandths of a device, over all devices
    std::int64_t gpu_memory_mib = 0; ///< device memory, over all devices

    constexpr resources& operator+=(resources const& other) noexcept {
        cpu_milli += other.cpu_milli;
        memory_mib += other.memory_mib;
        gpu_milli += other.gpu_milli;
        gpu_memory_mib += other.gpu_memory_mib;
        return *this;
    }
    constexpr resources& operator-=(resources const& other) noexcept {
        cpu_milli -= other.cpu_milli;
        memory_mib -= other.memory_mib;
        gpu_milli -= other.gpu_milli;
        gpu_memory_mib -= other.gpu_memory_mib;
        return *this;
    }
    friend constexpr resources operator+(resources a, resources const& b) noexcept { return a += b; }
    friend constexpr resources operator-(resources a, resources const& b) noexcept { return a -= b; }

    /// Whether every dimension is at most `room`'s.
    [[nodiscard]] constexpr bool fits(resources const& room) const noexcept {
        return cpu_milli <= room.cpu_milli && memory_mib <= room.memory_mib && gpu_milli <= room.gpu_milli &&
               gpu_memory_mib <= room.gpu_memory_mib;
    }
    /// Whether no dimension is negative, or above `most`, the bound that keeps sums of a million hosts in 64 bits.
    [[nodiscard]] constexpr bool sound(std::int64_t most = std::int64_t{1} << 40U) const noexcept {
        auto const within = [most](std::int64_t amount) { return amount >= 0 && amount <= most; };
        return within(cpu_milli) && within(memory_mib) && within(gpu_milli) && within(gpu_memory_mib);
    }

    friend constexpr bool operator==(resources const&, resources const&) = default;
};

} // namespace hpcsched::gpu

#endif
