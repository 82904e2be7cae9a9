// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_GPU_CUDA_CUDA_DRIVER_HPP
#define HPCSCHED_GPU_CUDA_CUDA_DRIVER_HPP

#include <hpcsched/core/result.hpp>
#include <hpcsched/core/sink.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/gpu/device_driver.hpp>
#include <hpcsched/gpu/device_vitals.hpp>
#include <hpcsched/gpu/inventory.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace hpcsched::gpu_cuda {

struct cuda_config {
    bool needs_inventory = true; ///< without NVML, `open` fails; else the inventory is `unsupported`
    bool needs_memory = true;    ///< without CUDA and a device of it, `open` fails; else memory is `unsupported`
    bool needs_processes = true; ///< without CUDA's process checkpoint, `open` fails; else steps are `unsupported`
    std::uint32_t copiers = 4;   ///< threads that copy within the host's memory, >= 1; begun with the first copy
    std::string cuda_library = "libcuda.so.1";
    std::string nvml_library = "libnvidia-ml.so.1";
};

/// The devices of this host by NVIDIA's driver: inventory and health by NVML, memory by the CUDA driver API, processes
/// by its process checkpoint. Both libraries come with the driver and are loaded by `open`: a program that is linked
/// with this starts without them.
///
/// Devices are numbered in NVML's order, by bus id. Those that CUDA_VISIBLE_DEVICES hides from this process are shown,
/// but what is asked of their memory is `unknown`. A device in MIG mode is shown with its instances, and its memory is
/// not given out here.
///
/// A copy within the host's memory is done by one of `copiers` threads, a transfer by the device, a step of a process,
/// which may take minutes, by a thread of its own. Taking processes of other users off their devices needs root.
///
/// The library's time is CLOCK_MONOTONIC's; `wait` looks every 50 us.
///
/// \thread_safety none; confine to one thread
class cuda_driver {
  public:
    /// \error  what is needed is missing: which library, function or device, and what brings it
    [[nodiscard]] static result<cuda_driver> open(cuda_config const& config = {});

    cuda_driver(cuda_driver&&) noexcept;
    cuda_driver& operator=(cuda_driver&&) noexcept;
    /// Waits for what is under way.
    ~cuda_driver();

    /// The time that the calls below are handed.
    [[nodiscard]] static time_point now();
    /// The driver's version ("570.86.10"), and what it lacks of what was not needed; for a person.
    [[nodiscard]] std::string about() const;

    [[nodiscard]] result<std::vector<gpu::device_facts>, gpu::driver_code> devices();
    [[nodiscard]] result<gpu::device_vitals, gpu::driver_code> vitals(std::uint32_t device);
    [[nodiscard]] result<std::vector<gpu::device_process>, gpu::driver_code> processes(std::uint32_t device);

    [[nodiscard]] result<gpu::device_address, gpu::driver_code> allocate(std::uint32_t device, std::uint64_t bytes);
    gpu::driver_code free(gpu::device_address at);
    [[nodiscard]] result<gpu::staging_area, gpu::driver_code> pin(std::uint64_t bytes);
    gpu::driver_code unpin(gpu::staging_area area);
    gpu::driver_code begin(gpu::transfer const& t, time_point now);
    void collect(time_point now, sink<gpu::transfer_end>& out);

    [[nodiscard]] gpu::process_state state_of(std::int32_t pid);
    gpu::driver_code begin(gpu::process_action const& a, time_point now);
    void collect(time_point now, sink<gpu::process_end>& out);

    [[nodiscard]] time_point wait(time_point now, time_point until);

    /// Moves bytes with one plain call of the driver and waits for it: the bare copy that a mover is held against.
    /// \pre t.kind is not copy
    gpu::driver_code move_plainly(gpu::transfer const& t);

  private:
    class state;
    explicit cuda_driver(std::unique_ptr<state> made) noexcept;
    std::unique_ptr<state> state_;
};

static_assert(gpu::device_driver<cuda_driver>);

} // namespace hpcsched::gpu_cuda

#endif
