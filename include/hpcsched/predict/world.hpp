// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_PREDICT_WORLD_HPP
#define HPCSCHED_PREDICT_WORLD_HPP

#include <concepts>
#include <cstdint>

namespace hpcsched::predict {

/// How a run stands after a step.
enum class progress : std::uint8_t {
    running,  ///< another step may follow
    finished, ///< nothing that a question could ask for changes any more
    diverged  ///< the run has left what the world can represent: not a number, a body at infinity
};

namespace detail {

/// Part of world: names what is seen of it at the start, as a value.
template <class W>
concept names_a_state = requires { typename W::state; } && std::copyable<typename W::state>;
/// Part of world: names a future that is being played out.
template <class W>
concept names_a_run = requires { typename W::run; } && std::movable<typename W::run>;
/// Part of world: makes a run to begin in, again and again.
template <class W>
concept makes_runs = requires(W const& w) {
    { w.make_run() } -> std::same_as<typename W::run>;
};
/// Part of world: sets a run to a state.
template <class W>
concept begins_runs = requires(W const& w, typename W::run& r, typename W::state const& s) {
    { w.begin(r, s) } -> std::same_as<void>;
};
/// Part of world: steps a run.
template <class W>
concept steps_runs = requires(W const& w, typename W::run& r) {
    { w.step(r) } -> std::same_as<progress>;
};

} // namespace detail

/// Something whose future can be played out from what is seen of it now: bodies that fall, a cluster whose users think.
///
/// For a world `w`, a state `s` and a run `r`:
///
/// | expression       | effect                                                                                      |
/// |------------------|---------------------------------------------------------------------------------------------|
/// | `w.make_run()`   | a run that has not begun; what it allocates it keeps                                        |
/// | `w.begin(r, s)`  | `r` stands at the beginning of a future of `s`; nothing of an earlier future is left in it  |
/// | `w.step(r)`      | `r` is one step further; how it stands                                                      |
///
/// Semantics (not checked by the compiler):
/// 1. Deterministic: equal states give equal runs, in a new run as in a used one. All chance comes from the noise.
/// 2. `step` is called only after `begin`, and not again after it said `finished` or `diverged`.
/// 3. Distinct runs may be stepped by distinct threads at once: the world itself is not changed.
///
/// Minimal model: hpcsched/testing/archetypes/prediction.hpp. Conformance: hpcsched/testing/conformance/prediction.hpp.
template <class W>
concept world = std::movable<W> && detail::names_a_state<W> && detail::names_a_run<W> && detail::makes_runs<W> &&
                detail::begins_runs<W> && detail::steps_runs<W>;

} // namespace hpcsched::predict

#endif
