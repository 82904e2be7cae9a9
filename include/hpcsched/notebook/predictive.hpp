// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_NOTEBOOK_PREDICTIVE_HPP
#define HPCSCHED_NOTEBOOK_PREDICTIVE_HPP

#include <hpcsched/core/assert.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/gpu/admission.hpp>
#include <hpcsched/gpu/placement.hpp>
#include <hpcsched/notebook/cluster_policies.hpp>
#include <hpcsched/notebook/octave_hazard.hpp>
#include <hpcsched/notebook/replicated_cluster.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace hpcsched::notebook {

/// What is believed of users before much was seen: how likely one that has been idle executes the next cell, per
/// second.
namespace return_prior {

/// As in the month of Adobe's sessions that NotebookOS was measured with.
/// \source gaps from one cell's end to the next cell: half within 3 minutes, 75 % within 7, 90 % within 35; beyond that
///         an assumption, half within ten hours
[[nodiscard]] inline double after_a_cell(duration idle) noexcept {
    double const minutes = to_seconds(idle) / 60;
    return minutes < 3 ? 3.9e-3 : minutes < 7 ? 2.9e-3 : minutes < 35 ? 5.5e-4 : 1.9e-5;
}
/// From a session's opening to its first cell: an assumption, half within twenty minutes, the rest as above.
[[nodiscard]] inline double before_any(duration idle) noexcept {
    return to_seconds(idle) < 35 * 60 ? 5.5e-4 : 1.9e-5;
}

} // namespace return_prior

/// How likely an idle kernel executes its next cell, learned from all kernels: users who have just seen a result come
/// back soon, those who went away do not.
[[nodiscard]] inline octave_hazard return_hazard(octave_hazard::prior before = &return_prior::after_a_cell) noexcept {
    return {before, std::chrono::seconds{15}};
}

/// How many requests of each size room is to be kept for, so that of those that come the stated share finds room.
///
/// Requests of each size come as a Poisson process. Room for one more of a size is bought where it saves the most
/// misses for its devices, until the expected misses are at most `1 - level` of the requests that are expected.
///
/// \param means  expected requests within the horizon, by size; shape [largest size + 1], the first not used
/// \param out    by size; of the same shape
/// \complexity O(sizes x requests that room is kept for)
inline void keep_room_for(std::span<double const> means, double level, std::vector<std::uint32_t>& out) {
    struct kind {
        double at_most; // P(at most as many come as room is kept for)
        double term;    // P(exactly so many)
    };
    out.assign(means.size(), 0);
    std::vector<kind> kinds(means.size());
    double misses = 0;
    for (std::size_t size = 1; size < means.size(); ++size) {
        kinds[size].term = kinds[size].at_most = std::exp(-means[size]);
        misses += means[size];
    }
    double const allowed = (1 - level) * misses;
    // The rooms are few where a Poisson process is a fair model; the bound is for means that are none.
    for (std::uint32_t bought = 0; misses > allowed && bought < 100'000; ++bought) {
        std::size_t best = 0;
        double most = 0;
        for (std::size_t size = 1; size < means.size(); ++size) {
            double const saved = 1 - kinds[size].at_most; // P(more come than room is kept for)
            if (means[size] > 0 && saved / static_cast<double>(size) > most) {
                most = saved / static_cast<double>(size);
                best = size;
            }
        }
        if (best == 0) {
            return;
        }
        misses -= 1 - kinds[best].at_most;
        ++out[best];
        kinds[best].term *= means[best] / out[best];
        kinds[best].at_most += kinds[best].term;
    }
}

/// What is expected of users, all of them alike: how soon they come back goes by how long they have been idle.
///
/// The users of a `basic_predictive_scaling` are told of cells as a scaling policy is, and answer how soon an idle
/// kernel's next cell comes (`return_rate`, per second) and whether a host that nothing has needed for some time may be
/// given back (`may_do_without`).
class users_alike {
  public:
    struct config {
        duration patience = std::chrono::minutes{4}; ///< a host must be needless for so long before it is given back
    };

    users_alike() : users_alike{config{}} {}
    explicit users_alike(config c) : config_{c} {}

