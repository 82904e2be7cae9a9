// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_GPU_DETAIL_FAKE_DEVICE_HPP
#define HPCSCHED_GPU_DETAIL_FAKE_DEVICE_HPP

#include <hpcsched/core/time.hpp>
#include <hpcsched/gpu/device_driver.hpp>
#include <hpcsched/gpu/device_vitals.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

namespace hpcsched::gpu::detail {

/// How long `bytes` take, rounded up.
[[nodiscard]] constexpr duration time_for(std::uint64_t bytes, std::uint64_t per_second) noexcept {
    std::uint64_t const whole = bytes / per_second;
    std::uint64_t const rest = bytes % per_second; // times 10^9 below 2^64 for bandwidths up to 18 GB/s, so by halves
    std::uint64_t const milli = per_second / 1'000 + (per_second % 1'000 != 0 ? 1 : 0);
    std::uint64_t const nanoseconds = per_second <= 18'000'000'000
                                          ? (rest * 1'000'000'000 + per_second - 1) / per_second
                                          : (rest * 1'000'000 + milli - 1) / milli;
    return duration{static_cast<std::int64_t>(whole * 1'000'000'000 + nanoseconds)};
}

/// The memory of a device that is not there.
struct fake_device {
    struct block {
        std::uint64_t bytes = 0;
        std::vector<std::byte> content{}; // from when on some were written
    };

    explicit fake_device(std::uint64_t room) : capacity{room} {}

    void lose() {
        lost = true;
        blocks.clear();
        used = 0;
    }

    driver_code take(std::uint64_t bytes) noexcept {
        if (lost) {
            return driver_code::device_lost;
        }
        if (bytes > capacity - used) {
            return driver_code::no_memory;
        }
        used += bytes;
        return driver_code::done;
    }
    void give_back(std::uint64_t bytes) noexcept { used -= std::min(bytes, used); } // a lost one has nothing taken

    driver_code allocate(std::uint64_t bytes, std::uint64_t& at) {
        driver_code const taken = take(bytes);
        if (taken == driver_code::done) {
            at = next;
            next += (bytes + 511) / 512 * 512 + 512; // never used again, and with a gap: what runs over is seen
            blocks.emplace(at, block{.bytes = bytes});
        }
        return taken;
    }
    driver_code free(std::uint64_t at) {
        if (lost) {
            return driver_code::device_lost;
        }
        auto const found = blocks.find(at);
        if (found == blocks.end()) {
            return driver_code::unknown;
        }
        give_back(found->second.bytes);
        blocks.erase(found);
        return driver_code::done;
    }

    [[nodiscard]] bool holds(std::uint64_t at, std::uint64_t bytes) const {
        auto const after = blocks.upper_bound(at);
        if (after == blocks.begin()) {
            return false;
        }
        auto const& [start, in] = *std::prev(after);
        std::uint64_t const offset = at - start;
        return offset <= in.bytes && bytes <= in.bytes - offset;
    }

    /// Moves bytes, unless they are only counted. What was freed meanwhile is not touched.
    void move(transfer const& t) {
        if (!holds(t.on_device.at, t.bytes)) {
            return;
        }
        auto& [start, in] = *std::prev(blocks.upper_bound(t.on_device.at));
        auto const offset = static_cast<std::ptrdiff_t>(t.on_device.at - start);
        if (t.kind == transfer_kind::to_device && t.from != nullptr) {
            in.content.resize(in.bytes);
            std::copy_n(t.from, t.bytes, in.content.begin() + offset);
        } else if (t.kind == transfer_kind::to_host && t.to != nullptr) {
            in.content.resize(in.bytes);
            std::copy_n(in.content.begin() + offset, t.bytes, t.to);
        }
    }

    std::uint64_t capacity = 0;
    std::uint64_t used = 0;
    std::uint64_t next = 512;
    std::map<std::uint64_t, block> blocks{};
    device_vitals vitals{};
    bool lost = false;
    time_point to_device_free{};
    time_point to_host_free{};
    std::array<time_point, stream_count_max> stream_free{};
};

} // namespace hpcsched::gpu::detail

#endif
