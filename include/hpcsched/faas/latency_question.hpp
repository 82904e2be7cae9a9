// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_FAAS_LATENCY_QUESTION_HPP
#define HPCSCHED_FAAS_LATENCY_QUESTION_HPP

#include <hpcsched/core/assert.hpp>
#include <hpcsched/core/result.hpp>
#include <hpcsched/faas/node.hpp>
#include <hpcsched/faas/node_noise.hpp>
#include <hpcsched/predict/answer.hpp>
#include <hpcsched/predict/noisy_simulation.hpp>
#include <hpcsched/predict/question.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

namespace hpcsched::faas {

/// Whether a latency target is broken: of the invocations of a function that come within the horizon, more are slower
/// than its target than its share of as many as are expected, or than one.
struct breaks_a_target {
    std::optional<std::size_t> function{}; ///< nothing: that of any

    [[nodiscard]] bool outcome(node_run const& r) const noexcept {
        HPCSCHED_ASSERT(!function || *function < r.functions.size());
        return function ? r.functions[*function].is_broken() : r.broken > 0;
    }
    [[nodiscard]] bool settled(node_run const& r) const noexcept { return outcome(r); }
};
static_assert(predict::question<breaks_a_target, node>);

/// How long the invocations of a function take on average, from arrival to end, in seconds; 0 where none comes.
struct mean_latency {
    std::size_t function = 0;

    [[nodiscard]] double outcome(node_run const& r) const noexcept {
        HPCSCHED_ASSERT(function < r.functions.size());
        node_run::function const& f = r.functions[function];
        return f.ended > 0 ? f.latency / f.ended : 0;
    }
    [[nodiscard]] static bool settled(node_run const&) noexcept { return false; }
};
static_assert(predict::question<mean_latency, node>);

/// The probability that a latency target is broken, as the node is and with one more function.
struct admission_risk {
    predict::prediction<predict::probability_answer> without{};
    predict::prediction<predict::probability_answer> with{};
};

/// Asks what it does to the latency targets of a node to admit one more function, in the same worlds both times.
///
/// \param candidate  with what is declared of its rate and its service times, as belief
/// \error as `noisy_simulation::ask`
[[nodiscard]] inline result<admission_risk> risk_of_admitting(node_state seen, node_function candidate,
                                                              std::uint64_t seed, predict::precision const& how = {}) {
    predict::noisy_simulation simulation{node{}, node_noise{}, breaks_a_target{}};
    auto without = simulation.ask(seen, seed, how);
    if (without.has_error()) {
        return without.error();
    }
    seen.functions.push_back(std::move(candidate));
    auto with = simulation.ask(seen, seed, how);
    if (with.has_error()) {
        return with.error();
    }
    return admission_risk{std::move(*without), std::move(*with)};
}

} // namespace hpcsched::faas

#endif
