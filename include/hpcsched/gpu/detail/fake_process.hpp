// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_GPU_DETAIL_FAKE_PROCESS_HPP
#define HPCSCHED_GPU_DETAIL_FAKE_PROCESS_HPP

#include <hpcsched/core/time.hpp>
#include <hpcsched/gpu/device_driver.hpp>

#include <cstdint>

namespace hpcsched::gpu::detail {

/// A process on a device that is not there.
struct fake_process {
    std::uint32_t device = 0;
    std::uint64_t bytes = 0;
    duration lock_time{};
    process_state state = process_state::running;
    bool busy = false; // a step is under way

    [[nodiscard]] bool on_device() const noexcept { return state != process_state::checkpointed; }
};

[[nodiscard]] constexpr process_state state_before(process_step step) noexcept {
    switch (step) {
    case process_step::lock:
        return process_state::running;
    case process_step::restore:
        return process_state::checkpointed;
    case process_step::checkpoint:
    case process_step::unlock:
        break;
    }
    return process_state::locked;
}

[[nodiscard]] constexpr process_state state_after(process_step step) noexcept {
    switch (step) {
    case process_step::unlock:
        return process_state::running;
    case process_step::checkpoint:
        return process_state::checkpointed;
    case process_step::lock:
    case process_step::restore:
        break;
    }
    return process_state::locked;
}

} // namespace hpcsched::gpu::detail

#endif
