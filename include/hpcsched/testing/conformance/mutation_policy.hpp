// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_TESTING_CONFORMANCE_MUTATION_POLICY_HPP
#define HPCSCHED_TESTING_CONFORMANCE_MUTATION_POLICY_HPP

#include <hpcsched/core/sink.hpp>
#include <hpcsched/fuse/draws.hpp>
#include <hpcsched/fuse/graph_rules.hpp>
#include <hpcsched/fuse/model_graph.hpp>
#include <hpcsched/fuse/mutation.hpp>
#include <hpcsched/fuse/teacher_set.hpp>
#include <hpcsched/testing/fuse_networks.hpp>

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace hpcsched::testing {

struct mutation_check_options {
    std::uint64_t seeds = 60; ///< forests
    std::size_t steps = 12;   ///< mutations one after the other, of each forest
    std::size_t applied = 40; ///< at most so many of what is enumerated are applied at each step
};

namespace detail {

// What is wrong with the mutations of a policy on one graph; empty: nothing.
template <fuse::mutation_policy Policy>
std::string fault_on(Policy& policy, fuse::teacher_set const& teachers, fuse::model_graph const& graph,
                     fuse::draws& bits, std::size_t applied) {
    buffer<fuse::mutation> all;
    buffer<fuse::mutation> again;
    policy.enumerate(teachers, graph, all);
    policy.enumerate(teachers, graph, again);
    auto const items = all.items();
    if (!std::equal(items.begin(), items.end(), again.items().begin(), again.items().end())) {
        return "it enumerates two things of one graph";
    }
    std::size_t const stride = std::max<std::size_t>(items.size() / applied, 1);
    for (std::size_t n = 0; n < items.size(); ++n) {
        if (std::find(items.begin(), items.begin() + static_cast<std::ptrdiff_t>(n), items[n]) !=
            items.begin() + static_cast<std::ptrdiff_t>(n)) {
            return to_string(items[n]) + ": enumerated twice";
        }
        if (n % stride != 0) {
            continue;
        }
        auto const made = policy.apply(teachers, graph, items[n]);
        if (!made) {
            return to_string(items[n]) + ": enumerated, and cannot be applied";
        }
        if (auto const sound = fuse::validate(teachers, *made); !sound) {
            return to_string(items[n]) + ": " + sound.error().message;
        }
        if (*made == graph) {
            return to_string(items[n]) + ": changes nothing";
        }
    }
    bool any_drawn = false;
    for (int turn = 0; turn < 30; ++turn) {
        auto const drawn = policy.draw(teachers, graph, bits);
        any_drawn = any_drawn || drawn.has_value();
        if (drawn && std::find(items.begin(), items.end(), *drawn) == items.end()) {
            return to_string(*drawn) + ": drawn, and not enumerated";
        }
    }
    return items.size() > 20 && !any_drawn ? "it draws nothing of " + std::to_string(items.size()) + " mutations" : "";
}

} // namespace detail

/// Mutates drawn forests at random and checks the rules of `fuse::mutation_policy` on each graph on the way: what is
/// enumerated can be applied and gives another, valid graph; nothing is enumerated twice; what is drawn is enumerated.
/// Forests that a policy can do nothing with are first mutated by `before`.
///
/// \return the first rule that was broken, with the seed; empty: none
template <fuse::mutation_policy Policy, fuse::mutation_policy Before, std::invocable MakePolicy>
    requires std::same_as<std::invoke_result_t<MakePolicy>, Policy>
[[nodiscard]] std::vector<std::string> check_mutation_policy(MakePolicy const& make, Before& before,
                                                             mutation_check_options const& options) {
    for (std::uint64_t seed = 1; seed <= options.seeds; ++seed) {
        fuse::teacher_set const teachers = drawn_teachers(seed);
        Policy policy = make();
        fuse::draws bits{seed, "mutation_policy"};
        fuse::model_graph graph = fuse::model_graph::forest(teachers);
        for (std::size_t step = 0; step < options.steps; ++step) {
            if (auto fault = detail::fault_on(policy, teachers, graph, bits, options.applied); !fault.empty()) {
                return {"seed " + std::to_string(seed) + ", step " + std::to_string(step) + ": " + fault};
            }
            auto next = bits.below(2) == 0 ? policy.draw(teachers, graph, bits) : std::nullopt;
            auto made = next ? policy.apply(teachers, graph, *next) : std::nullopt;
            if (!made) {
                next = before.draw(teachers, graph, bits);
                made = next ? before.apply(teachers, graph, *next) : std::nullopt;
            }
            graph = made ? *made : graph;
        }
    }
    return {};
}

} // namespace hpcsched::testing

#endif
