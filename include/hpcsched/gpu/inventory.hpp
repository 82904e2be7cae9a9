// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_GPU_INVENTORY_HPP
#define HPCSCHED_GPU_INVENTORY_HPP

#include <hpcsched/gpu/device.hpp>
#include <hpcsched/gpu/device_vitals.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hpcsched::gpu {

/// An instance of a device in MIG mode, as the driver shows it.
struct slice_facts {
    std::string uuid{}; ///< "MIG-...": what a process is told to see it alone
    slice_profile profile{};
    std::uint8_t slices = 0; ///< the memory slices that it takes, as in `lease::slices`; 0: the driver does not say
    std::uint32_t memory_mib = 0;

    friend bool operator==(slice_facts const&, slice_facts const&) = default;
};

/// A device as its driver shows it: what a ledger is told (`info`), and what acts on the device needs.
struct device_facts {
    std::string uuid{};   ///< "GPU-...": stays with the device over reboots, and in any order of devices
    std::string name{};   ///< of the product, for people
    std::string bus_id{}; ///< "00000000:3b:00.0"; devices are listed in this order
    device_info info{};
    std::vector<slice_facts> slices{}; ///< in MIG mode: its instances

    friend bool operator==(device_facts const&, device_facts const&) = default;
};

/// A process that has a context on a device.
struct device_process {
    std::int32_t pid = 0;
    std::uint64_t bytes = 0; ///< of device memory; 0 also where the driver does not say

    friend constexpr bool operator==(device_process const&, device_process const&) = default;
};

/// What a host of these devices is to a ledger.
[[nodiscard]] inline host_info host_info_of(std::span<device_facts const> seen, std::int64_t cpu_milli,
                                            std::int64_t memory_mib) {
    host_info h{.cpu_milli = cpu_milli, .memory_mib = memory_mib, .devices = {}};
    for (device_facts const& d : seen) {
        h.devices.push_back(d.info);
    }
    return h;
}

/// A device as its host declared it to the cluster.
struct declared_device {
    std::string uuid{}; ///< empty: the host did not say, and its n-th device is the n-th that the driver shows
    device_info info{};

    friend bool operator==(declared_device const&, declared_device const&) = default;
};

/// The devices of a host as a ledger knows them, which does not know their UUIDs.
[[nodiscard]] inline std::vector<declared_device> declared_by(host_info const& host) {
    std::vector<declared_device> all;
    for (device_info const& d : host.devices) {
        all.push_back({.uuid = {}, .info = d});
    }
    return all;
}

/// What is wrong with what a host declared.
enum class inventory_fault : std::uint8_t {
    missing = 0,     ///< declared, but the driver shows no such device
    extra = 1,       ///< the driver shows a device that was not declared: it would never be leased
    less_memory = 2, ///< it has less memory than was declared
    other_mode = 3,  ///< declared in MIG mode and is not, or the reverse
    no_link = 4,     ///< declared as linked to another by NVLink, and is not
    ambiguous = 5,   ///< two devices were declared with one UUID
    draining = 6,    ///< its vitals say that it should take no new leases
    failed = 7,      ///< its vitals say that nothing should run on it
};

/// One thing that is wrong.
struct inventory_finding {
    inventory_fault what{};
    std::uint32_t declared = 0; ///< which of the declared; for `extra` their number
    std::uint32_t seen = 0;     ///< which of those the driver shows; for `missing` and `ambiguous` their number
    std::string text{};         ///< one line for a person

    friend bool operator==(inventory_finding const&, inventory_finding const&) = default;
};

struct inventory_tolerance {
    std::uint32_t memory_mib = 0; ///< so much less than was declared is not held against a host
    health_limits health{};
};

namespace detail {

class inventory_comparison {
  public:
    inventory_comparison(std::span<declared_device const> declared, std::span<device_facts const> seen)
        : declared_{declared}, seen_{seen}, match_(declared.size(), seen.size()), taken_(seen.size(), false) {}

    [[nodiscard]] std::vector<inventory_finding> run(std::span<device_vitals const> vitals,
                                                     inventory_tolerance const& tolerance) {
        match_all();
        for (std::size_t d = 0; d < declared_.size(); ++d) {
            if (match_[d] < seen_.size()) {
                compare(d, match_[d], tolerance);
            }
        }
        for (std::size_t s = 0; s < seen_.size(); ++s) {
            if (!taken_[s]) {
                note(inventory_fault::extra, declared_.size(), s, name_of(s) + " was not declared");
            }
        }
        for (std::size_t s = 0; s < std::min(seen_.size(), vitals.size()); ++s) {
            judge_one(s, vitals[s], tolerance.health);
        }
        return std::move(findings_);
    }

