// SPDX-License-Identifier: Apache-2.0
#include "interrupt.hpp"

#include "failure.hpp"
#include <unistd.h>

#include <csignal>

namespace hpcsched::cli {
namespace {

// A signal handler has no other way to reach the program.
std::atomic<bool> interrupted = false;
static_assert(std::atomic<bool>::is_always_lock_free);

extern "C" void on_interrupt(int) {
    if (interrupted.exchange(true)) {
        ::_exit(static_cast<int>(exit_code::interrupted));
    }
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
