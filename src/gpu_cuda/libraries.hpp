// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_SRC_GPU_CUDA_LIBRARIES_HPP
#define HPCSCHED_SRC_GPU_CUDA_LIBRARIES_HPP

#include <hpcsched/core/result.hpp>
#include <hpcsched/gpu/device_driver.hpp>

#include "driver_api.hpp"
#include "nvml_api.hpp"
#include "shared_library.hpp"

#include <string>

namespace hpcsched::gpu_cuda {

/// libcuda, loaded and initialised.
struct cuda_library {
    shared_library file;
    cuda::functions call;
    int version = 0;             ///< of CUDA that the driver supports: 12080 is 12.8
    std::string no_checkpoint{}; ///< why processes cannot be checkpointed; empty: they can

    /// \error  the library, a function of it or a device is missing
    [[nodiscard]] static result<cuda_library> load(std::string const& path);

    [[nodiscard]] std::string name_of(cuda::result_code code) const;
};

/// NVML, loaded and initialised.
struct nvml_library {
    shared_library file;
    nvml::functions call;

    /// \error  the library, a function of it or the driver is missing
    [[nodiscard]] static result<nvml_library> load(std::string const& path);
};

[[nodiscard]] gpu::driver_code code_of(cuda::result_code code) noexcept;
[[nodiscard]] gpu::driver_code code_of_nvml(nvml::result_code code) noexcept;

} // namespace hpcsched::gpu_cuda

#endif
