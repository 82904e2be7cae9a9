// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/fuse_torch/runtime.hpp>

#include <ATen/Parallel.h>
#include <ATen/detail/CUDAHooksInterface.h>

#include <fstream>
#include <string>

namespace hpcsched::fuse_torch {

void use_threads(unsigned count) {
    at::set_num_threads(count == 0 ? 1 : static_cast<int>(count));
}

bool has_cuda() {
    return at::detail::getCUDAHooks().hasCUDA();
}

std::uint64_t peak_memory() {
    std::ifstream status{"/proc/self/status"};
    std::string word;
    while (status >> word) {
        if (word == "VmHWM:") {
            std::uint64_t kibibytes = 0;
            status >> kibibytes;
            return kibibytes * 1024;
        }
    }
    return 0;
}

} // namespace hpcsched::fuse_torch
