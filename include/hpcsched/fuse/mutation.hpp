// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_FUSE_MUTATION_HPP
#define HPCSCHED_FUSE_MUTATION_HPP

#include <hpcsched/core/sink.hpp>
#include <hpcsched/fuse/draws.hpp>
#include <hpcsched/fuse/model_graph.hpp>
#include <hpcsched/fuse/teacher_set.hpp>

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

namespace hpcsched::fuse {

enum class mutation_kind : std::uint8_t {
    reattach_across = 0, ///< the guest reads what the host reads, from another branch
    reattach_within = 1, ///< the same, the host above the guest: the blocks between go
    move_subtree = 2,    ///< the same, of a guest that several tasks or branches stand on, into another subtree
    unshare = 3,         ///< blocks of the guest's own teacher come back before it
    swap_donor = 4,      ///< a run of blocks is replaced by another teacher's
    insert_adapter = 5,  ///< a trained adapter before the guest, where shapes agree already
    remove_adapter = 6,  ///< and out again
};

inline constexpr std::size_t mutation_kind_count = 7;

/// One step from a graph to another.
struct mutation {
    mutation_kind kind{};
    node_id guest{}; ///< whose input changes; of `swap_donor` the first block replaced
    node_id host{};  ///< what it reads with; of `unshare` what the first block back reads; of a swap the first in
    std::uint16_t count = 0;   ///< blocks: of `unshare` that come back, of `swap_donor` that go
    std::uint16_t donated = 0; ///< of `swap_donor`: blocks that come

    friend bool operator==(mutation const&, mutation const&) = default;
};

/// "reattach_across 2.4 at 1.4"
[[nodiscard]] inline std::string to_string(mutation const& m) {
    constexpr std::string_view names[] = {"reattach_across", "reattach_within", "move_subtree",  "unshare",
                                          "swap_donor",      "insert_adapter",  "remove_adapter"};
    std::string text{names[static_cast<std::size_t>(m.kind)]};
    text += ' ' + to_string(m.guest) + " at " + to_string(m.host);
    return m.count == 0 ? text : text + " x" + std::to_string(m.count);
}

namespace detail {

/// Part of mutation_policy: lists what it could do.
template <class M>
concept enumerates_mutations = requires(M const& m, teacher_set const& t, model_graph const& g, sink<mutation>& out) {
    { m.enumerate(t, g, out) } -> std::same_as<void>;
};

/// Part of mutation_policy: picks one by chance.
template <class M>
concept draws_mutations = requires(M const& m, teacher_set const& t, model_graph const& g, draws& d) {
    { m.draw(t, g, d) } -> std::same_as<std::optional<mutation>>;
};

/// Part of mutation_policy: carries one out.
template <class M>
concept applies_mutations = requires(M& m, teacher_set const& t, model_graph const& g, mutation const& x) {
    { m.apply(t, g, x) } -> std::same_as<std::optional<model_graph>>;
};

} // namespace detail

/// Ways to change a graph into another that computes the same outputs with other blocks.
///
/// For a policy `m`, teachers `t`, a graph `g` of theirs, draws `d`, a sink `out` and a mutation `x`:
///
/// | expression               | effect                                                                     |
/// |--------------------------|----------------------------------------------------------------------------|
/// | `m.enumerate(t, g, out)` | appends every mutation of this policy that is legal on `g`, once each      |
/// | `m.draw(t, g, d)`        | one that is legal on `g`, by chance; nothing where it finds none           |
/// | `m.apply(t, g, x)`       | `g` after `x`; nothing where `x` is not legal on `g`, or not this policy's |
///
/// Semantics (not checked by the compiler):
/// 1. What `apply` gives is valid (`validate`), and is not `g`.
/// 2. What is enumerated can be applied; what is drawn is among what is enumerated; where something is enumerated,
///    something is drawn sooner or later.
/// 3. Deterministic, in the order of `out` too.
///
/// Minimal model: hpcsched/testing/archetypes/mutation_policy.hpp.
/// Conformance: hpcsched/testing/conformance/mutation_policy.hpp.
template <class M>
concept mutation_policy =
    std::movable<M> && detail::enumerates_mutations<M> && detail::draws_mutations<M> && detail::applies_mutations<M>;

namespace detail {

/// What a policy that enumerates little draws: one of all, each as likely.
template <enumerates_mutations Policy>
[[nodiscard]] std::optional<mutation> drawn_from_all(Policy const& policy, teacher_set const& teachers,
                                                     model_graph const& graph, draws& d) {
    buffer<mutation> all;
    policy.enumerate(teachers, graph, all);
    return all.empty() ? std::nullopt : std::optional{all.items()[d.index(all.size())]};
}

} // namespace detail

/// Several policies as one: which of them draws is drawn by weights; where that one finds nothing, the next does.
template <mutation_policy... Policies>
class mutation_mix {
  public:
    static constexpr std::size_t count = sizeof...(Policies);

    /// Each as likely.
    mutation_mix() { weights_.fill(1); }
    /// \pre not all of the weights are 0
    explicit mutation_mix(std::array<std::uint32_t, count> weights, Policies... policies)
        : weights_{weights}, policies_{std::move(policies)...} {}

    void enumerate(teacher_set const& teachers, model_graph const& graph, sink<mutation>& out) const {
        std::apply([&](auto const&... each) { (each.enumerate(teachers, graph, out), ...); }, policies_);
    }

    [[nodiscard]] std::optional<mutation> draw(teacher_set const& teachers, model_graph const& graph, draws& d) const {
        std::uint64_t total = 0;
        for (std::uint32_t const w : weights_) {
            total += w;
        }
        std::uint64_t ticket = d.below(total);
        std::size_t first = 0;
        while (ticket >= weights_[first]) {
            ticket -= weights_[first++];
        }
        for (std::size_t turn = 0; turn < count; ++turn) {
            std::size_t const chosen = (first + turn) % count;
            if (auto found = weights_[chosen] == 0 ? std::nullopt : draw_by(chosen, teachers, graph, d)) {
                return found;
            }
        }
        return std::nullopt;
    }

    [[nodiscard]] std::optional<model_graph> apply(teacher_set const& teachers, model_graph const& graph,
                                                   mutation const& what) {
        std::optional<model_graph> made;
        std::apply([&](auto&... each) { (void)((made = each.apply(teachers, graph, what), made.has_value()) || ...); },
                   policies_);
        return made;
    }

  private:
    std::optional<mutation> draw_by(std::size_t chosen, teacher_set const& teachers, model_graph const& graph,
                                    draws& d) const {
        std::optional<mutation> found;
        std::size_t position = 0;
        std::apply(
            [&](auto const&... each) {
                (void)((position++ == chosen && (found = each.draw(teachers, graph, d), true)) || ...);
            },
            policies_);
        return found;
    }

    std::array<std::uint32_t, count> weights_{};
    std::tuple<Policies...> policies_{};
};

} // namespace hpcsched::fuse

#endif
