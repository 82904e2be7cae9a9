// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_SRC_GPU_CUDA_PROCESS_STEPS_HPP
#define HPCSCHED_SRC_GPU_CUDA_PROCESS_STEPS_HPP

#include <hpcsched/core/sink.hpp>
#include <hpcsched/gpu/device_driver.hpp>

#include "libraries.hpp"
#include "mailbox.hpp"

#include <cstdint>
#include <map>
#include <thread>
#include <vector>

namespace hpcsched::gpu_cuda {

/// Steps of processes by CUDA's process checkpoint, each in a thread, since the driver's calls return when all is done.
class process_steps {
  public:
    explicit process_steps(cuda_library const& library) : library_{library} {}
    process_steps(process_steps const&) = delete;
    process_steps& operator=(process_steps const&) = delete;
    ~process_steps(); ///< waits for what is under way: the driver's calls cannot be interrupted

    [[nodiscard]] gpu::process_state state_of(std::int32_t pid) const;
    gpu::driver_code begin(gpu::process_action const& a);
    void collect(sink<gpu::process_end>& out);
    [[nodiscard]] bool stepping() const noexcept { return !threads_.empty(); }
    [[nodiscard]] mailbox<gpu::process_end>& ends() noexcept { return ends_; }

  private:
    [[nodiscard]] gpu::driver_code perform(std::int32_t pid, gpu::process_step step, unsigned limit_ms,
                                           std::vector<cuda::gpu_pair>& pairs) const;

    cuda_library const& library_;
    std::map<std::int32_t, std::thread> threads_; // by pid
    mailbox<gpu::process_end> ends_;
};

} // namespace hpcsched::gpu_cuda

#endif
