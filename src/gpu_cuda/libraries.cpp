// SPDX-License-Identifier: Apache-2.0
#include "libraries.hpp"

#include <utility>

namespace hpcsched::gpu_cuda {
namespace {

constexpr char const* brings_the_driver =
    " (it comes with NVIDIA's driver: on Debian the packages libcuda1 and libnvidia-ml1 of non-free)";

std::string missing_function(std::string const& path, char const* symbol) {
    return path + " has no " + symbol + ": it is no driver's library, or one from before CUDA 11";
}

} // namespace

result<cuda_library> cuda_library::load(std::string const& path) {
    auto file = shared_library::load(path);
    if (!file) {
        return error{"CUDA cannot be loaded: " + file.error().message + brings_the_driver};
    }
    cuda_library l{.file = std::move(*file), .call = {}};
#define HPCSCHED_FIND(symbol, name, parameters)                                                                        \
    l.file.find(#symbol, l.call.name);                                                                                 \
    if (l.call.name == nullptr) {                                                                                      \
        return error{missing_function(path, #symbol)};                                                                 \
    }
    HPCSCHED_CUDA_FUNCTIONS(HPCSCHED_FIND)
#undef HPCSCHED_FIND
    // NOLINTNEXTLINE(bugprone-macro-parentheses)
#define HPCSCHED_FIND(symbol, name, parameters)                                                                        \
    l.file.find(#symbol, l.call.name);                                                                                 \
    if (l.call.name == nullptr && l.no_checkpoint.empty()) {                                                           \
        l.no_checkpoint = path + " has no " #symbol ": to take processes off devices needs a driver for CUDA 12.8 or " \
                                 "later (570 or later)";                                                               \
    }
    HPCSCHED_CUDA_CHECKPOINT_FUNCTIONS(HPCSCHED_FIND)
#undef HPCSCHED_FIND
    cuda::result_code const begun = l.call.init(0);
    switch (begun) {
    case cuda::success:
        break;
    case cuda::stub_library:
        return error{path + " is the toolkit's stub, to link with only: install NVIDIA's driver, or take the toolkit's "
                            "lib/stubs out of LD_LIBRARY_PATH"};
    case cuda::no_device:
        return error{path + " finds no device: is one built in, and not hidden by CUDA_VISIBLE_DEVICES?"};
    case cuda::system_driver_mismatch:
        return error{path + " does not match the kernel's module: reboot, or load the module of the same version"};
    default:
        return error{path + " cannot be initialised: " + l.name_of(begun)};
    }
    if (l.call.driver_version(&l.version) != cuda::success) {
        l.version = 0;
    }
    return l;
}

std::string cuda_library::name_of(cuda::result_code code) const {
    char const* name = nullptr;
    bool const known = call.error_name(code, &name) == cuda::success && name != nullptr;
    return known ? name : "error " + std::to_string(code);
}

result<nvml_library> nvml_library::load(std::string const& path) {
    auto file = shared_library::load(path);
    if (!file) {
        return error{"NVML cannot be loaded: " + file.error().message + brings_the_driver};
    }
    nvml_library l{.file = std::move(*file), .call = {}};
#define HPCSCHED_FIND(symbol, name, parameters)                                                                        \
    l.file.find(#symbol, l.call.name);                                                                                 \
    if (l.call.name == nullptr) {                                                                                      \
        return error{missing_function(path, #symbol)};                                                                 \
    }
    HPCSCHED_NVML_FUNCTIONS(HPCSCHED_FIND)
#undef HPCSCHED_FIND
#define HPCSCHED_FIND(symbol, name, parameters) l.file.find(#symbol, l.call.name);
    HPCSCHED_NVML_OPTIONAL_FUNCTIONS(HPCSCHED_FIND)
#undef HPCSCHED_FIND
    switch (nvml::result_code const begun = l.call.init(); begun) {
    case nvml::success:
        break;
    case nvml::driver_not_loaded:
        return error{path + " finds the kernel's module nvidia not loaded: modprobe nvidia"};
    case nvml::version_mismatch:
        return error{path + " does not match the kernel's module: reboot, or load the module of the same version"};
    case nvml::no_permission:
        return error{path + " may not open the devices: is the user allowed to open /dev/nvidiactl?"};
    default:
        return error{path + " cannot be initialised: NVML's error " + std::to_string(begun)};
    }
    return l;
}

gpu::driver_code code_of(cuda::result_code code) noexcept {
    switch (code) {
    case cuda::success:
        return gpu::driver_code::done;
    case cuda::invalid_value:
        return gpu::driver_code::malformed;
    case cuda::out_of_memory:
        return gpu::driver_code::no_memory;
    case cuda::no_device:
    case cuda::ecc_uncorrectable:
    case cuda::nvlink_uncorrectable:
    case cuda::hardware_stack_error:
        return gpu::driver_code::device_lost;
    case cuda::illegal_state:
        return gpu::driver_code::wrong_state;
    case cuda::not_ready:
    case cuda::timeout:
        return gpu::driver_code::timed_out;
    case cuda::not_permitted:
        return gpu::driver_code::not_permitted;
    case cuda::not_supported:
        return gpu::driver_code::unsupported;
    default:
        return gpu::driver_code::failed;
    }
}

gpu::driver_code code_of_nvml(nvml::result_code code) noexcept {
    switch (code) {
    case nvml::success:
        return gpu::driver_code::done;
    case nvml::not_supported:
        return gpu::driver_code::unsupported;
    case nvml::no_permission:
        return gpu::driver_code::not_permitted;
    case nvml::not_found:
        return gpu::driver_code::unknown;
    case nvml::gpu_is_lost:
    case nvml::reset_required:
        return gpu::driver_code::device_lost;
    default:
        return gpu::driver_code::failed;
    }
}

} // namespace hpcsched::gpu_cuda
