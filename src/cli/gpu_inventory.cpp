// SPDX-License-Identifier: Apache-2.0
#include "gpu_inventory.hpp"

#include "failure.hpp"

#include <utility>

namespace hpcsched::cli {

gpu_inventory read_gpus(arguments const& given) {
    gpu_cuda::cuda_config config{.needs_memory = false, .needs_processes = false};
    config.nvml_library = given.one("--nvml-library", config.nvml_library);
    config.cuda_library = given.one("--cuda-library", config.cuda_library);
    auto driver = or_fail(gpu_cuda::cuda_driver::open(config), exit_code::failure);
    auto devices = driver.devices();
    if (!devices) {
        throw failure{exit_code::failure, config.nvml_library + " does not tell the devices of this machine"};
    }
    return {std::move(driver), std::move(*devices)};
}

void append_gpu_library_options(std::vector<option_spec>& options) {
    auto const file = value_completion::file();
    options.push_back({"--nvml-library", "FILE", "NVML [default: libnvidia-ml.so.1]", "Driver", file});
    options.push_back({"--cuda-library", "FILE", "CUDA's driver API [default: libcuda.so.1]", "Driver", file});
}

} // namespace hpcsched::cli
