// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_TESTING_CONFORMANCE_PREEMPTION_POLICY_HPP
#define HPCSCHED_TESTING_CONFORMANCE_PREEMPTION_POLICY_HPP

#include <hpcsched/core/time.hpp>
#include <hpcsched/gpu/lease.hpp>
#include <hpcsched/gpu/preemption.hpp>
#include <hpcsched/gpu/queueing.hpp>
#include <hpcsched/testing/conformance/queueing_policy.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace hpcsched::testing {

/// Asks a policy about drawn leases and wants and checks the rules of `gpu::preemption_policy`:
///
/// * it says the same of the same lease, want and time;
/// * a lease may be taken exactly from `earliest` on, and at no time where that is `never`;
/// * of two owners, each with a lease and a want like it, at most one may ever take the other's.
///
/// \return the first rule that was broken, with the seed; empty: none
template <gpu::preemption_policy Policy>
[[nodiscard]] std::vector<std::string> check_preemption_policy(Policy const& policy, std::uint64_t seeds = 200) {
    auto const held = [](gpu::waiting_want const& w) {
        gpu::lease l;
        l.owner = w.what.owner;
        l.request = w.what.request;
        l.priority = w.what.priority;
        l.granted = w.since;
        l.expiry = never;
        return l;
    };
    for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
        detail::want_draws draws{seed};
        std::string const place = "seed " + std::to_string(seed) + ": ";
        time_point const now{draws.length() / 2};
        for (int n = 0; n < 50; ++n) {
            gpu::waiting_want const w = draws.want(now);
            gpu::waiting_want const other = draws.want(now);
            gpu::lease const l = held(other);
            time_point const earliest = policy.earliest(l, w);
            if (policy.earliest(l, w) != earliest || policy.may_take(l, w, now) != policy.may_take(l, w, now)) {
                return {place + "it says two things of one lease and want"};
            }
            if (policy.may_take(l, w, now) != (now >= earliest)) {
                return {place + "it may take a lease before the earliest time, or may not after it"};
            }
            if (earliest != never &&
                (policy.may_take(l, w, earliest - duration{1}) || !policy.may_take(l, w, earliest))) {
                return {place + "the earliest time is not the first"};
            }
            if (earliest != never && policy.earliest(held(w), other) != never) {
                return {place + "two owners may take each other's leases"};
            }
        }
    }
    return {};
}

} // namespace hpcsched::testing

#endif
