// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_TESTING_CONFORMANCE_STOPPING_POLICY_HPP
#define HPCSCHED_TESTING_CONFORMANCE_STOPPING_POLICY_HPP

#include <hpcsched/fuse/candidate.hpp>
#include <hpcsched/fuse/stopping.hpp>
#include <hpcsched/testing/fuse_views.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

namespace hpcsched::testing {

/// Leads trainings with curves of all sorts through a policy and checks the rules of `fuse::stopping_policy`: it says
/// the same of the same curve; where it trains on, it is for longer than before; what it abandons or concludes was
/// checked.
///
/// \return the first rule that was broken, with the seed; empty: none
template <fuse::stopping_policy Stopping>
[[nodiscard]] std::vector<std::string> check_stopping_policy(std::function<Stopping()> const& make,
                                                             std::uint64_t seeds = 20) {
    using kind = fuse::training_step::kind;
    for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
        std::string const place = "seed " + std::to_string(seed) + ": ";
        drawn_view shown{seed, 2};
        Stopping policy = make();
        for (std::size_t n = 0; n < 30; ++n) {
            auto const c = shown.candidate();
            std::vector<fuse::curve_point> curve;
            double const floor = shown.bits().fraction() * 0.1;
            double const first = shown.bits().fraction() * 0.5;
            double const pace = 1 + 10 * shown.bits().fraction();
            double const scatter = shown.bits().below(2) == 0 ? 0 : 0.02;
            for (;;) {
                auto const step = policy.next(shown.view(), c, curve);
                if (step != policy.next(shown.view(), c, curve)) {
                    return {place + "it says two things of one curve"};
                }
                if (step.what != kind::train) {
                    if (curve.empty()) {
                        return {place + "it gives up what it has not looked at"};
                    }
                    break;
                }
                if (!curve.empty() && step.until <= curve.back().epoch) {
                    return {place + "it trains on until an epoch that has been"};
                }
                if (step.until >= 20) {
                    break;
                }
                double const drop = floor + first * std::exp(-static_cast<double>(step.until) / pace);
                curve.push_back({step.until, drop + scatter * (shown.bits().fraction() - 0.5)});
            }
            policy.learn(shown.view(), c, curve, shown.outcome_of(c));
        }
    }
    return {};
}

} // namespace hpcsched::testing

#endif
