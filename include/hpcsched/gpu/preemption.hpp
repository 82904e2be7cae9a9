// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_GPU_PREEMPTION_HPP
#define HPCSCHED_GPU_PREEMPTION_HPP

#include <hpcsched/core/time.hpp>
#include <hpcsched/gpu/lease.hpp>
#include <hpcsched/gpu/queueing.hpp>

#include <chrono>
#include <concepts>

namespace hpcsched::gpu {

namespace detail {

/// Part of preemption_policy: says whether a lease may end for a want.
template <class P>
concept judges_leases = requires(P const& p, lease const& l, waiting_want const& w, time_point now) {
    { p.may_take(l, w, now) } noexcept -> std::same_as<bool>;
};
/// Part of preemption_policy: says from when on it may.
template <class P>
concept foretells_preemption = requires(P const& p, lease const& l, waiting_want const& w) {
    { p.earliest(l, w) } noexcept -> std::same_as<time_point>;
};

} // namespace detail

/// Whether a lease may be taken away for somebody who waits.
///
/// For a policy `p`, a lease `l`, a want `w` that waits and the time `now`:
///
/// | expression               | effect                                                                        |
/// |--------------------------|-------------------------------------------------------------------------------|
/// | `p.may_take(l, w, now)`  | whether `l` may end for `w` now                                               |
/// | `p.earliest(l, w)`       | when `may_take` will first be true if nothing else changes; `never`: at no time |
///
/// Semantics (not checked by the compiler):
/// 1. Deterministic; changes nothing.
/// 2. `may_take(l, w, now)` is true exactly from `earliest(l, w)` on.
/// 3. Of two owners at most one may ever take the other's leases, or they would take turns for ever.
///
/// Minimal model: hpcsched/testing/archetypes/preemption_policy.hpp.
/// Conformance: hpcsched/testing/conformance/preemption_policy.hpp.
template <class P>
concept preemption_policy = std::movable<P> && detail::judges_leases<P> && detail::foretells_preemption<P>;

/// Nobody is interrupted.
struct no_preemption {
    [[nodiscard]] static bool may_take(lease const&, waiting_want const&, time_point) noexcept { return false; }
    [[nodiscard]] static time_point earliest(lease const&, waiting_want const&) noexcept { return never; }
};

/// A lease of lower priority may be taken once it has run for `minimum`.
struct minimum_run {
    duration minimum = std::chrono::minutes{1};

    [[nodiscard]] bool may_take(lease const& l, waiting_want const& w, time_point now) const noexcept {
        return now >= earliest(l, w);
    }
    [[nodiscard]] time_point earliest(lease const& l, waiting_want const& w) const noexcept {
        return l.priority < w.what.priority ? saturating_add(l.granted, minimum) : never;
    }
};

static_assert(preemption_policy<no_preemption> && preemption_policy<minimum_run>);

} // namespace hpcsched::gpu

#endif
