// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_FUSE_TORCH_RUNTIME_HPP
#define HPCSCHED_FUSE_TORCH_RUNTIME_HPP

#include <hpcsched/fuse_torch/teacher_networks.hpp>
#include <hpcsched/fuse_torch/tensor.hpp>

#include <cstdint>

/// What holds for the whole process.
namespace hpcsched::fuse_torch {

/// How many threads LibTorch computes an operation with when it is called by this thread.
void use_threads(unsigned count);

/// With how many threads LibTorch is fastest on these networks: 1, 2, 4 and so on up to `most` are tried by turns, and
/// more are chosen only where they save a tenth. Small networks are slower with several: the threads wait for each
/// other longer than they compute. What `use_threads` set is as it was, afterwards.
/// \param batch  samples at a time, as they are trained on
/// \return 1 where a device other than the processor computes, or the networks cannot run on the samples
[[nodiscard]] unsigned fastest_threads(teacher_networks const& networks, tensor const& samples, std::int64_t batch,
                                       unsigned most);

/// Whether LibTorch sees a CUDA device.
[[nodiscard]] bool has_cuda();

/// The most memory that this process had at once, in bytes; 0: not known.
[[nodiscard]] std::uint64_t peak_memory();

} // namespace hpcsched::fuse_torch

#endif
