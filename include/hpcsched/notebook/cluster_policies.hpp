// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_NOTEBOOK_CLUSTER_POLICIES_HPP
#define HPCSCHED_NOTEBOOK_CLUSTER_POLICIES_HPP

#include <hpcsched/core/assert.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/gpu/admission.hpp>
#include <hpcsched/gpu/placement.hpp>
#include <hpcsched/gpu/queueing.hpp>
#include <hpcsched/notebook/cluster_state.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <type_traits>
#include <utility>
#include <vector>

namespace hpcsched::notebook {

/// What a scaling policy wants.
struct scaling_decision {
    std::uint32_t add = 0;           ///< hosts to provision
    std::vector<gpu::host_id> drain; ///< hosts to empty and give back; each is up, and has nothing leased
};

/// In which order the replicas of a kernel are tried for a cell: `e.order(state, kernel, out)` appends their indices.
template <class E>
concept executor_choice =
    std::movable<E> && requires(E& e, cluster_state const& s, kernel_id k, std::vector<std::size_t>& out) {
        { e.order(s, k, out) } -> std::same_as<void>;
    };

/// Which replica gives up its place where one has to move: `m.victim(state, kernel)` is its index. The kernel has one
/// at least, and none of its cells runs.
template <class M>
concept migration_choice = std::movable<M> && requires(M& m, cluster_state const& s, kernel_id k) {
    { m.victim(s, k) } -> std::same_as<std::size_t>;
};

/// How many hosts there should be, and what is to be expected of kernels.
///
/// | expression              | effect                                                                          |
/// |-------------------------|---------------------------------------------------------------------------------|
/// | `a.decide(s, now)`      | what to change, at intervals, or after every event                              |
/// | `a.interval()`          | between two decisions, > 0                                                      |
/// | `a.after_every_event()` | whether to decide after every event too                                         |
/// | `a.hosts_at_start()`    | how many hosts to begin with                                                    |
/// | `a.may_grow(s)`         | whether hosts may be provisioned for a kernel that finds no place               |
/// | `a.submitted(s, k, now)`, `finished`, `closed` | tells it of a kernel's cells, before the state shows them   |
/// | `a.return_rate(s, k, now)` | how likely an idle kernel's next cell is, per second                         |
///
/// One that also has `a.foretell(s, now)`, a `gpu::room_forecast const*` or nullptr where nothing is new, is asked
/// before a kernel is placed and before a replica moves, where the admission or the migration takes forecasts, which is
/// to have `foresee(forecast)`: they are given what it says.
template <class A>
concept scaling_policy =
    std::movable<A> && requires(A& a, A const& c, cluster_state const& s, kernel_id k, time_point now) {
        { a.decide(s, now) } -> std::same_as<scaling_decision>;
        { c.interval() } -> std::same_as<duration>;
        { c.after_every_event() } -> std::same_as<bool>;
        { c.hosts_at_start() } -> std::same_as<std::uint32_t>;
        { c.may_grow(s) } -> std::same_as<bool>;
        { a.submitted(s, k, now) } -> std::same_as<void>;
        { a.finished(s, k, now) } -> std::same_as<void>;
        { a.closed(s, k, now) } -> std::same_as<void>;
        { c.return_rate(s, k, now) } -> std::same_as<double>;
    };

/// How many containers wait on a host for replicas to come: `p.wanted(state, host)`. It is told of each replica that
/// starts, `p.started(now)`.
template <class P>
concept prewarming_policy =
    std::movable<P> && requires(P& p, P const& c, cluster_state const& s, gpu::host_id h, time_point now) {
        { c.wanted(s, h) } -> std::same_as<std::uint32_t>;
        { p.started(now) } -> std::same_as<void>;
    };

/// Whether idle kernels move ahead of their next cell: how many at one time, 0 for never; on how many of its hosts one
/// should be able to run, 1 .. replicas; and which share of the cells that are to be expected is cared for, 0 .. 1: the
/// kernels that are the least likely to come back are left where they are.
template <class R>
concept rebalancing_policy = std::movable<R> && requires(R const& r) {
    { r.moves_at_once() } -> std::same_as<std::uint32_t>;
    { r.places() } -> std::same_as<std::uint32_t>;
    { r.coverage() } -> std::same_as<double>;
};

/// The policies of a `replicated_cluster`, as a plain struct.
///
/// Two things are optional. Where `p.hosts_stay` is true, a kernel that is not admitted waits until others go, however
/// long, and where there are too few hosts it begins with a majority of its replicas; else it is let in where no host
/// can be provisioned for it, and begins with all of them. And an admission with `sample(demand,
/// busy)` or `observe(kernel, leased, of)` is told, at the intervals of the scaling policy and before a kernel is
/// placed.
template <class P>
concept cluster_policies = std::movable<P> && requires(P& p) {
    requires std::convertible_to<decltype(p.replicas), std::uint32_t>;          // of each kernel, >= 1
    requires gpu::placement_policy<std::remove_cvref_t<decltype(p.placement)>>; // where replicas live
    requires gpu::placement_policy<std::remove_cvref_t<decltype(p.target)>>; // where a replica moves that must run now
    requires gpu::admission_policy<std::remove_cvref_t<decltype(p.admission)>>;
    requires gpu::queueing_policy<std::remove_cvref_t<decltype(p.queueing)>>; // which of the cells that wait runs next
    requires executor_choice<std::remove_cvref_t<decltype(p.executor)>>;
    requires migration_choice<std::remove_cvref_t<decltype(p.migration)>>;
    requires scaling_policy<std::remove_cvref_t<decltype(p.scaling)>>;
    requires prewarming_policy<std::remove_cvref_t<decltype(p.prewarming)>>;
    requires rebalancing_policy<std::remove_cvref_t<decltype(p.rebalancing)>>;
    requires std::convertible_to<decltype(p.reclaim_after),
                                 duration>; // idle for so long, a kernel keeps its state only
};

/// Appends the indices of a kernel's replicas to `out`, in ascending order of `key(load of the host, is_previous)`;
/// equals in the order of replicas. `is_previous` is of the executor of the last cell.
template <class Key>
void order_replicas(cluster_state const& s, kernel_id k, std::vector<std::size_t>& out, Key key) {
    kernel_state const& kernel = s.kernel(k);
    auto const rank = [&](std::size_t i) {
        replica const& r = kernel.replicas[i];
        return std::pair{key(s.ledger().load(r.host), kernel.leases_made > 0 && r.id == kernel.executor), i};
    };
    for (std::size_t i = 0; i < kernel.replicas.size(); ++i) {
        out.push_back(i);
    }
    std::sort(out.begin(), out.end(), [&](std::size_t a, std::size_t b) { return rank(a) < rank(b); });
}

// --- simple models --------------------------------------------------------------------------------------------

/// The executor of the last cell first, then by idle devices of their hosts, most first.
/// \source NotebookOS's prototype, routing of an execute_request
struct previous_executor_first {
    static void order(cluster_state const& s, kernel_id k, std::vector<std::size_t>& out) {
        order_replicas(s, k, out, [](gpu::host_load const& h, bool is_previous) {
            return std::pair{is_previous ? 0 : 1, -static_cast<int>(h.free_count)};
        });
    }
};

/// The replica whose host has the fewest devices free: it is of the least use. Among equals the first.
struct least_useful_victim {
    [[nodiscard]] static std::size_t victim(cluster_state const& s, kernel_id k) {
        auto const& replicas = s.kernel(k).replicas;
        auto const worst = std::min_element(replicas.begin(), replicas.end(), [&](replica const& a, replica const& b) {
            return s.ledger().load(a.host).free_count < s.ledger().load(b.host).free_count;
        });
        return static_cast<std::size_t>(worst - replicas.begin());
    }
};

/// As many hosts as there are, all the time: none is asked for but one in place of each that is lost. With 0, hosts
/// come by themselves.
struct no_scaling {
    std::uint32_t hosts = 0;