    void submitted(cluster_state const& s, kernel_id k, time_point now) {
        kernel_state const& kernel = s.kernel(k);
        hazard_of(kernel).ended(now - kernel.idle_since);
    }
    static void finished(cluster_state const&, kernel_id, time_point) noexcept {}
    void closed(cluster_state const& s, kernel_id k, time_point now) {
        kernel_state const& kernel = s.kernel(k);
        if (kernel.idle()) {
            hazard_of(kernel).lost_sight(now - kernel.idle_since);
        }
    }
    /// Before rates are asked for.
    void look(cluster_state const& s, time_point now) {
        if (now < next_count_) {
            return;
        }
        next_count_ = now + std::chrono::minutes{5};
        for (octave_hazard& h : hazards_) {
            h.forget_lasting();
        }
        for (kernel_state const& k : s.kernels()) {
            if (k.idle()) {
                hazard_of(k).still_lasts(now - k.idle_since);
            }
        }
    }
    [[nodiscard]] double return_rate(cluster_state const& s, kernel_id k, time_point now) const {
        kernel_state const& kernel = s.kernel(k);
        return hazards_[kernel.leases_made > 0 ? 1 : 0].rate(now - kernel.idle_since);
    }
    /// \param needless  for how long the host was not needed
    [[nodiscard]] bool may_do_without(cluster_state const&, duration needless, time_point) const noexcept {
        return needless >= config_.patience;
    }

  private:
    // A kernel's first cell and its later ones come differently.
    octave_hazard& hazard_of(kernel_state const& k) noexcept { return hazards_[k.leases_made > 0 ? 1 : 0]; }

    config config_;
    std::array<octave_hazard, 2> hazards_{return_hazard(&return_prior::before_any),
                                          return_hazard()}; // of first cells, later ones
    time_point next_count_{};
};

/// As many hosts as hold what runs and what is likely to come before another host could be there, and no more.
///
/// For each size of request, the cells that are to be expected within the horizon follow from how long each idle kernel
/// has been idle (`octave_hazard`); room is kept for so many that the stated share of them finds some. That room is
/// looked for in the devices that are free, the largest requests first, each where the fewest are left; hosts are
/// provisioned for what finds none, and hosts that nothing needs any more are given back.
///
/// \complexity O(kernels + hosts log hosts) a decision
template <class Users>
class basic_predictive_scaling {
  public:
    struct config {
        double level = 0.9;                          ///< of the cells that come, how many are to find room, 0 .. 1
        duration horizon = std::chrono::seconds{15}; ///< how long a host takes to come
        std::uint32_t hosts_min = 3;                 ///< as many as a kernel has replicas
        duration interval = std::chrono::seconds{30};
    };

    basic_predictive_scaling() : basic_predictive_scaling{config{}} {}
    explicit basic_predictive_scaling(config c, Users users = {}) : config_{c}, users_{std::move(users)} {
        HPCSCHED_ASSERT(c.interval > duration{0});
    }

    [[nodiscard]] scaling_decision decide(cluster_state const& s, time_point now) {
        scaling_decision d;
        expect(s, now);
        auto const loads = s.ledger().loads();
        needless_since_.resize(std::max(needless_since_.size(), loads.size()), never);
        free_.clear();
        for (gpu::host_load const& h : loads) {
            if (h.takes_leases) {
                free_.push_back({h.free_count, h.host, false, h.free_count == h.device_count});
            }
        }
        for (std::uint32_t i = 0; i < s.provisioning_count(); ++i) {
            free_.push_back({s.host_devices(), gpu::host_id{gpu::host_count_max}, false, false});
        }
        std::uint32_t fresh = 0; // hosts that would have to be added
        for (std::size_t size = wanted_.size(); size-- > 1;) {
            for (std::uint32_t n = 0; n < wanted_[size]; ++n) {
                take(static_cast<std::uint32_t>(size), s.host_devices(), fresh);
            }
        }
        std::uint32_t const hosts = s.up_count() + s.provisioning_count();
        d.add = std::max(fresh, hosts < config_.hosts_min ? config_.hosts_min - hosts : 0U);
        if (d.add > 0) {
            return d;
        }
        std::uint32_t surplus = hosts - config_.hosts_min;
        for (slot const& f : free_) {
            if (f.host.value == gpu::host_count_max) {
                continue;
            }
            time_point& since = needless_since_[f.host.value];
            if (f.used || !f.vacant) {
                since = never;
            } else if (since == never) {
                since = now;
            } else if (surplus > 0 && quiet(s, f.host) && users_.may_do_without(s, now - since, now)) {
                d.drain.push_back(f.host);
                since = never;
                --surplus;
            }
        }
        return d;
    }

    [[nodiscard]] duration interval() const noexcept { return config_.interval; }
    [[nodiscard]] static bool after_every_event() noexcept { return true; }
    [[nodiscard]] std::uint32_t hosts_at_start() const noexcept { return config_.hosts_min; }
    [[nodiscard]] static bool may_grow(cluster_state const&) noexcept { return true; }

