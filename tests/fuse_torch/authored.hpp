// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_TESTS_FUSE_TORCH_AUTHORED_HPP
#define HPCSCHED_TESTS_FUSE_TORCH_AUTHORED_HPP

#include <hpcsched/fuse_torch/tensor.hpp>

#include <cstdint>
#include <string>
#include <vector>

/// Networks written in C++ alone, as TorchScript files: what a program without Python would fuse. No Torch in here.
namespace hpcsched::fuse_torch::test {

/// An image network of convolutions: for each entry of `widths` a convolution and a ReLU, "0" a pooling; then a hidden
/// layer with dropout, and the classes.
struct vgg_like {
    std::uint32_t channels = 3;
    std::uint32_t side = 16;
    std::vector<std::uint32_t> widths{8, 8, 0, 16, 16, 0};
    std::uint32_t hidden = 16;
    std::uint32_t classes = 3;
    bool batch_norm = false;
    bool in_place = false; ///< ReLU writes to its input
};

/// Convolution, batch norm, residual blocks in stages, each twice as wide as the one before, mean, classes.
struct resnet_like {
    std::uint32_t channels = 3;
    std::uint32_t width = 8;
    std::vector<std::uint32_t> stages{2, 2}; ///< blocks of each width
    std::uint32_t classes = 3;
};

/// Patches, a class token and positions, layers of attention, the first token, classes.
struct vit_like {
    std::uint32_t side = 16;
    std::uint32_t patch = 4;
    std::uint32_t width = 16;
    std::uint32_t layers = 3;
    std::uint32_t classes = 3;
};

/// Numbers of words and their positions, layers of attention, a pooler, classes.
struct bert_like {
    std::uint32_t words = 20;
    std::uint32_t length = 8;
    std::uint32_t width = 16;
    std::uint32_t layers = 3;
    std::uint32_t classes = 2;
};

void write(vgg_like const& model, std::string const& file, std::uint64_t seed);
void write(resnet_like const& model, std::string const& file, std::uint64_t seed);
void write(vit_like const& model, std::string const& file, std::uint64_t seed);
void write(bert_like const& model, std::string const& file, std::uint64_t seed);

/// What is wrong in one way or another.
void write_with_nan(std::string const& file);
void write_two_inputs(std::string const& file);
void write_tuple(std::string const& file);
void write_frozen(std::string const& file);

/// Trains a classifier with Adam and one-cycle, one thread, and writes it back. As many labels as samples are classes;
/// more, 0 or 1 for each output.
/// \param device  where: "cpu", "cuda"
/// \return the share of the labels that it gets right of what it was trained on
double train(std::string const& file, tensor const& images, std::vector<std::int64_t> const& labels, unsigned epochs,
             double rate, std::uint64_t seed, std::string const& device = "cpu");

/// What a TorchScript file gives, loaded by nothing but LibTorch: outputs in order.
std::vector<tensor> run_plainly(std::string const& file, tensor const& samples);

/// One thread for everything.
void use_one_thread();

/// Numbers between 0 and 1, by seed.
tensor noise(std::vector<std::int64_t> const& extents, std::uint64_t seed);
/// Numbers of words below `words`.
tensor words(std::vector<std::int64_t> const& extents, std::int64_t words, std::uint64_t seed);

} // namespace hpcsched::fuse_torch::test

#endif
