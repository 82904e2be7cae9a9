// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_FUSE_TORCH_HPP
#define HPCSCHED_FUSE_TORCH_HPP

/// \file
/// All of hpcsched::fuse_torch; a program that is built often includes what it uses instead.

#include <hpcsched/fuse_torch/distillation.hpp>
#include <hpcsched/fuse_torch/drop_estimate.hpp>
#include <hpcsched/fuse_torch/fused_model.hpp>
#include <hpcsched/fuse_torch/fused_network.hpp>
#include <hpcsched/fuse_torch/fusion.hpp>
#include <hpcsched/fuse_torch/fusion_data.hpp>
#include <hpcsched/fuse_torch/latency.hpp>
#include <hpcsched/fuse_torch/metric.hpp>
#include <hpcsched/fuse_torch/network_evaluator.hpp>
#include <hpcsched/fuse_torch/runtime.hpp>
#include <hpcsched/fuse_torch/teacher_networks.hpp>
#include <hpcsched/fuse_torch/tensor.hpp>

#endif
