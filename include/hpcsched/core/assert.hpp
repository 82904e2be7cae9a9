// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_CORE_ASSERT_HPP
#define HPCSCHED_CORE_ASSERT_HPP

#include <atomic>
#include <cstdio>
#include <cstdlib>

namespace hpcsched {

/// Receives a broken contract before the process aborts: the expression, and where it stands.
using assertion_handler = void (*)(char const* expression, char const* file, int line);

namespace detail {

inline void print_broken_contract(char const* expression, char const* file, int line) {
    std::fprintf(stderr, "hpcsched: contract broken: %s (%s:%d)\n", expression, file, line);
}

inline std::atomic<assertion_handler>& current_assertion_handler() noexcept {
    static std::atomic<assertion_handler> handler{&print_broken_contract};
    return handler;
}

[[noreturn]] inline void contract_broken(char const* expression, char const* file, int line) noexcept {
    current_assertion_handler().load()(expression, file, line);
    std::abort();
}

} // namespace detail

/// Replaces the handler that is told of a broken contract; the process aborts when it returns.
/// \return the handler that was in place
/// \thread_safety any thread, at any time
inline assertion_handler set_assertion_handler(assertion_handler handler) noexcept {
    return detail::current_assertion_handler().exchange(handler);
}

} // namespace hpcsched

/// Checks a contract in every build type. For O(1) conditions; never reachable from user input.
#define HPCSCHED_ASSERT(condition)                                                                                     \
    (static_cast<bool>(condition) ? static_cast<void>(0)                                                               \
                                  : ::hpcsched::detail::contract_broken(#condition, __FILE__, __LINE__))

/// Checks an expensive invariant; only where HPCSCHED_SLOW_ASSERTIONS is defined (the presets `dev` and `tsan`).
#if defined(HPCSCHED_SLOW_ASSERTIONS)
#define HPCSCHED_ASSERT_SLOW(condition) HPCSCHED_ASSERT(condition)
#else
#define HPCSCHED_ASSERT_SLOW(condition) static_cast<void>(0)
#endif

#endif
