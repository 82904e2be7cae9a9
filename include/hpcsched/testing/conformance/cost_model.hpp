// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_TESTING_CONFORMANCE_COST_MODEL_HPP
#define HPCSCHED_TESTING_CONFORMANCE_COST_MODEL_HPP

#include <hpcsched/core/time.hpp>
#include <hpcsched/fuse/cost_model.hpp>
#include <hpcsched/testing/fuse_views.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace hpcsched::testing {

/// Asks a model about drawn graphs, tells it what they take, and checks the rules of `fuse::cost_model`: no latency is
/// below 0; two that learnt the same say the same, and each says it twice.
///
/// \return the first rule that was broken, with the seed; empty: none
template <fuse::cost_model Cost>
[[nodiscard]] std::vector<std::string> check_cost_model(std::function<Cost()> const& make, std::uint64_t seeds = 20) {
    for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
        std::string const place = "seed " + std::to_string(seed) + ": ";
        drawn_view shown{seed, 2};
        Cost model = make();
        Cost twin = make();
        for (std::size_t n = 0; n < 40; ++n) {
            auto const c = shown.candidate();
            auto const& teachers = shown.view().teachers;
            duration const d = model.latency(teachers, c.graph);
            if (d < duration{}) {
                return {place + "a latency below 0"};
            }
            if (d != model.latency(teachers, c.graph) || d != twin.latency(teachers, c.graph)) {
                return {place + "it says two things of one graph"};
            }
            model.learn(teachers, c.graph, c.predicted);
            twin.learn(teachers, c.graph, c.predicted);
        }
    }
    return {};
}

} // namespace hpcsched::testing

#endif