    [[nodiscard]] scaling_decision decide(cluster_state const& s, time_point) const {
        std::uint32_t const there = s.up_count() + s.provisioning_count();
        return {.add = hosts - std::min(hosts, there), .drain = {}};
    }
    [[nodiscard]] static duration interval() noexcept { return std::chrono::minutes{1}; }
    [[nodiscard]] static bool after_every_event() noexcept { return false; }
    [[nodiscard]] std::uint32_t hosts_at_start() const noexcept { return hosts; }
    [[nodiscard]] static bool may_grow(cluster_state const&) noexcept { return false; }
    static void submitted(cluster_state const&, kernel_id, time_point) noexcept {}
    static void finished(cluster_state const&, kernel_id, time_point) noexcept {}
    static void closed(cluster_state const&, kernel_id, time_point) noexcept {}
    [[nodiscard]] static double return_rate(cluster_state const&, kernel_id, time_point) noexcept { return 0; }
};

/// No kernel moves before its cell comes.
struct no_rebalancing {
    [[nodiscard]] static std::uint32_t moves_at_once() noexcept { return 0; }
    [[nodiscard]] static std::uint32_t places() noexcept { return 0; }
    [[nodiscard]] static double coverage() noexcept { return 0; }
};

/// Idle kernels are moved ahead of their next cell, a few at a time.
struct rebalance_ahead {
    std::uint32_t at_once = 32;
    std::uint32_t places_wanted = 1;
    double covered = 0.97;

