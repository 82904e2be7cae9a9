// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_CLI_INTERRUPT_HPP
#define HPCSCHED_CLI_INTERRUPT_HPP

#include <atomic>

namespace hpcsched::cli {

/// From now on the first SIGINT or SIGTERM sets the flag returned, and one that comes more than half a second after it
/// ends the program at once with the exit code of an interruption. What comes sooner is the same wish: `timeout` and
/// what supervises programs as it does send each signal twice.
[[nodiscard]] std::atomic<bool> const& catch_interrupts();

} // namespace hpcsched::cli

#endif
