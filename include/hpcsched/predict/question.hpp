// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_PREDICT_QUESTION_HPP
#define HPCSCHED_PREDICT_QUESTION_HPP

#include <hpcsched/core/time.hpp>
#include <hpcsched/predict/world.hpp>

#include <array>
#include <concepts>
#include <cstddef>
#include <optional>

namespace hpcsched::predict {

/// Somewhere: coordinates in the world's own unit.
template <std::size_t Dimensions>
using place = std::array<double, Dimensions>;

namespace detail {

template <class T>
inline constexpr bool is_plain_outcome = std::same_as<T, bool> || std::same_as<T, double> || std::same_as<T, duration>;
template <std::size_t Dimensions>
inline constexpr bool is_plain_outcome<place<Dimensions>> = true;

template <class T>
inline constexpr bool is_outcome = is_plain_outcome<T>;
template <class T>
inline constexpr bool is_outcome<std::optional<T>> = is_plain_outcome<T> && !std::same_as<T, bool>;

/// Part of question: reads off a run what came out.
template <class Q, class W>
concept reads_runs = requires(Q const& q, typename W::run const& r) {
    { q.outcome(r) };
    requires is_outcome<decltype(q.outcome(r))>;
};
/// Part of question: says whether more steps could change the outcome.
template <class Q, class W>
concept knows_when_settled = requires(Q const& q, typename W::run const& r) {
    { q.settled(r) } -> std::same_as<bool>;
};

} // namespace detail

/// What is asked of the futures of a world `W`.
///
/// For a question `q` and a run `r`:
///
/// | expression     | effect                                                                                        |
/// |----------------|-----------------------------------------------------------------------------------------------|
/// | `q.outcome(r)` | what came out, as one of the types below                                                      |
/// | `q.settled(r)` | whether no further step can change that; asked after each step, so no run goes on for nothing |
///
/// Yes or no is a `bool`, how much a `double`, how long a `duration`, where a `place`; an `optional` of one of the last
/// three where it may not come about at all.
///
/// Semantics (not checked by the compiler):
/// 1. Deterministic; looks at `r` alone.
/// 2. Once settled, a run stays so with the outcome that it has.
///
/// Minimal model: hpcsched/testing/archetypes/prediction.hpp. Conformance: hpcsched/testing/conformance/prediction.hpp.
template <class Q, class W>
concept question = std::movable<Q> && world<W> && detail::reads_runs<Q, W> && detail::knows_when_settled<Q, W>;

/// What a question of a world reads off a run.
template <class Q, class W>
    requires question<Q, W>
using outcome_of = decltype(std::declval<Q const&>().outcome(std::declval<typename W::run const&>()));

} // namespace hpcsched::predict

#endif
