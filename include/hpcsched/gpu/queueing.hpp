// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_GPU_QUEUEING_HPP
#define HPCSCHED_GPU_QUEUEING_HPP

#include <hpcsched/core/assert.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/gpu/lease.hpp>

#include <algorithm>
#include <chrono>
#include <compare>
#include <concepts>
#include <cstdint>
#include <map>
#include <utility>
#include <vector>

namespace hpcsched::gpu {

/// Somebody who wants a lease.
struct lease_want {
    std::uint64_t owner = 0;    ///< see lease
    std::uint64_t sequence = 0; ///< see lease
    device_request request{};
    std::vector<host_id> hosts{};    ///< where it may run, the best first; empty: anywhere
    std::vector<host_id> resident{}; ///< where it would find its data already
    std::int32_t priority = 0;       ///< larger is more urgent
    std::uint32_t tenant = 0;        ///< whose quota it counts against
    duration expected_run{};         ///< how long it will keep the lease, as far as is known; 0: not known
    duration length = unlimited;     ///< of the lease, until it is renewed

    friend bool operator==(lease_want const&, lease_want const&) = default;
};

/// A want that waits.
struct waiting_want {
    lease_want what;
    time_point since{};
    std::uint64_t number = 0; ///< in order of arrival
};

/// What each tenant has leased at the moment, in thousandths of devices; one that is not named has nothing.
using tenant_usage = std::map<std::uint32_t, std::int64_t>;

/// A place in a queue: the smaller group first, in it the smaller key, then who came first.
struct queue_rank {
    std::int64_t group = 0;
    std::int64_t key = 0;

    friend constexpr auto operator<=>(queue_rank const&, queue_rank const&) = default;
};

namespace detail {

/// Part of queueing_policy: gives each want its place.
template <class Q>
concept ranks_wants = requires(Q const& q, waiting_want const& w, time_point now, tenant_usage const& u) {
    { q.rank(w, now, u) } noexcept -> std::same_as<queue_rank>;
};
/// Part of queueing_policy: says whether others may pass one that cannot be served.
template <class Q>
concept holds_others_up = requires(Q const& q, waiting_want const& w, time_point now) {
    { q.holds_up(w, now) } noexcept -> std::same_as<bool>;
};

} // namespace detail

/// Who is served next of those that wait.
///
/// For a policy `q`, a want `w` that waits, the time `now` and the tenants' usage `u`:
///
/// | expression           | effect                                                                              |
/// |----------------------|-------------------------------------------------------------------------------------|
/// | `q.rank(w, now, u)`  | its place                                                                           |
/// | `q.holds_up(w, now)` | whether w, which cannot be served now, holds up those behind it; else they may pass |
///
/// Semantics (not checked by the compiler):
/// 1. Deterministic; changes nothing.
/// 2. Among equal ranks the one that came first goes first.
/// 3. The more urgent of two wants that differ in nothing else has no larger rank.
/// 4. Who holds others up does so until it is served.
///
/// A policy whose ranks do not follow from `u` may say so by a member `static constexpr bool ignores_usage = true`; it
/// may then be given no usage.
///
/// Minimal model: hpcsched/testing/archetypes/queueing_policy.hpp.
/// Conformance: hpcsched/testing/conformance/queueing_policy.hpp.
template <class Q>
concept queueing_policy = std::movable<Q> && detail::ranks_wants<Q> && detail::holds_others_up<Q>;

/// Whether a queueing policy has to be told what tenants have leased.
template <queueing_policy Q>
inline constexpr bool goes_by_usage = !requires { requires Q::ignores_usage; };

/// In order of priority, then of arrival. Nobody passes who comes later, so a large request is not starved by small
/// ones; or smaller ones pass, as long as it has not waited for `patience`.
struct fifo {
    duration patience{}; ///< 0: nobody ever passes; `unlimited`: whoever fits does

