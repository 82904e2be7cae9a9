// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_CLI_GPU_INVENTORY_HPP
#define HPCSCHED_CLI_GPU_INVENTORY_HPP

#include <hpcsched/gpu/inventory.hpp>
#include <hpcsched/gpu_cuda/cuda_driver.hpp>

#include "command_line.hpp"

#include <vector>

namespace hpcsched::cli {

/// The devices of this machine, and who can tell more of them.
struct gpu_inventory {
    gpu_cuda::cuda_driver driver;
    std::vector<gpu::device_facts> devices;
};

/// \throws failure  the driver is missing, or does not answer: what brings it
[[nodiscard]] gpu_inventory read_gpus(arguments const& given);

/// Which libraries to ask: others than the driver's for tests, or where it is installed elsewhere.
void append_gpu_library_options(std::vector<option_spec>& options);

} // namespace hpcsched::cli

#endif
