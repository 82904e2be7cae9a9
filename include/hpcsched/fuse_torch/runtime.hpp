// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_FUSE_TORCH_RUNTIME_HPP
#define HPCSCHED_FUSE_TORCH_RUNTIME_HPP

#include <cstdint>

/// What holds for the whole process.
namespace hpcsched::fuse_torch {

/// How many threads LibTorch computes an operation with when it is called by this thread.
void use_threads(unsigned count);

/// Whether LibTorch sees a CUDA device.
[[nodiscard]] bool has_cuda();

/// The most memory that this process had at once, in bytes; 0: not known.
[[nodiscard]] std::uint64_t peak_memory();

} // namespace hpcsched::fuse_torch

#endif
