// SPDX-License-Identifier: Apache-2.0

// A lease taken and given back, on a cluster of 1,000 hosts of 8 devices half of which are leased: by the ledger alone,
// and as commands of the machine that a group of servers keeps.
#include <hpcsched/core/bytes.hpp>
#include <hpcsched/core/random.hpp>
#include <hpcsched/core/sink.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/gpu/ledger.hpp>
#include <hpcsched/gpu/ledger_machine.hpp>

#include <benchmark/benchmark.h>

#include "clusters.hpp"
#include "figure.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <map>
#include <vector>

namespace {

using namespace hpcsched;

constexpr std::uint64_t first_owner = 1'000'000; // above those of the cluster

/// Hosts that have a device free, by chance.
std::vector<gpu::host_id> hosts_with_room(gpu::ledger const& l, std::size_t count) {
    random_stream bits{3, "hosts_with_room"};
    std::vector<gpu::host_id> hosts;
    while (hosts.size() < count) {
        gpu::host_id const h{static_cast<std::uint32_t>(bench::drawn_below(bits, l.loads().size()))};
        if (l.load(h).free_count > 0) {
            hosts.push_back(h);
        }
    }
    return hosts;
}

/// \return ns for a lease taken and given back
double by_ledger(gpu::ledger& l, std::vector<gpu::host_id> const& hosts, std::uint64_t& sequence) {
    buffer<gpu::ended_lease> ended;
    auto const start = std::chrono::steady_clock::now();
    for (std::size_t i = 0; i < hosts.size(); ++i) {
        auto const g =
            l.acquire(first_owner + i, sequence, hosts[i], {}, 0, 0, time_point{}, std::chrono::seconds{10}, ended);
        if (g.code != gpu::ledger_code::done || l.release(g.what.token) != gpu::ledger_code::done) {
            std::abort();
        }
    }
    std::chrono::duration<double, std::nano> const spent = std::chrono::steady_clock::now() - start;
    ++sequence;
    return spent.count() / static_cast<double>(hosts.size());
}

/// What cannot be done without: a free bit of the host is found and cleared, the lease is entered by its token and its
/// owner, and taken out again.
class bare_leases {
  public:
    explicit bare_leases(gpu::ledger const& l) {
        for (gpu::host_load const& h : l.loads()) {
            free_.push_back(l.host(h.host).free);
        }
        for (auto const& [token, each] : l.leases()) {
            by_token_.emplace(token, each);
            by_owner_.emplace(each.owner, token);
        }
        next_ = l.leases().rbegin()->first;
    }

    double turn(std::vector<gpu::host_id> const& hosts) {
        auto const start = std::chrono::steady_clock::now();
        for (std::size_t i = 0; i < hosts.size(); ++i) {
            std::uint64_t& free = free_[hosts[i].value];
            gpu::lease l;
            l.token = ++next_;
            l.owner = first_owner + i;
            l.host = hosts[i];
            l.devices = free & (~free + 1);
            free &= ~l.devices;
            by_token_.emplace(l.token, l);
            by_owner_[l.owner] = l.token;
            benchmark::DoNotOptimize(free);
            free |= l.devices;
            by_token_.erase(l.token);
            by_owner_[l.owner] = 0;
        }
        std::chrono::duration<double, std::nano> const spent = std::chrono::steady_clock::now() - start;
        return spent.count() / static_cast<double>(hosts.size());
    }

  private:
    std::vector<std::uint64_t> free_;
    std::map<gpu::lease_token, gpu::lease> by_token_;
    std::map<std::uint64_t, gpu::lease_token> by_owner_;
    gpu::lease_token next_ = 0;
};

bench::figure_case const lease_figure{
    "gpu.lease", 5, "a lease taken and given back among 4,000 devices leased, beside two maps and a bit",
    [](bench::effort how_much) {
        bool const full = how_much == bench::effort::full;
        gpu::ledger l = bench::half_loaded(full ? 1'000 : 20, 1);
        auto const hosts = hosts_with_room(l, full ? 2'000 : 50);
        bare_leases bare{l};
        std::uint64_t sequence = 1;
        double ours = std::numeric_limits<double>::infinity();
        double theirs = ours;
        for (int turn = 0; turn < (full ? 50 : 1); ++turn) {
            ours = std::min(ours, by_ledger(l, hosts, sequence));
            theirs = std::min(theirs, bare.turn(hosts));
        }
        bench::report({.name = "gpu.lease",
                       .value = ours,
                       .unit = "ns",
                       .beside = theirs,
                       .goal = "below 1 us (beside: two maps and a bit of each host, with nothing checked)",
                       .holds = ours < 1'000 && l.check().empty()});
    }};

void bm_lease(benchmark::State& state) {
    gpu::ledger l = bench::half_loaded(static_cast<std::uint32_t>(state.range(0)), 1);
    auto const hosts = hosts_with_room(l, 1'000);
    buffer<gpu::ended_lease> ended;
    std::uint64_t sequence = 0;
    for ([[maybe_unused]] auto _ : state) {
        ++sequence;
        auto const g =
            l.acquire(first_owner, sequence, hosts[sequence % hosts.size()], {}, 0, 0, time_point{}, unlimited, ended);
        benchmark::DoNotOptimize(l.release(g.what.token));
    }
}
BENCHMARK(bm_lease)->Arg(100)->Arg(1'000)->Arg(10'000);

void bm_machine(benchmark::State& state) {
    gpu::ledger_machine m;
    byte_buffer command;
    byte_buffer reply;
    for (std::uint32_t h = 0; h < 100; ++h) {
        command.clear();
        gpu::ledger_machine::add_host(gpu::host_id{h}, gpu::uniform_host(), command);
        m.apply(h + 1, command, reply);
    }
    std::uint64_t sequence = 0;
    for ([[maybe_unused]] auto _ : state) {
        gpu::host_id const h{static_cast<std::uint32_t>(++sequence % 100)};
        command.clear();
        reply.clear();
        gpu::ledger_machine::acquire(1, sequence, h, {}, 0, 0, time_point{}, unlimited, command);
        m.apply(sequence, command, reply);
        benchmark::DoNotOptimize(gpu::ledger_machine::decode(reply));
    }
}
BENCHMARK(bm_machine);

} // namespace
