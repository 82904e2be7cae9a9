// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_BENCH_GPU_CLUSTERS_HPP
#define HPCSCHED_BENCH_GPU_CLUSTERS_HPP

#include <hpcsched/core/random.hpp>
#include <hpcsched/core/sink.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/gpu/ledger.hpp>

#include <boost/random/uniform_int_distribution.hpp>

#include <cstdint>

namespace hpcsched::bench {

inline constexpr std::uint16_t device_sizes[] = {1, 2, 4, 8}; ///< of requests, as NotebookOS's pools have them

[[nodiscard]] inline std::uint64_t drawn_below(random_stream& bits, std::uint64_t count) {
    return boost::random::uniform_int_distribution<std::uint64_t>{0, count - 1}(bits);
}

/// Hosts of 8 devices. Leases of 1, 2, 4 or 8 devices come to hosts by chance until half of all devices are leased;
/// each host has up to 11 subscriptions.
[[nodiscard]] inline gpu::ledger half_loaded(std::uint32_t hosts, std::uint64_t seed) {
    random_stream bits{seed, "half_loaded"};
    gpu::ledger l;
    buffer<gpu::ended_lease> ended;
    std::uint64_t owner = 0;
    for (std::uint32_t h = 0; h < hosts; ++h) {
        (void)l.add_host(gpu::host_id{h}, gpu::uniform_host());
        for (std::uint64_t left = drawn_below(bits, 12); left > 0; --left) {
            gpu::device_request const r{.count = device_sizes[drawn_below(bits, 4)]};
            (void)l.subscribe(gpu::host_id{h}, ++owner, r.subscription());
        }
    }
    for (std::uint64_t leased = 0; leased < std::uint64_t{hosts} * 4;) {
        gpu::host_id const h{static_cast<std::uint32_t>(drawn_below(bits, hosts))};
        gpu::device_request const r{.count = device_sizes[drawn_below(bits, 4)]};
        auto const g = l.acquire(++owner, 1, h, r, 0, 0, time_point{}, unlimited, ended);
        leased += g.code == gpu::ledger_code::done ? r.count : 0U;
    }
    return l;
}

} // namespace hpcsched::bench

#endif
