// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_TESTING_CONFORMANCE_CANDIDATE_SAMPLER_HPP
#define HPCSCHED_TESTING_CONFORMANCE_CANDIDATE_SAMPLER_HPP

#include <hpcsched/fuse/candidate.hpp>
#include <hpcsched/fuse/cost_model.hpp>
#include <hpcsched/fuse/draws.hpp>
#include <hpcsched/fuse/graph_rules.hpp>
#include <hpcsched/fuse/model_graph.hpp>
#include <hpcsched/fuse/mutation.hpp>
#include <hpcsched/fuse/sampler.hpp>
#include <hpcsched/testing/fuse_views.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace hpcsched::testing {

/// Has two equal samplers propose from the same draws and checks the rules of `fuse::candidate_sampler`: they propose
/// the same; the base is known; the graph is the base after the mutations named, and valid; one that is exhausted
/// proposes nothing.
///
/// \return the first rule that was broken, with the seed; empty: none
template <class Sampler, fuse::mutation_policy Mutation, fuse::cost_model Cost>
    requires fuse::candidate_sampler<Sampler, Mutation, Cost>
[[nodiscard]] std::vector<std::string> check_candidate_sampler(std::function<Sampler()> const& make,
                                                               std::uint64_t seeds = 20) {
    for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
        std::string const place = "seed " + std::to_string(seed) + ": ";
        drawn_view shown{seed, seed % 4 == 0 ? std::size_t{0} : std::size_t{6}};
        Sampler sampler = make();
        Sampler twin = make();
        Mutation mutation{};
        Cost cost{};
        for (std::uint64_t n = 0; n < 25; ++n) {
            fuse::draws d{seed * 1000 + n, "propose"};
            fuse::draws same{seed * 1000 + n, "propose"};
            bool const was_exhausted = sampler.is_exhausted();
            auto const view = shown.view();
            auto const made = sampler.propose(view, mutation, cost, d);
            auto const again = twin.propose(view, mutation, cost, same);
            if (made.has_value() != again.has_value() || (made && made->graph != again->graph)) {
                return {place + "equal draws, different proposals"};
            }
            if (made && was_exhausted) {
                return {place + "it was exhausted, and proposes all the same"};
            }
            if (made) {
                if (made->base != 0 && view.find(made->base) == nullptr) {
                    return {place + "the base is none that is known"};
                }
                fuse::model_graph graph = made->base == 0 ? view.forest : view.find(made->base)->graph;
                for (fuse::mutation const& m : made->mutations) {
                    auto next = mutation.apply(view.teachers, graph, m);
                    if (!next) {
                        return {place + to_string(m) + ": cannot be applied to the base"};
                    }
                    graph = *next;
                }
                if (graph != made->graph || !validate(view.teachers, graph)) {
                    return {place + "the graph is not the base after its mutations"};
                }
            }
            auto const c = shown.candidate();
            auto const o = shown.outcome_of(c);
            sampler.learn(shown.view(), c, o);
            twin.learn(shown.view(), c, o);
        }
    }
    return {};
}

} // namespace hpcsched::testing

#endif
