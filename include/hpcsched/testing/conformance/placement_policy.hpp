// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_TESTING_CONFORMANCE_PLACEMENT_POLICY_HPP
#define HPCSCHED_TESTING_CONFORMANCE_PLACEMENT_POLICY_HPP

#include <hpcsched/core/random.hpp>
#include <hpcsched/core/sink.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/gpu/device.hpp>
#include <hpcsched/gpu/host_load.hpp>
#include <hpcsched/gpu/lease.hpp>
#include <hpcsched/gpu/ledger.hpp>
#include <hpcsched/gpu/placement.hpp>

#include <boost/random/uniform_int_distribution.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace hpcsched::testing {

struct placement_check_options {
    std::uint64_t seeds = 20;
    std::uint32_t hosts_max = 100;
    std::size_t requests = 40; ///< of each seed
};

namespace detail {

/// Clusters and requests for placements, as they come.
class placement_draws {
  public:
    explicit placement_draws(std::uint64_t seed) : bits_{seed, "placement_policy"} {}

    [[nodiscard]] std::uint64_t below(std::uint64_t count) {
        return boost::random::uniform_int_distribution<std::uint64_t>{0, count - 1}(bits_);
    }

    /// Hosts of a few kinds, some numbers left out, some draining, with devices that failed and leases of all sizes.
    [[nodiscard]] gpu::ledger ledger(std::uint32_t hosts_max) {
        gpu::ledger l;
        buffer<gpu::ended_lease> ended;
        auto const hosts = static_cast<std::uint32_t>(1 + below(hosts_max));
        bool const all_alike = below(3) == 0;
        std::uint64_t owner = 0;
        for (std::uint32_t n = 0; n < hosts; ++n) {
            gpu::host_id const id{n};
            if (below(10) == 0) {
                continue;
            }
            auto info = gpu::uniform_host(all_alike ? 8 : static_cast<std::size_t>(1 + below(10)));
            for (std::size_t i = 0; i < info.devices.size() && !all_alike; ++i) {
                info.devices[i].link_group = static_cast<std::uint16_t>(below(2));
                info.devices[i].sliced = below(20) == 0;
                info.devices[i].memory_mib = below(4) == 0 ? 81'920 : 40'960;
            }
            (void)l.add_host(id, info);
            (void)l.set_health(id, static_cast<std::uint32_t>(below(30)), gpu::device_health::failed, ended);
            for (std::uint64_t left = below(9); left > 0; --left) {
                (void)l.acquire(++owner, 1, id, request(), 0, 0, time_point{}, unlimited, ended);
            }
            for (std::uint64_t left = below(6); left > 0; --left) {
                (void)l.subscribe(id, ++owner, request().subscription());
            }
            (void)l.set_draining(id, below(12) == 0);
        }
        return l;
    }

    [[nodiscard]] gpu::device_request request() {
        gpu::device_request r{.count = static_cast<std::uint16_t>(std::uint64_t{1} << below(4))};
        switch (below(8)) {
        case 0:
            r.milli = static_cast<std::uint32_t>(1 + below(999));
            r.memory_mib = static_cast<std::uint32_t>(below(50'000));
            r.count = static_cast<std::uint16_t>(1 + below(2));
            break;
        case 1:
            r.count = 1;
            r.slices = gpu::slice_2g;
            break;
        case 2:
            r.cpu_milli = static_cast<std::int64_t>(below(30'000));
            r.count = static_cast<std::uint16_t>(below(3));
            break;
        case 3:
            r.memory_mib = 50'000;
            break;
        default:
            break;
        }
        return r;
    }

  private:
    random_stream bits_;
};

// The best host by looking at each: what `best_host` must find, however it does.
template <gpu::placement_policy Policy, class Eligible>
std::optional<gpu::host_id> plainly_best(Policy const& policy, gpu::ledger const& from,
                                         gpu::placement_request const& request, gpu::room where,
                                         Eligible const& eligible) {
    std::optional<gpu::host_id> found;
    std::uint64_t best = 0;
    for (gpu::host_load const& h : from.loads()) {
        bool const takes = where == gpu::room::now ? from.has_room(h.host, request.devices)
                                                   : h.takes_leases && from.ever_fits(h.host, request.devices);
        if (takes && eligible(h.host) && policy.score(request, h) > best) {
            best = policy.score(request, h);
            found = h.host;
        }
    }
    return found;
}

} // namespace detail

/// Asks a policy about drawn clusters and checks the rules of `gpu::placement_policy`:
///
/// * it says the same of the same request and host;
/// * where it has a bound, no host but the resident ones is above it;
/// * `best_host` takes the host with the largest score, the lowest number among equals, of those that can take the
///   request now or ever; it takes none of score 0.
///
/// \return the first rule that was broken, with the seed; empty: none
template <gpu::placement_policy Policy>
[[nodiscard]] std::vector<std::string> check_placement_policy(Policy const& policy,
                                                              placement_check_options const& options = {}) {
    for (std::uint64_t seed = 1; seed <= options.seeds; ++seed) {
        detail::placement_draws draws{seed};
        gpu::ledger const from = draws.ledger(options.hosts_max);
        auto const loads = from.loads();
        std::string const place = "seed " + std::to_string(seed) + ": ";
        for (std::size_t n = 0; n < options.requests; ++n) {
            std::vector<gpu::host_id> resident;
            for (std::uint64_t left = draws.below(4); left > 0; --left) {
                resident.push_back(gpu::host_id{static_cast<std::uint32_t>(draws.below(options.hosts_max))});
            }
            gpu::placement_request const request{draws.request(), resident};
            for (gpu::host_load const& h : loads) {
                std::uint64_t const score = policy.score(request, h);
                if (score != policy.score(request, h)) {
                    return {place + "it says two things of one host"};
                }
                if constexpr (gpu::bounded_placement_policy<Policy>) {
                    bool const is_resident = std::find(resident.begin(), resident.end(), h.host) != resident.end();
                    if (!is_resident && score > policy.ceiling(request, h.free_count)) {
                        return {place + "host " + std::to_string(h.host.value) + " is above the bound"};
                    }
                }
            }
            std::uint64_t const kept = draws.below(4); // of five hosts one is not eligible, or all are
            auto const eligible = [kept](gpu::host_id h) { return kept == 0 || h.value % 5 != kept; };
            gpu::room const where = draws.below(2) == 0 ? gpu::room::now : gpu::room::ever;
            auto const found = gpu::best_host(policy, from, request, where, eligible);
            if (found != detail::plainly_best(policy, from, request, where, eligible)) {
                return {place + "best_host takes another than the best"};
            }
        }
    }
    return {};
}

} // namespace hpcsched::testing

#endif
