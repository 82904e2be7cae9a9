// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_FUSE_TORCH_LATENCY_HPP
#define HPCSCHED_FUSE_TORCH_LATENCY_HPP

#include <hpcsched/core/result.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/fuse_torch/fused_network.hpp>
#include <hpcsched/fuse_torch/teacher_networks.hpp>

#include <cstdint>
#include <vector>

namespace hpcsched::fuse_torch {

struct latency_settings {
    std::int64_t batch = 1;
    unsigned warm_up = 10; ///< runs of each that are not counted
    unsigned rounds = 50;  ///< in each, every network runs once, one after the other: what disturbs one, disturbs all
    bool frozen = true;    ///< weights made constants and batch norm folded away, as a served network has it
    bool processor_time = false; ///< the time that the thread computed, not that which passed; not on a GPU
};

/// Of the runs that counted. On a machine that does other things too, the lower ones say most.
struct latency_figures {
    duration minimum{};
    duration lower_quartile{};
    duration median{};
    duration upper_quartile{};
};

struct latency_comparison {
    latency_figures separate{}; ///< the original networks, one after the other
    latency_figures fused{};
};

/// Warm, interleaved, and on a GPU with its queue waited for.
[[nodiscard]] result<latency_comparison> compare_latency(teacher_networks const& separate, fused_network const& fused,
                                                         latency_settings const& settings = {});

/// The same of several fused networks.
/// \pre they are on one device
[[nodiscard]] result<std::vector<latency_figures>> compare_latency(std::vector<fused_network> const& networks,
                                                                   latency_settings const& settings = {});

} // namespace hpcsched::fuse_torch

#endif
