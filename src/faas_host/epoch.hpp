// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_FAAS_HOST_EPOCH_HPP
#define HPCSCHED_FAAS_HOST_EPOCH_HPP

#include <hpcsched/core/time.hpp>
#include <hpcsched/cpu_linux/process.hpp>

#include <chrono>
#include <cstdint>

namespace hpcsched::faas_host::detail {

/// A time of `cpu_linux::now()` as milliseconds since 1970, by the wall clock as it is now.
[[nodiscard]] inline std::int64_t to_epoch_milliseconds(time_point at) {
    using namespace std::chrono;
    return duration_cast<milliseconds>((system_clock::now() + (at - cpu_linux::now())).time_since_epoch()).count();
}

} // namespace hpcsched::faas_host::detail

#endif
