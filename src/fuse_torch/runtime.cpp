// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/fuse_torch/runtime.hpp>

#include <ATen/Parallel.h>
#include <ATen/detail/CUDAHooksInterface.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <fstream>
#include <string>
#include <vector>

namespace hpcsched::fuse_torch {

void use_threads(unsigned count) {
    at::set_num_threads(count == 0 ? 1 : static_cast<int>(count));
}

unsigned fastest_threads(teacher_networks const& networks, tensor const& samples, std::int64_t batch, unsigned most) {
    if (networks.device() != "cpu" || samples.empty()) {
        return 1;
    }
    tensor const some = samples.slice(0, std::min(batch, samples.rows()));
    int const before = at::get_num_threads();
    std::vector<unsigned> counts;
    for (unsigned n = 1; n <= most; n *= 2) {
        counts.push_back(n);
    }
    std::vector<std::chrono::steady_clock::duration> least(counts.size(), std::chrono::hours{1});
    for (int round = 0; round < 6; ++round) {
        for (std::size_t i = 0; i < counts.size(); ++i) {
            at::set_num_threads(static_cast<int>(counts[i]));
            auto const begin = std::chrono::steady_clock::now();
            if (!networks.run(some, batch)) {
                least[i] = std::chrono::hours{1};
                break;
            }
            if (round > 0) { // the first warms up
                least[i] = std::min(least[i], std::chrono::steady_clock::now() - begin);
            }
        }
    }
    at::set_num_threads(before);
    std::size_t best = 0;
    for (std::size_t i = 1; i < counts.size(); ++i) {
        best = least[i] < least[best] * 9 / 10 ? i : best;
    }
    return counts[best];
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
