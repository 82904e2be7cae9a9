// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_FUSE_COST_MODEL_HPP
#define HPCSCHED_FUSE_COST_MODEL_HPP

#include <hpcsched/core/time.hpp>
#include <hpcsched/fuse/adapter.hpp>
#include <hpcsched/fuse/model_graph.hpp>
#include <hpcsched/fuse/teacher_set.hpp>

#include <concepts>
#include <cstdint>

namespace hpcsched::fuse {
namespace detail {

/// Part of cost_model: says what a graph costs.
template <class C>
concept predicts_latency = requires(C const& c, teacher_set const& t, model_graph const& g) {
    { c.latency(t, g) } -> std::same_as<duration>;
};

/// Part of cost_model: hears what one was measured to cost.
template <class C>
concept learns_latency = requires(C& c, teacher_set const& t, model_graph const& g, duration measured) {
    { c.learn(t, g, measured) } -> std::same_as<void>;
};

} // namespace detail

/// How long one run of a network takes, known before it is built.
///
/// For a model `c`, teachers `t`, a graph `g` of theirs and a measured latency `d`:
///
/// | expression         | effect                                                  |
/// |--------------------|---------------------------------------------------------|
/// | `c.latency(t, g)`  | its latency by this model, at least 0; 0: it cannot say |
/// | `c.learn(t, g, d)` | takes a measurement into account, or does not           |
///
/// Semantics (not checked by the compiler):
/// 1. Deterministic, and a function of the arguments and of what was learnt.
///
/// Minimal model: hpcsched/testing/archetypes/cost_model.hpp.
/// Conformance: hpcsched/testing/conformance/cost_model.hpp.
template <class C>
concept cost_model = std::movable<C> && detail::predicts_latency<C> && detail::learns_latency<C>;

/// Never knows: what GMorph has, that measures latency after training.
struct unknown_cost {
    [[nodiscard]] duration latency(teacher_set const& /*t*/, model_graph const& /*g*/) const noexcept { return {}; }
    void learn(teacher_set const& /*t*/, model_graph const& /*g*/, duration /*measured*/) noexcept {}
};

/// The multiply-adds of one sample, blocks and adapters.
/// \complexity O(n)
[[nodiscard]] inline std::uint64_t multiply_adds(teacher_set const& teachers, model_graph const& graph) noexcept {
    std::uint64_t sum = 0;
    for (node_index i = 1; i < graph.size(); ++i) {
        graph_node const& n = graph[i];
        sum += n.is_adapter() ? multiply_adds_of(n.adapter, graph.input_shape(teachers, i), n.output)
                              : teachers.at(n.id).multiply_adds;
    }
    return sum;
}

/// So much for each multiply-add and for each node, which never changes.
struct counted_cost {
    double picoseconds_per_multiply_add = 20;
    duration per_node{2'000};

    [[nodiscard]] duration latency(teacher_set const& teachers, model_graph const& graph) const noexcept {
        double const work = static_cast<double>(multiply_adds(teachers, graph)) * picoseconds_per_multiply_add / 1000;
        return duration{static_cast<std::int64_t>(work)} + per_node * static_cast<std::int64_t>(graph.size() - 1);
    }
    void learn(teacher_set const& /*t*/, model_graph const& /*g*/, duration /*measured*/) noexcept {}
};

static_assert(cost_model<unknown_cost> && cost_model<counted_cost>);

} // namespace hpcsched::fuse

#endif