    void submitted(cluster_state const& s, kernel_id k, time_point now) { users_.submitted(s, k, now); }
    void finished(cluster_state const& s, kernel_id k, time_point now) { users_.finished(s, k, now); }
    void closed(cluster_state const& s, kernel_id k, time_point now) { users_.closed(s, k, now); }
    [[nodiscard]] double return_rate(cluster_state const& s, kernel_id k, time_point now) const {
        return users_.return_rate(s, k, now);
    }
    /// What the users say, where they foretell anything.
    [[nodiscard]] auto foretell(cluster_state const& s, time_point now)
        requires requires(Users& u) { u.foretell(s, now); }
    {
        return users_.foretell(s, now);
    }

  private:
    struct slot {
        std::uint32_t free;
        gpu::host_id host;
        bool used;
        bool vacant; // nothing is leased there
    };

    // How many requests of each size room is to be kept for.
    void expect(cluster_state const& s, time_point now) {
        users_.look(s, now);
        rates_.assign(s.host_devices() + std::size_t{1}, 0);
        auto const kernels = s.kernels();
        for (std::uint32_t i = 0; i < kernels.size(); ++i) {
            if (kernels[i].idle()) {
                rates_[std::min(kernels[i].gpus, s.host_devices())] += return_rate(s, kernel_id{i}, now);
            }
        }
        for (double& rate : rates_) {
            rate *= to_seconds(config_.horizon);
        }
        keep_room_for(rates_, config_.level, wanted_);
    }

    void take(std::uint32_t size, std::uint32_t devices, std::uint32_t& fresh) {
        slot* best = nullptr;
        for (slot& f : free_) {
            if (f.free >= size &&
                (best == nullptr || f.free < best->free || (f.free == best->free && f.used && !best->used))) {
                best = &f;
            }
        }
        if (best == nullptr) {
            ++fresh;
            free_.push_back({devices, gpu::host_id{gpu::host_count_max}, false, false});
            best = &free_.back();
        }
        best->free -= size;
        best->used = true;
    }

    // No cell waits for a replica there.
    static bool quiet(cluster_state const& s, gpu::host_id h) {
        auto const& members = s.host(h).members;
        return std::none_of(members.begin(), members.end(),
                            [&](kernel_id k) { return s.kernel(k).move && s.kernel(k).move->for_cell; });
    }

    config config_;
    Users users_;
    std::vector<double> rates_;         // cells to be expected within the horizon, by size
    std::vector<std::uint32_t> wanted_; // by size
    std::vector<slot> free_;
    std::vector<time_point> needless_since_; // by host
};

using predictive_scaling = basic_predictive_scaling<users_alike>;

/// Where the fewest devices are left over; among equals the executor of the last cell.
struct tightest_first {
    static void order(cluster_state const& s, kernel_id k, std::vector<std::size_t>& out) {
        order_replicas(s, k, out, [](gpu::host_load const& h, bool is_previous) {
            return std::pair{h.free_count, is_previous ? 0 : 1};
        });
    }
};

/// At most so many replicas on a host: each is a process that holds memory.
struct member_limit {
    std::uint32_t members = 64;

    [[nodiscard]] bool admits_host(gpu::ledger const& from, gpu::host_id h, gpu::device_request const&) const {
        return from.load(h).member_count < members;
    }
    [[nodiscard]] static bool admits_group(gpu::ledger const&, std::span<gpu::host_id const>,
                                           gpu::device_request const&) noexcept {
        return true;
    }
};

/// This library's own: replicas are kept where their next cell could run, cells fill hosts up, and the cluster is as
/// large as what runs and what is about to come.
template <class Users, gpu::admission_policy Admission = member_limit, migration_choice Migration = least_useful_victim>
struct basic_predictive_policies {
    std::uint32_t replicas = 3;
    gpu::spread placement{};
    gpu::pack target{};
    Admission admission{};
    gpu::fifo queueing{.patience = unlimited};
    tightest_first executor{};
    Migration migration{};
    basic_predictive_scaling<Users> scaling{};
    warm_on_each_host prewarming{};
    rebalance_ahead rebalancing{};
    duration reclaim_after = unlimited;
};
using predictive_policies = basic_predictive_policies<users_alike>;
static_assert(cluster_policies<predictive_policies>);

using predictive_cluster = replicated_cluster<predictive_policies>;
static_assert(cluster_scheduler<predictive_cluster>);

} // namespace hpcsched::notebook

#endif
