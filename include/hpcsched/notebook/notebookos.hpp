// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_NOTEBOOK_NOTEBOOKOS_HPP
#define HPCSCHED_NOTEBOOK_NOTEBOOKOS_HPP

#include <hpcsched/core/assert.hpp>
#include <hpcsched/core/random.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/gpu/admission.hpp>
#include <hpcsched/gpu/placement.hpp>
#include <hpcsched/notebook/cluster_policies.hpp>
#include <hpcsched/notebook/replicated_cluster.hpp>

#include <boost/random/uniform_int_distribution.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace hpcsched::notebook {

/// Any replica, with equal probability.
/// \source NotebookOS's prototype, all paths of its static policy
class random_victim {
  public:
    explicit random_victim(random_stream draws) : draws_{std::move(draws)} {}

    [[nodiscard]] std::size_t victim(cluster_state const& s, kernel_id k) {
        boost::random::uniform_int_distribution<std::size_t> any{0, s.kernel(k).replicas.size() - 1};
        return any(draws_);
    }

  private:
    random_stream draws_;
};

/// NotebookOS's autoscaling: so many hosts as the leased devices and a few percent more fill, at least a minimum and a
/// buffer; idle hosts are given back, two at a time, where there are more than a second limit.
///
/// \source NotebookOS's prototype: target = ceil(L f / G), raised to the minimum and the buffer; limit = ceil(L g / G),
///         at least the minimum and R where the minimum is below R, and the minimum and the buffer where it is below
///         the minimum; a host is idle that has nothing leased and at most four containers, none of whose kernels
///         executes. It has a maximum of hosts, 48; here there is none unless one is set, for the month's trace needs
///         more
class notebookos_scaling {
  public:
    struct config {
        double scaling_factor = 1.05; ///< f
        double scaling_limit = 1.10;  ///< g
        std::uint32_t buffer = 3;     ///< hosts
        std::uint32_t hosts_min = 12;
        std::uint32_t hosts_max = 0; ///< 0: no bound
        std::uint32_t replicas = 3;
        std::uint32_t released_at_once = 2;
        std::uint32_t containers_max = 4; ///< of a host that may be released
        duration interval = std::chrono::seconds{30};
    };

    notebookos_scaling() : notebookos_scaling{config{}} {}
    explicit notebookos_scaling(config c) : config_{c} { HPCSCHED_ASSERT(c.interval > duration{0}); }

    /// ceil(L f / G), raised.
    /// \param leased   L, in devices
    /// \param devices  G, of a host
    [[nodiscard]] std::uint32_t target(double leased, std::uint32_t devices) const noexcept {
        auto const filled = static_cast<std::uint32_t>(std::ceil(leased * config_.scaling_factor / devices));
        return std::max(filled, config_.hosts_min + config_.buffer);
    }
    /// ceil(L g / G), raised: beyond it idle hosts are given back.
    [[nodiscard]] std::uint32_t limit(double leased, std::uint32_t devices) const noexcept {
        auto filled = static_cast<std::uint32_t>(std::ceil(leased * config_.scaling_limit / devices));
        if (config_.hosts_min < config_.replicas) {
            filled = std::max(filled, config_.hosts_min + config_.replicas);
        }
        return filled < config_.hosts_min ? config_.hosts_min + config_.buffer : filled;
    }

    [[nodiscard]] scaling_decision decide(cluster_state const& s, time_point /*now*/) const {
        scaling_decision d;
        double const leased = static_cast<double>(s.leased_milli()) / gpu::whole_device;
        std::uint32_t const hosts = s.up_count() + s.provisioning_count();
        std::uint32_t wanted = target(leased, s.host_devices());
        wanted = config_.hosts_max > 0 ? std::min(wanted, config_.hosts_max) : wanted;
        if (hosts < wanted) {
            d.add = wanted - hosts;
            return d;
        }
        std::uint32_t const most = limit(leased, s.host_devices());
        if (s.up_count() <= most) {
            return d;
        }
        std::uint32_t const surplus = std::min(s.up_count() - most, config_.released_at_once);
        struct idle_host {
            std::uint32_t ratio, members;
            gpu::host_id id;
        };
        std::vector<idle_host> idle;
        for (gpu::host_load const& h : s.ledger().loads()) {
            if (h.takes_leases && releasable(s, h)) {
                idle.push_back({h.subscribed_ratio, h.member_count, h.host});
            }
        }
        std::sort(idle.begin(), idle.end(), [](idle_host const& a, idle_host const& b) {
            return a.ratio != b.ratio       ? a.ratio > b.ratio
                   : a.members != b.members ? a.members < b.members
                                            : a.id < b.id;
        });
        for (std::size_t i = 0; i < std::min<std::size_t>(surplus, idle.size()); ++i) {
            d.drain.push_back(idle[i].id);
        }
        return d;
    }

    [[nodiscard]] duration interval() const noexcept { return config_.interval; }
    [[nodiscard]] static bool after_every_event() noexcept { return false; }
    [[nodiscard]] std::uint32_t hosts_at_start() const noexcept { return config_.hosts_min; }
    [[nodiscard]] bool may_grow(cluster_state const& s) const noexcept {
        return config_.hosts_max == 0 || s.up_count() + s.provisioning_count() < config_.hosts_max;
    }
    static void submitted(cluster_state const&, kernel_id, time_point) noexcept {}
    static void finished(cluster_state const&, kernel_id, time_point) noexcept {}
    static void closed(cluster_state const&, kernel_id, time_point) noexcept {}
    [[nodiscard]] static double return_rate(cluster_state const&, kernel_id, time_point) noexcept { return 0; }

  private:
    [[nodiscard]] bool releasable(cluster_state const& s, gpu::host_load const& h) const {
        if (h.free_count != h.device_count || h.member_count > config_.containers_max) {
            return false;
        }
        auto const& members = s.host(h.host).members;
        return std::none_of(members.begin(), members.end(),
                            [&](kernel_id k) { return s.kernel(k).running || s.kernel(k).move; });
    }

    config config_;
};

/// NotebookOS, with any admission, choice of the replica to migrate, and scaling.
template <gpu::admission_policy Admission, migration_choice Migration, scaling_policy Scaling = notebookos_scaling>
struct basic_notebookos_policies {
    std::uint32_t replicas = 3;
    gpu::least_loaded placement{};
    gpu::least_loaded target{};
    Admission admission{};
    gpu::fifo queueing{.patience = unlimited};
    previous_executor_first executor{};
    Migration migration{};
    Scaling scaling{};
    warm_on_each_host prewarming{};
    no_rebalancing rebalancing{};
    duration reclaim_after = unlimited;
};

/// NotebookOS.
struct notebookos_policies : basic_notebookos_policies<gpu::subscription_limit, random_victim> {
    explicit notebookos_policies(random_stream draws, notebookos_scaling::config scaling_config = {})
        : basic_notebookos_policies{.migration = random_victim{std::move(draws)},
                                    .scaling = notebookos_scaling{scaling_config}} {}
};
static_assert(cluster_policies<notebookos_policies>);

using notebookos_cluster = replicated_cluster<notebookos_policies>;
static_assert(cluster_scheduler<notebookos_cluster>);

} // namespace hpcsched::notebook

#endif
