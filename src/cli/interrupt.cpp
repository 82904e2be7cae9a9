// SPDX-License-Identifier: Apache-2.0
#include "interrupt.hpp"

#include "failure.hpp"
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdint>

namespace hpcsched::cli {
namespace {

// A signal handler has no other way to reach the program.
std::atomic<bool> interrupted = false;
std::atomic<std::int64_t> first_at_ns = 0; // of the monotonic clock; 0: none came yet
static_assert(std::atomic<bool>::is_always_lock_free && std::atomic<std::int64_t>::is_always_lock_free);

// timeout(1) sends its signal to the program and then to the program's group: the program gets it twice. Within this
// time that is one wish, however late the machine lets the second be sent.
constexpr std::int64_t one_wish_ns = 500'000'000;

extern "C" void on_interrupt(int) {
    int const error_of_the_interrupted = errno;
    struct timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    std::int64_t const now_ns = now.tv_sec * 1'000'000'000 + now.tv_nsec;
    std::int64_t first = 0;
    if (!first_at_ns.compare_exchange_strong(first, now_ns) && now_ns - first > one_wish_ns) {
        ::_exit(static_cast<int>(exit_code::interrupted));
    }
    interrupted = true;
    errno = error_of_the_interrupted;
}

} // namespace

std::atomic<bool> const& catch_interrupts() {
    struct sigaction action{};
    action.sa_handler = &on_interrupt;
    action.sa_flags = SA_RESTART;
    sigemptyset(&action.sa_mask);
    ::sigaction(SIGINT, &action, nullptr);
    ::sigaction(SIGTERM, &action, nullptr);
    return interrupted;
}

} // namespace hpcsched::cli
