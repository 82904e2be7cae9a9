// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_FAAS_HOST_WORKER_CPU_TIME_HPP
#define HPCSCHED_FAAS_HOST_WORKER_CPU_TIME_HPP

#include <hpcsched/core/time.hpp>
#include <hpcsched/cpu_linux/process.hpp>

#include "small_file.hpp"
#include <time.h>
#include <unistd.h>

#include <optional>
#include <string>

namespace hpcsched::faas_host::detail {

/// The CPU time that a worker's threads have had.
/// \return nothing: it is gone, or it has children, whose time is not told before they end
[[nodiscard]] inline std::optional<duration> cpu_time_of(cpu_linux::process_id process) {
    if (process == 0) {
        return std::nullopt;
    }
    std::string const number = std::to_string(process);
    std::string const children = "/proc/" + number + "/task/" + number + "/children";
    clockid_t clock{};
    timespec told{};
    if (::access(children.c_str(), R_OK) != 0 || !cpu_linux::detail::read_small_file(children).empty() ||
        ::clock_getcpuclockid(process, &clock) != 0 || ::clock_gettime(clock, &told) != 0) {
        return std::nullopt;
    }
    return std::chrono::seconds{told.tv_sec} + std::chrono::nanoseconds{told.tv_nsec};
}

} // namespace hpcsched::faas_host::detail

#endif
