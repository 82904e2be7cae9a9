// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_BENCH_FUSE_TORCH_METHODS_HPP
#define HPCSCHED_BENCH_FUSE_TORCH_METHODS_HPP

#include <hpcsched/core/time.hpp>
#include <hpcsched/fuse_torch/fusion.hpp>

#include "networks.hpp"

#include <cstdint>
#include <string>
#include <vector>

/// Ways to fuse the networks of a benchmark, all with the same samples, decisions and clock.
namespace hpcsched::bench {

/// What a method came to.
struct method_outcome {
    bool found = false;
    fuse_torch::latency_comparison latency{};
    std::uint64_t multiply_adds[2] = {}; ///< of a sample: separate, fused
    std::uint64_t parameters[2] = {};
    std::vector<fuse_torch::drop_estimate> validation{};
    std::vector<fuse_torch::drop_estimate> confirmation{};
    std::vector<fuse_torch::drop_estimate> test{};
    double seconds = 0; ///< of processor time, of the search with its trainings
    std::uint64_t evaluated = 0;
    std::uint64_t abandoned = 0;
    std::uint64_t epochs = 0;
    /// Seconds, and how many times as fast as the separate networks the best so far was.
    std::vector<std::pair<double, double>> curve{};
};

struct method_settings {
    duration budget{}; ///< processor time
    std::uint32_t epochs = 12;
    double tolerated_drop = 0.01;
    double confidence = 0.9;
    std::uint64_t seed = 1;
    /// Of GMorph's trainings: the highest of its scripts. Some of them have a twentieth of that, for large networks
    /// that were trained elsewhere; these small ones have few epochs.
    double gmorph_rate = 1e-3;
};

/// "separate", "all_shared", "treemtl", "random", "gmorph", "gmorph_p", "gmorph_pr", "cost_first".
[[nodiscard]] std::vector<std::string> const& all_methods();

/// \pre name is among all_methods()
[[nodiscard]] result<method_outcome> run_method(std::string const& name, prepared_benchmark const& on,
                                                method_settings const& settings);

} // namespace hpcsched::bench

#endif