    static constexpr bool ignores_usage = true;
    [[nodiscard]] static queue_rank rank(waiting_want const& w, time_point, tenant_usage const&) noexcept {
        return {-std::int64_t{w.what.priority}, 0};
    }
    [[nodiscard]] bool holds_up(waiting_want const& w, time_point now) const noexcept {
        return now - w.since >= patience;
    }
};

/// The shortest expected run first; those whose run is not known come last. Others pass who does not fit.
struct shortest_first {
    static constexpr bool ignores_usage = true;
    [[nodiscard]] static queue_rank rank(waiting_want const& w, time_point, tenant_usage const&) noexcept {
        bool const known = w.what.expected_run > duration{0};
        return {-std::int64_t{w.what.priority}, known ? w.what.expected_run.count() : unlimited.count()};
    }
    [[nodiscard]] static bool holds_up(waiting_want const&, time_point) noexcept { return false; }
};

/// The largest ratio of waiting to expected run first: of two that have waited as long the shorter, and who has waited
/// for long goes before every one that has just come. Those behind pass one that does not fit, as long as it has not
/// waited for `patience`: without a limit small requests starve a large one, which never comes to fit.
/// \source highest response ratio next: Brinch Hansen, "An analysis of response ratio scheduling", IFIP Congress 1971
struct aged {
    duration unknown_run = std::chrono::minutes{2}; ///< counted where no run is expected
    duration patience = unlimited;

    static constexpr bool ignores_usage = true;
    [[nodiscard]] queue_rank rank(waiting_want const& w, time_point now, tenant_usage const&) const noexcept {
        duration const run = w.what.expected_run > duration{0} ? w.what.expected_run : unknown_run;
        // Thousandths of the response ratio; a run below a microsecond counts as one.
        std::int64_t const unit = run.count() / 1000 > 0 ? run.count() / 1000 : 1;
        return {-std::int64_t{w.what.priority}, -((now - w.since).count() / unit)};
    }
    [[nodiscard]] bool holds_up(waiting_want const& w, time_point now) const noexcept {
        return now - w.since >= patience;
    }
};

/// Tenants that would stay within their quota come before the others; among either the one that uses the smallest part
/// of its quota, then who came first. Priority does not count. Those behind pass one that does not fit, as long as it
/// has not waited for the patience.
///
/// With one kind of resource that is fair sharing by dominant resource.
/// \source Ghodsi et al., "Dominant Resource Fairness", NSDI 2011, for one resource; quota and use beyond it as in
///         KAI-Scheduler's queues
class fair_share {
  public:
    /// \param quota          thousandths of devices of each tenant, >= 0; 0: only what others leave
    /// \param default_quota  of a tenant not named there, >= 0
    explicit fair_share(std::map<std::uint32_t, std::int64_t> quota, std::int64_t default_quota = whole_device,
                        duration patience = unlimited)
        : quota_{std::move(quota)}, default_quota_{default_quota}, patience_{patience} {
        HPCSCHED_ASSERT(default_quota >= 0);
        HPCSCHED_ASSERT(std::all_of(quota_.begin(), quota_.end(), [](auto const& q) { return q.second >= 0; }));
    }

    [[nodiscard]] queue_rank rank(waiting_want const& w, time_point, tenant_usage const& usage) const noexcept {
        auto const named = quota_.find(w.what.tenant);
        std::int64_t const quota = named == quota_.end() ? default_quota_ : named->second;
        auto const used = usage.find(w.what.tenant);
        std::int64_t const leased = used == usage.end() ? 0 : used->second;
        std::int64_t const after = leased + w.what.request.subscription().gpu_milli;
        return {after > quota ? 1 : 0, leased * 1'000'000 / std::max<std::int64_t>(quota, 1)};
    }
    [[nodiscard]] bool holds_up(waiting_want const& w, time_point now) const noexcept {
        return now - w.since >= patience_;
    }

  private:
    std::map<std::uint32_t, std::int64_t> quota_;
    std::int64_t default_quota_;
    duration patience_;
};

static_assert(queueing_policy<fifo> && queueing_policy<shortest_first> && queueing_policy<aged> &&
              queueing_policy<fair_share>);

} // namespace hpcsched::gpu

#endif
