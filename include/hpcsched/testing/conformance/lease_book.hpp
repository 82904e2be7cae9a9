// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_TESTING_CONFORMANCE_LEASE_BOOK_HPP
#define HPCSCHED_TESTING_CONFORMANCE_LEASE_BOOK_HPP

#include <hpcsched/gpu/device.hpp>
#include <hpcsched/gpu/lease.hpp>

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace hpcsched::testing {

/// The leases of a cluster in the plainest way: a list, and every sum made anew from it. Kept beside a ledger or an
/// allocator, it says whether what these grant can be true.
class lease_book {
  public:
    struct host {
        gpu::host_info info;
        bool draining = false;
        std::vector<gpu::device_health> health;

        explicit host(gpu::host_info what)
            : info{std::move(what)}, health(info.devices.size(), gpu::device_health::healthy) {}
    };

    std::map<gpu::host_id, host> hosts;
    std::map<gpu::lease_token, gpu::lease> leases;

    /// What is leased of one device, or of a host's own resources, by all leases but `without`.
    struct taken {
        std::size_t lease_count = 0;
        std::int64_t milli = 0;
        std::int64_t memory_mib = 0;
        std::vector<bool> slices = std::vector<bool>(8);
    };
    [[nodiscard]] taken of_device(gpu::host_id id, std::size_t device, gpu::lease_token without = 0) const {
        taken sum;
        for (auto const& [token, l] : leases) {
            if (token == without || l.host != id || (l.devices >> device & 1U) == 0) {
                continue;
            }
            ++sum.lease_count;
            sum.milli += l.request.milli;
            sum.memory_mib += l.request.memory_mib;
            for (std::size_t i = 0; i < 8; ++i) {
                sum.slices[i] = sum.slices[i] || (l.slices >> i & 1U) != 0;
            }
        }
        return sum;
    }
    [[nodiscard]] std::int64_t cpu_milli_of(gpu::host_id id, gpu::lease_token without = 0) const {
        std::int64_t sum = 0;
        for (auto const& [token, l] : leases) {
            sum += token != without && l.host == id ? l.request.cpu_milli : 0;
        }
        return sum;
    }
    [[nodiscard]] std::int64_t memory_mib_of(gpu::host_id id, gpu::lease_token without = 0) const {
        std::int64_t sum = 0;
        for (auto const& [token, l] : leases) {
            sum += token != without && l.host == id ? l.request.host_memory_mib : 0;
        }
        return sum;
    }

    /// Whether a device could serve a request with nothing leased on it.
    [[nodiscard]] bool device_suits(gpu::host_id id, std::size_t device, gpu::device_request const& r) const {
        host const& h = hosts.at(id);
        gpu::device_info const& d = h.info.devices[device];
        bool const of_its_kind = d.sliced == (r.slices.memory_slices > 0);
        return h.health[device] != gpu::device_health::failed && of_its_kind &&
               (d.sliced || r.memory_mib <= d.memory_mib);
    }

    /// Whether a device has room for its part of a request beside all leases but `without`.
    [[nodiscard]] bool device_has_room(gpu::host_id id, std::size_t device, gpu::device_request const& r,
                                       gpu::lease_token without = 0) const {
        host const& h = hosts.at(id);
        if (!device_suits(id, device, r) || h.health[device] != gpu::device_health::healthy) {
            return false;
        }
        taken const t = of_device(id, device, without);
        if (r.slices.memory_slices > 0) {
            for (std::size_t start = 0; start < 8; ++start) {
                if (is_place(r.slices, start) && slices_are_free(t, start, r.slices.memory_slices)) {
                    return true;
                }
            }
            return false;
        }
        if (r.milli == 1000) {
            return t.lease_count == 0;
        }
        return t.milli + r.milli <= 1000 && t.memory_mib + r.memory_mib <= h.info.devices[device].memory_mib;
    }

    /// Whether a host could serve a request with nothing leased.
    [[nodiscard]] bool ever_fits(gpu::host_id id, gpu::device_request const& r) const {
        auto const at = hosts.find(id);
        if (at == hosts.end() || r.cpu_milli > at->second.info.cpu_milli ||
            r.host_memory_mib > at->second.info.memory_mib) {
            return false;
        }
        std::size_t count = 0;
        for (std::size_t i = 0; i < at->second.info.devices.size(); ++i) {
            count += device_suits(id, i, r) ? 1U : 0U;
        }
        return count >= r.count;
    }

    /// Whether the CPUs and the memory of a host are enough beside all leases but `without`.
    [[nodiscard]] bool host_has_room(gpu::host_id id, gpu::device_request const& r,
                                     gpu::lease_token without = 0) const {
        gpu::host_info const& info = hosts.at(id).info;
        return cpu_milli_of(id, without) + r.cpu_milli <= info.cpu_milli &&
               memory_mib_of(id, without) + r.host_memory_mib <= info.memory_mib;
    }

    /// Whether a host could serve a request now: as many of its devices have room as are wanted.
    [[nodiscard]] bool fits(gpu::host_id id, gpu::device_request const& r, gpu::lease_token without = 0) const {
        auto const at = hosts.find(id);
        if (at == hosts.end() || at->second.draining || !host_has_room(id, r, without)) {
            return false;
        }
        std::size_t count = 0;
        for (std::size_t i = 0; i < at->second.info.devices.size(); ++i) {
            count += device_has_room(id, i, r, without) ? 1U : 0U;
        }
        return count >= r.count;
    }

    /// Why a lease cannot be given beside all that are in the book; empty: it can.
    [[nodiscard]] std::string fault_of(gpu::lease const& l) const {
        auto const at = hosts.find(l.host);
        if (at == hosts.end() || at->second.draining) {
            return "it is on a host that is gone, or takes no leases";
        }
        if (gpu::device_count(l.devices) != l.request.count) {
            return "it has another number of devices than was asked for";
        }
        if (!host_has_room(l.host, l.request)) {
            return "it has more of the host than there is";
        }
        for (std::size_t i = 0; i < 64; ++i) {
            if ((l.devices >> i & 1U) == 0) {
                continue;
            }
            if (i >= at->second.info.devices.size() || !device_has_room(l.host, i, l.request)) {
                return "it has a device that is not there, takes no leases, or is another's";
            }
            if (!slices_are_right(l, of_device(l.host, i))) {
                return "it has slices that are another's, or begin where none may";
            }
        }
        return {};
    }

    /// Where an instance of a profile may begin.
    /// \source NVIDIA, "Multi-Instance GPU User Guide", `nvidia-smi mig -lgipp` of an A100
    [[nodiscard]] static bool is_place(gpu::slice_profile p, std::size_t start) {
        struct row {
            unsigned memory, compute;
            std::vector<std::size_t> starts;
        };
        static std::vector<row> const table{{1, 1, {0, 1, 2, 3, 4, 5, 6}},
                                            {2, 1, {0, 2, 4, 6}},
                                            {2, 2, {0, 2, 4}},
                                            {4, 3, {0, 4}},
                                            {4, 4, {0}},
                                            {8, 7, {0}}};
        for (row const& r : table) {
            for (std::size_t const s : r.starts) {
                if (r.memory == p.memory_slices && r.compute == p.compute_slices && s == start) {
                    return true;
                }
            }
        }
        return false;
    }

  private:
    static bool slices_are_free(taken const& t, std::size_t start, std::size_t count) {
        for (std::size_t i = start; i < start + count; ++i) {
            if (t.slices[i]) {
                return false;
            }
        }
        return true;
    }

    static bool slices_are_right(gpu::lease const& l, taken const& others) {
        if (l.request.slices.memory_slices == 0) {
            return l.slices == 0;
        }
        for (std::size_t start = 0; start < 8; ++start) {
            std::size_t const count = l.request.slices.memory_slices;
            std::size_t const place = ((std::size_t{1} << count) - 1) << start;
            if (l.slices == place) {
                return is_place(l.request.slices, start) && slices_are_free(others, start, count);
            }
        }
        return false;
    }
};

} // namespace hpcsched::testing

#endif
