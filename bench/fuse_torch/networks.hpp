// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_BENCH_FUSE_TORCH_NETWORKS_HPP
#define HPCSCHED_BENCH_FUSE_TORCH_NETWORKS_HPP

#include <hpcsched/fuse_torch/fusion_data.hpp>
#include <hpcsched/fuse_torch/metric.hpp>

#include "samples.hpp"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

/// The seven benchmarks of GMorph, small: seven sets of trained networks and samples to fuse them by.
namespace hpcsched::bench {

/// One trained network of a benchmark.
struct task_spec {
    std::string attribute{};    ///< what it tells, and how its file is called
    std::string train_labels{}; ///< labels that it is trained by, where not those
    std::string network{};      ///< "vgg 8 8 0 16 16 0", "resnet 8 3 4 3", "vit 32 6", "bert 32 6": kind, widths, depth
    std::int64_t outputs = 2;
    fuse_torch::metric metric = fuse_torch::metric::accuracy;
    unsigned epochs = 8;
    double rate = 4e-3;
    /// What it is trained on, where that is not what the others are: samples of a kind and a number of their own.
    std::function<labelled_samples(std::size_t count, std::uint64_t seed)> taught_by{};
};

struct benchmark_spec {
    std::string name{};
    std::string what{}; ///< one line
    std::vector<task_spec> tasks{};
    std::function<labelled_samples(std::size_t count, std::uint64_t seed)> draw{};
    std::uint32_t side = 16;
    std::uint32_t channels = 3;
    std::uint32_t patch = 4;   ///< of a ViT
    std::uint32_t length = 16; ///< of a sentence
    std::uint32_t hidden = 32; ///< of a VGG's classifier
};

/// How large networks and samples are.
enum class campaign_scale : std::uint8_t {
    small, ///< minutes on two cores
    large, ///< as GMorph's own, for one big GPU
};

[[nodiscard]] std::vector<benchmark_spec> const& all_benchmarks(campaign_scale scale);

/// How many samples of each kind there are.
struct sample_counts {
    std::size_t teaching = 6000; ///< with labels, to train the networks
    std::size_t training = 2000; ///< without, to fuse them
    std::size_t validation = 2000;
    std::size_t confirmation = 2000;
    std::size_t test = 4000;
};

/// Networks and data of a benchmark, ready.
struct prepared_benchmark {
    std::vector<std::filesystem::path> files{};
    fuse_torch::fusion_data data{};
    std::string device = "cpu";
    std::vector<std::string> notes{}; ///< what was trained, and how well
};

/// Trains what is not in the folder yet; a file is named after all that it is made from.
/// \param device  where they are trained, and fused later: "cpu", "cuda"
[[nodiscard]] prepared_benchmark prepare(benchmark_spec const& spec, sample_counts const& counts, std::uint64_t seed,
                                         std::filesystem::path const& folder, std::string const& device);

} // namespace hpcsched::bench

#endif
