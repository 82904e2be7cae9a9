// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_PREDICT_EXECUTOR_HPP
#define HPCSCHED_PREDICT_EXECUTOR_HPP

#include <concepts>
#include <cstddef>

namespace hpcsched::predict {

namespace detail {

/// Part of executor: says how many calls it may make at once.
template <class E>
concept counts_workers = requires(E const& e) {
    { e.worker_count() } -> std::same_as<std::size_t>;
};
/// Part of executor: makes the calls.
template <class E>
concept calls_for_each =
    requires(E& e, std::size_t count) { e.for_each(count, [](std::size_t /*index*/, std::size_t /*worker*/) {}); };

} // namespace detail

/// Who plays the worlds out: this thread, or all cores.
///
/// For an executor `e`:
///
/// | expression             | effect                                                                                 |
/// |------------------------|----------------------------------------------------------------------------------------|
/// | `e.worker_count()`     | how many calls may be under way at once, one or more                                   |
/// | `e.for_each(count, f)` | `f(index, worker)` has been called once for each index below `count` when this returns |
///
/// Semantics (not checked by the compiler):
/// 1. Calls come in any order, on any thread; those of one worker never overlap; worker < worker_count().
/// 2. What the calls wrote can be read when `for_each` returns.
///
/// The engine's answers do not depend on it. Models: `in_order` here, `predict_threads::thread_team` for all cores.
template <class E>
concept executor = detail::counts_workers<E> && detail::calls_for_each<E>;

/// One after the other, in the caller's thread.
struct in_order {
    [[nodiscard]] static constexpr std::size_t worker_count() noexcept { return 1; }

    template <class Function>
    static void for_each(std::size_t count, Function const& f) {
        for (std::size_t index = 0; index < count; ++index) {
            f(index, std::size_t{0});
        }
    }
};
static_assert(executor<in_order>);

} // namespace hpcsched::predict

#endif
