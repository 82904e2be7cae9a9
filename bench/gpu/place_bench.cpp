// SPDX-License-Identifier: Apache-2.0

// One placement decision: the best of 1,000 and of 10,000 hosts of 8 devices, half of which are leased. Beside it a
// hand-written loop over a plain array of the same hosts, in the order of least_loaded.
#include <hpcsched/core/random.hpp>
#include <hpcsched/gpu/ledger.hpp>
#include <hpcsched/gpu/placement.hpp>

#include <benchmark/benchmark.h>

#include "clusters.hpp"
#include "figure.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

namespace {

using namespace hpcsched;

/// Requests of each size as often as another, each with three hosts that have its data.
struct requests {
    std::vector<std::array<gpu::host_id, 3>> resident;
    std::vector<gpu::placement_request> all;

    requests(std::uint32_t hosts, std::size_t count) : resident(count) {
        random_stream bits{7, "requests"};
        for (std::size_t i = 0; i < count; ++i) {
            for (gpu::host_id& h : resident[i]) {
                h = gpu::host_id{static_cast<std::uint32_t>(bench::drawn_below(bits, hosts))};
            }
            all.push_back({{.count = bench::device_sizes[i % 4]}, resident[i]});
        }
    }
};

/// What a host is to the loop.
struct plain_host {
    std::uint32_t free;
    std::uint32_t ratio;
    std::uint32_t pending;
};

std::vector<plain_host> plain(gpu::ledger const& from) {
    std::vector<plain_host> hosts;
    for (gpu::host_load const& h : from.loads()) {
        hosts.push_back({h.free_count, h.subscribed_ratio, h.pending_milli});
    }
    return hosts;
}

/// The most idle devices, then the lowest ratio, then the most pending, then the lowest number.
std::optional<std::uint32_t> by_hand(std::vector<plain_host> const& hosts, std::uint32_t count) {
    std::size_t best = hosts.size();
    for (std::size_t i = 0; i < hosts.size(); ++i) {
        plain_host const& h = hosts[i];
        if (h.free < count) {
            continue;
        }
        if (best == hosts.size() || h.free > hosts[best].free ||
            (h.free == hosts[best].free &&
             (h.ratio < hosts[best].ratio || (h.ratio == hosts[best].ratio && h.pending > hosts[best].pending)))) {
            best = i;
        }
    }
    return best == hosts.size() ? std::nullopt : std::optional{static_cast<std::uint32_t>(best)};
}

std::vector<std::uint32_t> const& weights() {
    static std::vector<std::uint32_t> const each{0, 1, 1, 0, 1, 0, 0, 0, 1};
    return each;
}

/// \return ns per decision
template <class Decide>
double time_of(requests const& r, std::size_t rounds, Decide const& decide) {
    auto const start = std::chrono::steady_clock::now();
    for (std::size_t n = 0; n < rounds; ++n) {
        for (gpu::placement_request const& each : r.all) {
            benchmark::DoNotOptimize(decide(each));
        }
    }
    std::chrono::duration<double, std::nano> const spent = std::chrono::steady_clock::now() - start;
    return spent.count() / static_cast<double>(rounds * r.all.size());
}

/// The least times of ours and of the loop, by turns.
template <class Policy>
void report_policy(std::string const& name, Policy const& policy, gpu::ledger const& from, bench::effort how_much,
                   double goal_ns) {
    bool const full = how_much == bench::effort::full;
    requests const r{static_cast<std::uint32_t>(from.host_count()), full ? std::size_t{64} : 4};
    std::vector<plain_host> const hosts = plain(from);
    std::size_t const rounds = full ? std::max<std::size_t>(1, 400'000 / (r.all.size() * from.host_count())) : 1;
    double ours = std::numeric_limits<double>::infinity();
    double bare = ours;
    for (int turn = 0; turn < (full ? 200 : 1); ++turn) {
        ours = std::min(ours, time_of(r, rounds, [&](gpu::placement_request const& each) {
                            return gpu::best_host(policy, from, each, gpu::room::now);
                        }));
        bare = std::min(bare, time_of(r, rounds, [&](gpu::placement_request const& each) {
                            return by_hand(hosts, each.devices.count);
                        }));
    }
    std::string const goal = goal_ns < 1500 ? "below 1 us" : "below 10 us";
    bench::report({.name = name,
                   .value = ours,
                   .unit = "ns",
                   .beside = bare,
                   .goal = goal + " (beside: a hand-written loop over a plain array)",
                   .holds = ours < goal_ns});
}

void report_cluster(std::string const& name, gpu::ledger const& from, bench::effort how_much, double goal_ns) {
    report_policy(name + " least_loaded", gpu::least_loaded{}, from, how_much, goal_ns);
    report_policy(name + " pack", gpu::pack{}, from, how_much, goal_ns);
    report_policy(name + " keeps_room", gpu::keeps_room<>{}, from, how_much, goal_ns);
    report_policy(name + " in_one_group", gpu::in_one_group<>{}, from, how_much, goal_ns);
    report_policy(name + " least_fragmentation", gpu::least_fragmentation{weights()}, from, how_much, goal_ns);
    report_policy(name + " resident_first", gpu::resident_first<>{}, from, how_much, goal_ns);
}

bench::figure_case const place{
    "gpu.place", 5, "one placement among 1,000 and 10,000 half-loaded hosts of 8 devices, beside a hand-written loop",
    [](bench::effort how_much) {
        bool const full = how_much == bench::effort::full;
        report_cluster("gpu.place/hosts_1000", bench::half_loaded(full ? 1'000 : 50, 1), how_much, 1'000);
        report_cluster("gpu.place/hosts_10000", bench::half_loaded(full ? 10'000 : 100, 1), how_much, 10'000);
    }};

template <class Policy>
void bm_place(benchmark::State& state, Policy const& policy) {
    auto const hosts = static_cast<std::uint32_t>(state.range(0));
    gpu::ledger const from = bench::half_loaded(hosts, 1);
    requests const r{hosts, 64};
    std::size_t next = 0;
    for ([[maybe_unused]] auto _ : state) {
        benchmark::DoNotOptimize(gpu::best_host(policy, from, r.all[next++ % r.all.size()], gpu::room::now));
    }
}
BENCHMARK_CAPTURE(bm_place, least_loaded, gpu::least_loaded{})->Arg(1'000)->Arg(10'000);
BENCHMARK_CAPTURE(bm_place, pack, gpu::pack{})->Arg(1'000)->Arg(10'000);
BENCHMARK_CAPTURE(bm_place, spread, gpu::spread{})->Arg(1'000)->Arg(10'000);
BENCHMARK_CAPTURE(bm_place, keeps_room, gpu::keeps_room<>{})->Arg(1'000)->Arg(10'000);
BENCHMARK_CAPTURE(bm_place, in_one_group, gpu::in_one_group<>{})->Arg(1'000)->Arg(10'000);
BENCHMARK_CAPTURE(bm_place, least_fragmentation, gpu::least_fragmentation{weights()})->Arg(1'000)->Arg(10'000);
BENCHMARK_CAPTURE(bm_place, resident_first, gpu::resident_first<>{})->Arg(1'000)->Arg(10'000);

/// Where to live: every host is looked at, for what it has free does not count.
void bm_place_members(benchmark::State& state) {
    gpu::ledger const from = bench::half_loaded(static_cast<std::uint32_t>(state.range(0)), 1);
    for ([[maybe_unused]] auto _ : state) {
        benchmark::DoNotOptimize(
            gpu::place_members(gpu::spread{}, from, {{.count = 1}, {}}, 3, [](gpu::host_id) { return true; }));
    }
}
BENCHMARK(bm_place_members)->Arg(1'000)->Arg(10'000);

/// All hosts have as much free, so that the number of free devices rules none out.
void bm_place_alike(benchmark::State& state) {
    gpu::ledger l;
    for (std::uint32_t h = 0; h < state.range(0); ++h) {
        (void)l.add_host(gpu::host_id{h}, gpu::uniform_host());
        (void)l.subscribe(gpu::host_id{h}, 1,
                          gpu::device_request{.count = static_cast<std::uint16_t>(h * 7 % 60)}.subscription());
    }
    for ([[maybe_unused]] auto _ : state) {
        benchmark::DoNotOptimize(gpu::best_host(gpu::least_loaded{}, l, {{.count = 1}, {}}, gpu::room::now));
    }
}
BENCHMARK(bm_place_alike)->Arg(1'000)->Arg(10'000);

} // namespace
