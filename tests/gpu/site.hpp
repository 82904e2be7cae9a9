// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_TESTS_GPU_SITE_HPP
#define HPCSCHED_TESTS_GPU_SITE_HPP

#include <hpcsched/core/sink.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/gpu/ledger.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <utility>
#include <vector>

namespace hpcsched::gpu::test {

using namespace std::chrono_literals;

[[nodiscard]] inline device_request whole(std::uint16_t count) {
    return {.count = count};
}
[[nodiscard]] inline device_request share(std::uint32_t milli, std::uint32_t memory_mib = 0) {
    return {.milli = milli, .memory_mib = memory_mib};
}
[[nodiscard]] inline device_request slice(slice_profile profile) {
    return {.slices = profile};
}
[[nodiscard]] inline time_point at(duration since_start) {
    return time_point{since_start};
}

/// What an `acquire` says beside who, what and where.
struct terms {
    device_mask chosen = 0;
    std::int32_t priority = 0;
    time_point now{};
    duration length = unlimited;
};

/// A ledger, and what has ended on it since that was last asked.
struct site {
    ledger l;
    buffer<ended_lease> ended;

    explicit site(std::vector<host_info> const& hosts = {}) {
        for (std::uint32_t i = 0; i < hosts.size(); ++i) {
            REQUIRE(l.add_host(host_id{i}, hosts[i]) == ledger_code::done);
        }
    }

    ledger::grant ask(std::uint64_t owner, std::uint64_t sequence, std::uint32_t host, device_request const& r,
                      terms const& t = {}) {
        return l.acquire(owner, sequence, host_id{host}, r, t.chosen, t.priority, t.now, t.length, ended);
    }
    /// The devices that a first lease gets.
    device_mask take(std::uint64_t owner, std::uint32_t host, device_request const& r, terms const& t = {}) {
        auto const g = ask(owner, 1, host, r, t);
        REQUIRE(g.code == ledger_code::done);
        return g.what.devices;
    }
    ledger_code fail(std::uint32_t host, std::uint32_t device, device_health health = device_health::failed) {
        return l.set_health(host_id{host}, device, health, ended);
    }
    std::vector<ended_lease> what_ended() {
        std::vector<ended_lease> all(ended.items().begin(), ended.items().end());
        ended.clear();
        return all;
    }
    std::vector<std::pair<std::uint64_t, lease_end>> who_ended() {
        std::vector<std::pair<std::uint64_t, lease_end>> all;
        for (ended_lease const& e : what_ended()) {
            all.emplace_back(e.what.owner, e.why);
        }
        return all;
    }
};

/// Devices in link groups, one number for each.
[[nodiscard]] inline host_info grouped_host(std::vector<std::uint16_t> const& groups) {
    host_info h = uniform_host(groups.size());
    for (std::size_t i = 0; i < groups.size(); ++i) {
        h.devices[i].link_group = groups[i];
    }
    return h;
}
/// The first `sliced` devices are in MIG mode.
[[nodiscard]] inline host_info sliced_host(std::size_t count, std::size_t sliced) {
    host_info h = uniform_host(count);
    for (std::size_t i = 0; i < sliced; ++i) {
        h.devices[i].sliced = true;
    }
    return h;
}

} // namespace hpcsched::gpu::test

#endif
