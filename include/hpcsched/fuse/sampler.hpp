// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_FUSE_SAMPLER_HPP
#define HPCSCHED_FUSE_SAMPLER_HPP

#include <hpcsched/fuse/candidate.hpp>
#include <hpcsched/fuse/cost_model.hpp>
#include <hpcsched/fuse/draws.hpp>
#include <hpcsched/fuse/model_graph.hpp>
#include <hpcsched/fuse/mutation.hpp>

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace hpcsched::fuse {

/// What a sampler wants to try next.
struct proposal {
    candidate_id base = 0; ///< 0, a member of the archive, or its best
    model_graph graph{};
    std::vector<mutation> mutations{};
};

namespace detail {

/// Part of candidate_sampler: proposes.
template <class S, class Mutation, class Cost>
concept proposes_candidates = requires(S& s, search_view const& v, Mutation& m, Cost const& c, draws& d) {
    { s.propose(v, m, c, d) } -> std::same_as<std::optional<proposal>>;
};

/// Part of candidate_sampler: hears what came of it.
template <class S>
concept hears_outcomes = requires(S& s, search_view const& v, candidate const& c, outcome const& o) {
    { s.learn(v, c, o) } -> std::same_as<void>;
};

/// Part of candidate_sampler: says when there is nothing left.
template <class S>
concept knows_its_end = requires(S const& s) {
    { s.is_exhausted() } noexcept -> std::same_as<bool>;
};

} // namespace detail

/// Which candidate is tried next: of what it is made, and how.
///
/// For a sampler `s`, a view `v` of the search, a mutation policy `m`, a cost model `k`, draws `d`, a candidate `c` and
/// its outcome `o`:
///
/// | expression              | effect                                                                            |
/// |-------------------------|-----------------------------------------------------------------------------------|
/// | `s.propose(v, m, k, d)` | a base and a graph made from it by mutations; nothing where none was found        |
/// | `s.learn(v, c, o)`      | takes note of what came of a candidate                                            |
/// | `s.is_exhausted()`      | whether it will never propose again                                               |
///
/// Semantics (not checked by the compiler):
/// 1. Deterministic: equal calls with equal draws give equal proposals.
/// 2. The base is 0, a member, or the best; the graph is the base's after the mutations named.
///
/// Minimal model: hpcsched/testing/archetypes/candidate_sampler.hpp.
/// Conformance: hpcsched/testing/conformance/candidate_sampler.hpp.
template <class S, class Mutation, class Cost>
concept candidate_sampler =
    mutation_policy<Mutation> && cost_model<Cost> && std::movable<S> &&
    detail::proposes_candidates<S, Mutation, Cost> && detail::hears_outcomes<S> && detail::knows_its_end<S>;

/// A base after so many mutations drawn one after the other; nothing where not all could be drawn.
template <mutation_policy Mutation>
[[nodiscard]] std::optional<proposal> mutated(search_view const& view, candidate_id base, model_graph const& from,
                                              std::size_t count, Mutation& policy, draws& d) {
    proposal made{.base = base, .graph = from};
    for (std::size_t n = 0; n < count; ++n) {
        auto const drawn = policy.draw(view.teachers, made.graph, d);
        auto after = drawn ? policy.apply(view.teachers, made.graph, *drawn) : std::nullopt;
        if (!after) {
            return std::nullopt;
        }
        made.mutations.push_back(*drawn);
        made.graph = std::move(*after);
    }
    return made;
}

/// The forest, mutated.
/// \source GMorph's random sampling
struct random_sampling {
    std::size_t mutations = 2;

    template <mutation_policy Mutation, cost_model Cost>
    [[nodiscard]] std::optional<proposal> propose(search_view const& view, Mutation& m, Cost const& /*cost*/,
                                                  draws& d) {
        return mutated(view, 0, view.forest, mutations, m, d);
    }
    void learn(search_view const& /*v*/, candidate const& /*c*/, outcome const& /*o*/) noexcept {}
    [[nodiscard]] bool is_exhausted() const noexcept { return false; }
};

/// How likely GMorph mutates an elite, not the forest:
/// (1 - exp(-(1 - drop) T0 / T)) sqrt(elites / elites_max), `drop` the largest of the candidate evaluated last.
/// \source GMorph's simulated annealing, which accepts by the tolerated drop alone
[[nodiscard]] inline double elite_probability(double drop, double temperature, double first_temperature,
                                              std::size_t elites, std::size_t elites_max) noexcept {
    double const fill = static_cast<double>(elites) / static_cast<double>(elites_max);
    return (1 - std::exp(-(1 - drop) * first_temperature / temperature)) * std::sqrt(fill);
}

/// An elite or the forest, mutated twice. The temperature falls with the number of the iteration, and is looked at only
/// when a candidate was evaluated: what is turned away changes nothing.
/// \source GMorph's simulated annealing: T0 100, T = 100 * 0.99^iteration
class elite_annealing {
  public:
    struct config {
        std::size_t elites_max = 16; ///< as of the archive
        std::size_t mutations = 2;
        double first_temperature = 100;
        double cooling = 0.99;
    };

    elite_annealing() = default;
    explicit elite_annealing(config c) noexcept : config_{c} {}

    template <mutation_policy Mutation, cost_model Cost>
    [[nodiscard]] std::optional<proposal> propose(search_view const& view, Mutation& m, Cost const& /*cost*/,
                                                  draws& d) {
        double const chance = d.fraction();
        if (view.members.empty() || probability_ < chance) {
            return mutated(view, 0, view.forest, config_.mutations, m, d);
        }
        archive_member const& elite = view.members[d.index(view.members.size())];
        return mutated(view, elite.id, elite.graph, config_.mutations, m, d);
    }
    /// \pre the archive has taken the candidate already
    void learn(search_view const& view, candidate const& /*c*/, outcome const& o) noexcept {
        if (o.how == ending::failed) {
            return;
        }
        double const temperature =
            config_.first_temperature * std::pow(config_.cooling, static_cast<double>(view.iteration));
        probability_ =
            elite_probability(o.drop, temperature, config_.first_temperature, view.members.size(), config_.elites_max);
    }
    [[nodiscard]] bool is_exhausted() const noexcept { return false; }
    /// Of mutating an elite next.
    [[nodiscard]] double probability() const noexcept { return probability_; }

  private:
    config config_{};
    double probability_ = 0;
};

} // namespace hpcsched::fuse

#endif
