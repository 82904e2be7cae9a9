// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_GPU_CUDA_HPP
#define HPCSCHED_GPU_CUDA_HPP

/// \file
/// All of hpcsched::gpu_cuda; a program that is built often includes what it uses instead.

#include <hpcsched/gpu_cuda/cuda_driver.hpp>

#endif