    [[nodiscard]] std::uint32_t moves_at_once() const noexcept { return at_once; }
    [[nodiscard]] std::uint32_t places() const noexcept { return places_wanted; }
    [[nodiscard]] double coverage() const noexcept { return covered; }
};

/// So many containers wait on every host.
/// \source NotebookOS, `maintain_minimum_capacity`: 3 on each host in its deployment
struct warm_on_each_host {
    std::uint32_t count = 3;

    [[nodiscard]] std::uint32_t wanted(cluster_state const& s, gpu::host_id h) const noexcept {
        return s.host(h).phase == host_phase::up ? count : 0;
    }
    static void started(time_point) noexcept {}
};

/// So many containers wait in all, spread evenly over the hosts.
/// \source NotebookOS, `fixed_capacity`
struct warm_in_all {
    std::uint32_t count = 12;

    [[nodiscard]] std::uint32_t wanted(cluster_state const& s, gpu::host_id h) const noexcept {
        std::uint32_t const hosts = std::max(1U, s.up_count());
        return s.host(h).phase == host_phase::up ? (count + hosts - 1) / hosts : 0;
    }
    static void started(time_point) noexcept {}
};

/// As many as are used while one more starts, by Little's law: ceil(rate x time), spread evenly over the hosts. The
/// rate is that of the last `window` of starts.
/// \source NotebookOS, `little_law_capacity`: ceil(lambda W)
class warm_by_littles_law {
  public:
    struct config {
        duration start = std::chrono::seconds{15};  ///< W: how long a container takes to start
        duration window = std::chrono::minutes{10}; ///< over which starts are counted, > 0
        std::uint32_t least = 1;                    ///< in all
    };

    warm_by_littles_law() : warm_by_littles_law{config{}} {}
    explicit warm_by_littles_law(config c) : config_{c} { HPCSCHED_ASSERT(c.window > duration{0}); }

    void started(time_point now) {
        starts_.push_back(now);
        while (now - starts_.front() > config_.window) {
            starts_.pop_front();
        }
    }

    /// Containers in all.
    [[nodiscard]] std::uint32_t target() const noexcept {
        double const at_once =
            static_cast<double>(starts_.size()) * to_seconds(config_.start) / to_seconds(config_.window);
        return std::max(config_.least, static_cast<std::uint32_t>(std::ceil(at_once)));
    }
    [[nodiscard]] std::uint32_t wanted(cluster_state const& s, gpu::host_id h) const noexcept {
        std::uint32_t const hosts = std::max(1U, s.up_count());
        return s.host(h).phase == host_phase::up ? (target() + hosts - 1) / hosts : 0;
    }

  private:
    config config_;
    std::deque<time_point> starts_; // within the window, oldest first
};

/// Nothing waits.
struct no_prewarming {
    [[nodiscard]] static std::uint32_t wanted(cluster_state const&, gpu::host_id) noexcept { return 0; }
    static void started(time_point) noexcept {}
};

} // namespace hpcsched::notebook

#endif
