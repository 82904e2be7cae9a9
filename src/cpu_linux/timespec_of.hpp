// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_CPU_LINUX_TIMESPEC_OF_HPP
#define HPCSCHED_CPU_LINUX_TIMESPEC_OF_HPP

#include <hpcsched/core/time.hpp>

#include <chrono>
#include <ctime>

namespace hpcsched::cpu_linux::detail {

/// A length of time as the kernel's calls take it.
[[nodiscard]] inline timespec timespec_of(duration length) noexcept {
    auto const seconds = std::chrono::floor<std::chrono::seconds>(length);
    return {.tv_sec = seconds.count(), .tv_nsec = (length - seconds).count()};
}

} // namespace hpcsched::cpu_linux::detail

#endif
