// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_FUSE_TORCH_SAVING_HPP
#define HPCSCHED_FUSE_TORCH_SAVING_HPP

#include <hpcsched/core/result.hpp>
#include <hpcsched/fuse_torch/fused_network.hpp>

#include <torch/csrc/jit/api/module.h>

#include <filesystem>
#include <string>

namespace hpcsched::fuse_torch::detail {

/// What is written beside the weights, to be told apart from other TorchScript files: its name in the archive.
inline constexpr char const* description_name = "hpcsched_fused";

[[nodiscard]] result<void> save_network(fused_network::state const& network, std::filesystem::path const& file);

/// Writes a module, with a text beside its weights.
[[nodiscard]] result<void> save_module(torch::jit::Module const& module, std::string const& description,
                                       std::filesystem::path const& file);

} // namespace hpcsched::fuse_torch::detail

#endif
