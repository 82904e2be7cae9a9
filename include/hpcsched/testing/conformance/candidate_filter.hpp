// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_TESTING_CONFORMANCE_CANDIDATE_FILTER_HPP
#define HPCSCHED_TESTING_CONFORMANCE_CANDIDATE_FILTER_HPP

#include <hpcsched/fuse/candidate.hpp>
#include <hpcsched/fuse/filter.hpp>
#include <hpcsched/testing/fuse_views.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace hpcsched::testing {

/// Shows two equal filters the same candidates and outcomes and checks the rules of `fuse::candidate_filter`: they say
/// the same; before anything was learnt, something is admitted.
///
/// \return the first rule that was broken, with the seed; empty: none
template <fuse::candidate_filter Filter>
[[nodiscard]] std::vector<std::string> check_candidate_filter(std::function<Filter()> const& make,
                                                              std::uint64_t seeds = 20) {
    bool any_admitted = false;
    for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
        drawn_view shown{seed};
        Filter filter = make();
        Filter twin = make();
        for (std::size_t n = 0; n < 10; ++n) {
            auto const c = shown.candidate();
            bool const admitted = filter.admits(shown.view(), c);
            any_admitted = any_admitted || admitted;
            if (admitted != twin.admits(shown.view(), c)) {
                return {"seed " + std::to_string(seed) + ": two say different things of a new candidate"};
            }
        }
        for (std::size_t n = 0; n < 80; ++n) {
            auto const c = shown.candidate();
            auto const o = shown.outcome_of(c);
            if (filter.admits(shown.view(), c) != twin.admits(shown.view(), c)) {
                return {"seed " + std::to_string(seed) + ": two that learnt the same say different things"};
            }
            filter.learn(shown.view(), c, o);
            twin.learn(shown.view(), c, o);
        }
    }
    return any_admitted ? std::vector<std::string>{} : std::vector<std::string>{"it has admitted nothing"};
}

} // namespace hpcsched::testing

#endif
