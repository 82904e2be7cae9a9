// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/gpu/device_driver.hpp>

#include <cstdint>
#include <vector>

using namespace hpcsched;

struct near_miss {
    result<std::vector<gpu::device_facts>, gpu::driver_code> devices();
    result<std::vector<gpu::device_process>, gpu::driver_code> processes(std::uint32_t);
    result<gpu::device_address, gpu::driver_code> allocate(std::uint32_t, std::uint64_t);
    gpu::driver_code free(gpu::device_address);
    result<gpu::staging_area, gpu::driver_code> pin(std::uint64_t);
    gpu::driver_code unpin(gpu::staging_area);
    gpu::driver_code begin(gpu::transfer const&, time_point);
    void collect(time_point, sink<gpu::transfer_end>&);
    gpu::driver_code begin(gpu::process_action const&, time_point);
    gpu::process_state state_of(std::int32_t);
    void collect(time_point, sink<gpu::process_end>&);
    time_point wait(time_point, time_point);
};

static_assert(gpu::device_driver<near_miss>);
