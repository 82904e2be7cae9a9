// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_SRC_GPU_CUDA_DEVICE_MEMORY_HPP
#define HPCSCHED_SRC_GPU_CUDA_DEVICE_MEMORY_HPP

#include <hpcsched/core/result.hpp>
#include <hpcsched/core/sink.hpp>
#include <hpcsched/gpu/device_driver.hpp>

#include "copiers.hpp"
#include "libraries.hpp"
#include "mailbox.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <vector>

namespace hpcsched::gpu_cuda {

/// The memory of the devices that CUDA shows this process. A device's context is made when its memory is first asked
/// for, since it takes some hundreds of megabytes of it.
class device_memory {
  public:
    /// \param uuids  the devices in the order of their indices; empty: in CUDA's order
    device_memory(cuda_library const& library, std::vector<std::string> const& uuids, std::uint32_t copier_count);
    device_memory(device_memory const&) = delete;
    device_memory& operator=(device_memory const&) = delete;
    ~device_memory();

    [[nodiscard]] result<gpu::device_address, gpu::driver_code> allocate(std::uint32_t device, std::uint64_t bytes);
    gpu::driver_code free(gpu::device_address at);
    [[nodiscard]] result<gpu::staging_area, gpu::driver_code> pin(std::uint64_t bytes);
    gpu::driver_code unpin(gpu::staging_area area);
    gpu::driver_code begin(gpu::transfer const& t);
    gpu::driver_code move_plainly(gpu::transfer const& t);
    void collect(sink<gpu::transfer_end>& out);
    [[nodiscard]] bool something_ended();
    [[nodiscard]] bool moving() const noexcept { return under_way_ > 0; }
    [[nodiscard]] mailbox<gpu::transfer_end>& ends() noexcept { return ends_; }

  private:
    struct in_flight {
        cuda::event done = nullptr;
        std::uint32_t owner = 0;
        std::uint64_t id = 0;
    };
    struct lane {
        cuda::stream stream = nullptr;
        std::deque<in_flight> queue{};
    };
    struct device_state {
        int ordinal = -1; // -1: not shown to this process
        cuda::context context = nullptr;
        std::array<lane, gpu::stream_count_max> lanes{};
        std::vector<cuda::event> spare{};
        std::map<std::uint64_t, std::uint64_t> blocks{}; // address -> bytes
    };

    gpu::driver_code enter(std::uint32_t device);
    gpu::driver_code enter_any();
    [[nodiscard]] gpu::driver_code check(gpu::transfer const& t) const;
    gpu::driver_code event_of(device_state& d, cuda::event& e) const;

    cuda_library const& library_;
    std::vector<device_state> devices_;
    std::vector<gpu::staging_area> pinned_;
    std::size_t under_way_ = 0;
    mailbox<gpu::transfer_end> ends_;
    copiers copiers_; // after the mailbox that they put into
};

} // namespace hpcsched::gpu_cuda

#endif