  private:
    void match_all() {
        for (std::size_t d = 0; d < declared_.size(); ++d) {
            std::string const& uuid = declared_[d].uuid;
            std::size_t s = d;
            if (!uuid.empty()) {
                auto const at = std::ranges::find(seen_, uuid, &device_facts::uuid);
                s = static_cast<std::size_t>(at - seen_.begin());
            }
            if (s >= seen_.size()) {
                note(inventory_fault::missing, d, seen_.size(),
                     "device " + std::to_string(d) + what_of(uuid) + " was declared, but the driver shows no such one");
            } else if (taken_[s]) {
                note(inventory_fault::ambiguous, d, seen_.size(),
                     "device " + std::to_string(d) + " is declared as " + name_of(s) + ", as another is");
            } else {
                taken_[s] = true;
                match_[d] = s;
            }
        }
    }

    void compare(std::size_t d, std::size_t s, inventory_tolerance const& tolerance) {
        device_info const& said = declared_[d].info;
        device_info const& is = seen_[s].info;
        if (std::uint64_t{is.memory_mib} + tolerance.memory_mib < said.memory_mib) {
            note(inventory_fault::less_memory, d, s,
                 name_of(s) + " has " + std::to_string(is.memory_mib) + " MiB, not the " +
                     std::to_string(said.memory_mib) + " declared");
        }
        if (is.sliced != said.sliced) {
            note(inventory_fault::other_mode, d, s,
                 name_of(s) + (is.sliced ? " is in MIG mode, declared as whole" : " is whole, declared in MIG mode"));
        }
        for (std::size_t other = 0; other < d; ++other) {
            bool const both_there = match_[other] < seen_.size();
            if (both_there && declared_[other].info.link_group == said.link_group &&
                seen_[match_[other]].info.link_group != is.link_group) {
                note(inventory_fault::no_link, d, s,
                     name_of(s) + " is declared as linked to " + name_of(match_[other]) + ", and is not");
                return; // one of a group tells enough
            }
        }
    }

    void judge_one(std::size_t s, device_vitals const& vitals, health_limits const& limits) {
        device_health const health = judge(vitals, limits);
        if (health == device_health::healthy) {
            return;
        }
        auto const at = std::ranges::find(match_, s);
        note(health == device_health::failed ? inventory_fault::failed : inventory_fault::draining,
             static_cast<std::size_t>(at - match_.begin()), s, name_of(s) + ": " + why(vitals, limits));
    }

    [[nodiscard]] static std::string what_of(std::string_view uuid) {
        return uuid.empty() ? std::string{} : " (" + std::string{uuid} + ")";
    }
    [[nodiscard]] std::string name_of(std::size_t s) const {
        return "device " + std::to_string(s) + what_of(seen_[s].uuid);
    }
    void note(inventory_fault what, std::size_t d, std::size_t s, std::string text) {
        findings_.push_back({what, static_cast<std::uint32_t>(d), static_cast<std::uint32_t>(s), std::move(text)});
    }

    std::span<declared_device const> declared_;
    std::span<device_facts const> seen_;
    std::vector<std::size_t> match_; // declared -> seen; the number of the seen: none
    std::vector<bool> taken_;
    std::vector<inventory_finding> findings_;
};

} // namespace detail

/// Holds what a host declared against what its driver shows, so that a host that lies about its devices, or is mistaken
/// about them, is found before a lease is.
///
/// More memory than declared, and links that were not declared, are no faults: they only go unused.
/// \param vitals  one for each device seen; empty: health is not judged
/// \return what is wrong: of the declared in their order, then what was not declared, then what is unwell
/// \complexity O(d^2 + d s) for d declared and s seen
[[nodiscard]] inline std::vector<inventory_finding> compare_inventory(std::span<declared_device const> declared,
                                                                      std::span<device_facts const> seen,
                                                                      std::span<device_vitals const> vitals = {},
                                                                      inventory_tolerance const& tolerance = {}) {
    return detail::inventory_comparison{declared, seen}.run(vitals, tolerance);
}

} // namespace hpcsched::gpu

#endif
