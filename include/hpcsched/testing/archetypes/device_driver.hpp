// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_TESTING_ARCHETYPES_DEVICE_DRIVER_HPP
#define HPCSCHED_TESTING_ARCHETYPES_DEVICE_DRIVER_HPP

#include <hpcsched/core/result.hpp>
#include <hpcsched/core/sink.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/gpu/device_driver.hpp>
#include <hpcsched/gpu/device_vitals.hpp>
#include <hpcsched/gpu/inventory.hpp>

#include <cstdint>
#include <vector>

namespace hpcsched::testing {

/// No more than `gpu::memory_driver` asks for: what compiles with it uses nothing else. The other two likewise.
///
/// To be compiled, not linked: its members are declared only.
class minimal_memory_driver {
  public:
    minimal_memory_driver() = delete;
    minimal_memory_driver(minimal_memory_driver const&) = delete;
    minimal_memory_driver& operator=(minimal_memory_driver const&) = delete;
    ~minimal_memory_driver();

    result<gpu::device_address, gpu::driver_code> allocate(std::uint32_t, std::uint64_t);
    gpu::driver_code free(gpu::device_address);
    result<gpu::staging_area, gpu::driver_code> pin(std::uint64_t);
    gpu::driver_code unpin(gpu::staging_area);
    gpu::driver_code begin(gpu::transfer const&, time_point);
    void collect(time_point, sink<gpu::transfer_end>&);
    time_point wait(time_point, time_point);
};

static_assert(gpu::memory_driver<minimal_memory_driver>);

/// As above.
class minimal_process_driver {
  public:
    minimal_process_driver() = delete;
    minimal_process_driver(minimal_process_driver const&) = delete;
    minimal_process_driver& operator=(minimal_process_driver const&) = delete;
    ~minimal_process_driver();

    gpu::driver_code begin(gpu::process_action const&, time_point);
    gpu::process_state state_of(std::int32_t);
    void collect(time_point, sink<gpu::process_end>&);
    time_point wait(time_point, time_point);
};

static_assert(gpu::process_driver<minimal_process_driver>);

/// As above.
class minimal_device_driver {
  public:
    minimal_device_driver() = delete;
    minimal_device_driver(minimal_device_driver const&) = delete;
    minimal_device_driver& operator=(minimal_device_driver const&) = delete;
    ~minimal_device_driver();

    result<std::vector<gpu::device_facts>, gpu::driver_code> devices();
    result<gpu::device_vitals, gpu::driver_code> vitals(std::uint32_t);
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

static_assert(gpu::device_driver<minimal_device_driver>);

} // namespace hpcsched::testing

#endif
