// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_FUSE_TORCH_TIMING_HPP
#define HPCSCHED_FUSE_TORCH_TIMING_HPP

#include <hpcsched/fuse_torch/latency.hpp>

#include <ATen/core/Tensor.h>
#include <torch/csrc/jit/api/module.h>

#include <functional>
#include <string>
#include <vector>

namespace hpcsched::fuse_torch::detail {

/// Until a GPU has done what it was told.
void wait_for(std::string const& device);

/// Runs each in turn, and sums up how long each took.
[[nodiscard]] std::vector<latency_figures> time_interleaved(std::vector<std::function<void()>> const& runs,
                                                            std::string const& device,
                                                            latency_settings const& settings);

/// Runs networks one after the other on an input.
[[nodiscard]] std::function<void()> timed_run(std::vector<torch::jit::Module> const& networks, at::Tensor const& x,
                                              bool frozen);

} // namespace hpcsched::fuse_torch::detail

#endif
