// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_GPU_DETAIL_DEVICE_CHOICE_HPP
#define HPCSCHED_GPU_DETAIL_DEVICE_CHOICE_HPP

#include <hpcsched/core/assert.hpp>
#include <hpcsched/gpu/device.hpp>
#include <hpcsched/gpu/host_state.hpp>
#include <hpcsched/gpu/lease.hpp>
#include <hpcsched/gpu/resources.hpp>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>

/// Which devices of one host a request fits on, which it takes, and what a lease takes of them. Amounts are compared
/// with what is left, never added first: a request may be of any size.
namespace hpcsched::gpu::detail {

/// Of the host itself; devices are looked at one by one.
[[nodiscard]] inline bool fits_host(host_state const& h, device_request const& r) noexcept {
    return r.cpu_milli <= h.capacity.cpu_milli - h.leased.cpu_milli &&
           r.host_memory_mib <= h.capacity.memory_mib - h.leased.memory_mib;
}

/// Whether a device could serve a request with nothing leased on it.
[[nodiscard]] inline bool suits(device_state const& d, device_request const& r) noexcept {
    return d.health != device_health::failed && d.info.sliced == r.sliced() &&
           (r.sliced() || r.memory_mib <= d.info.memory_mib);
}

/// Whether a device that suits has so much left.
[[nodiscard]] inline bool has_left(device_state const& d, device_request const& r) noexcept {
    if (r.sliced()) {
        return place_slices(r.slices, d.slices) != 0;
    }
    if (r.whole()) {
        return d.lease_count == 0;
    }
    return r.milli <= whole_device - d.leased_milli && r.memory_mib <= d.info.memory_mib - d.leased_memory_mib;
}

[[nodiscard]] inline bool fits(device_state const& d, device_request const& r) noexcept {
    return d.takes_leases() && suits(d, r) && has_left(d, r);
}

/// Whether a mask names a device that a host does not have.
[[nodiscard]] inline bool names_too_many(host_state const& h, device_mask devices) noexcept {
    return h.devices.size() < device_count_max && (devices >> h.devices.size()) != 0;
}

/// The lowest `count` of a mask that has so many.
[[nodiscard]] inline device_mask lowest(device_mask from, std::uint32_t count) noexcept {
    device_mask taken = 0;
    for (; count > 0; --count) {
        taken |= from & (~from + 1);
        from &= from - 1;
    }
    return taken;
}

/// From the link group with the fewest free that has enough; else from as few groups as it takes, those with the most
/// free first.
[[nodiscard]] inline device_mask pick_whole(host_state const& h, device_request const& r) noexcept {
    device_mask free = h.free;
    if (r.memory_mib > 0) {
        for_each_device(h.free,
                        [&](std::uint32_t i) { free &= suits(h.devices[i], r) ? ~device_mask{0} : ~device_bit(i); });
    }
    std::uint32_t const count = r.count;
    if (device_count(free) < count) {
        return 0;
    }
    auto const group_of_lowest = [&](device_mask left) {
        return h.devices[static_cast<std::size_t>(std::countr_zero(left))].group;
    };
    device_mask tightest = 0;
    for (device_mask left = free; left != 0;) {
        device_mask const group = free & group_of_lowest(left);
        left &= ~group;
        if (device_count(group) >= count && (tightest == 0 || device_count(group) < device_count(tightest))) {
            tightest = group;
        }
    }
    if (tightest != 0) {
        return lowest(tightest, count);
    }
    device_mask taken = 0;
    for (device_mask left = free; device_count(taken) < count;) {
        device_mask most = 0;
        for (device_mask seen = left; seen != 0;) {
            device_mask const group = left & group_of_lowest(seen);
            seen &= ~group;
            most = device_count(group) > device_count(most) ? group : most;
        }
        taken |= lowest(most, std::min(device_count(most), count - device_count(taken)));
        left &= ~most;
    }
    return taken;
}

/// Shares or a slice: on the devices that have the least left and still fit.
[[nodiscard]] inline device_mask pick_parts(host_state const& h, device_request const& r) noexcept {
    device_mask taken = 0;
    for (std::uint32_t n = 0; n < r.count; ++n) {
        std::size_t best = device_count_max;
        for (std::size_t i = 0; i < h.devices.size(); ++i) {
            bool const open = (taken & device_bit(static_cast<std::uint32_t>(i))) == 0 && fits(h.devices[i], r);
            if (open && (best == device_count_max || h.devices[i].leased_milli > h.devices[best].leased_milli)) {
                best = i;
            }
        }
        if (best == device_count_max) {
            return 0;
        }
        taken |= device_bit(static_cast<std::uint32_t>(best));
    }
    return taken;
}

/// The devices that a request is given; 0 where there are none, or none are wanted.
[[nodiscard]] inline device_mask pick(host_state const& h, device_request const& r) noexcept {
    return h.draining ? 0 : r.whole() ? pick_whole(h, r) : pick_parts(h, r);
}

/// Whether a host could grant a request now.
[[nodiscard]] inline bool has_room(host_state const& h, device_request const& r) noexcept {
    return !h.draining && fits_host(h, r) && (r.count == 0 || pick(h, r) != 0);
}

/// Whether a caller's own choice of devices may be taken.
[[nodiscard]] inline ledger_code judge(host_state const& h, device_request const& r, device_mask chosen) noexcept {
    if (device_count(chosen) != r.count) {
        return ledger_code::malformed;
    }
    if (names_too_many(h, chosen)) {
        return ledger_code::unknown_host;
    }
    bool all_suit = true;
    bool all_take = true;
    bool all_fit = true;
    for_each_device(chosen, [&](std::uint32_t i) {
        all_suit &= suits(h.devices[i], r);
        all_take &= h.devices[i].takes_leases();
        all_fit &= fits(h.devices[i], r);
    });
    return !all_suit   ? ledger_code::never_fits
           : !all_take ? ledger_code::draining
           : !all_fit  ? ledger_code::no_room
                       : ledger_code::done;
}

/// What one lease takes of one device.
[[nodiscard]] inline std::uint32_t memory_taken(device_state const& d, device_request const& r) noexcept {
    if (r.sliced()) {
        return d.info.memory_mib / 8 * r.slices.memory_slices;
    }
    return r.whole() ? d.info.memory_mib : r.memory_mib;
}
[[nodiscard]] inline std::uint32_t milli_taken(device_request const& r) noexcept {
    return r.sliced() ? r.slices.compute_slices * whole_device / 7 : r.milli;
}

/// Whether a host has what a lease says that it has there: for what was written down, and may say anything.
[[nodiscard]] inline bool may_hold(host_state const& h, lease const& l) noexcept {
    device_request const& r = l.request;
    if (!r.sound() || device_count(l.devices) != r.count || names_too_many(h, l.devices) || !fits_host(h, r)) {
        return false;
    }
    // The one free place beside all but its own slices is its own, where these are a place at all.
    bool good = r.sliced() ? l.slices != 0 && place_slices(r.slices, static_cast<std::uint8_t>(~l.slices)) == l.slices
                           : l.slices == 0;
    for_each_device(l.devices, [&](std::uint32_t i) {
        device_state const& d = h.devices[i];
        good &= suits(d, r) && has_left(d, r) && (d.slices & l.slices) == 0;
    });
    return good;
}

/// Enters a lease in the accounts of its host and devices, or strikes it out.
inline void enter(host_state& h, lease const& l, bool add) noexcept {
    resources taken{l.request.cpu_milli, l.request.host_memory_mib};
    for_each_device(l.devices, [&](std::uint32_t i) {
        device_state& d = h.devices[i];
        std::uint32_t const milli = milli_taken(l.request);
        std::uint32_t const memory = memory_taken(d, l.request);
        taken += {0, 0, milli, memory};
        HPCSCHED_ASSERT(add ? (d.slices & l.slices) == 0 : d.lease_count > 0);
        d.slices ^= l.slices;
        d.leased_milli = add ? d.leased_milli + milli : d.leased_milli - milli;
        d.leased_memory_mib = add ? d.leased_memory_mib + memory : d.leased_memory_mib - memory;
        d.lease_count = add ? d.lease_count + 1 : d.lease_count - 1;
        h.free = d.wholly_free() ? h.free | device_bit(i) : h.free & ~device_bit(i);
    });
    h.leased = add ? h.leased + taken : h.leased - taken;
}

} // namespace hpcsched::gpu::detail

#endif
