// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_FUSE_TORCH_FUSED_MODEL_HPP
#define HPCSCHED_FUSE_TORCH_FUSED_MODEL_HPP

#include <hpcsched/core/result.hpp>
#include <hpcsched/fuse_torch/latency.hpp>
#include <hpcsched/fuse_torch/tensor.hpp>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace hpcsched::fuse_torch {

/// What a file of a fused network says of itself.
struct fused_description {
    struct node {
        std::string id{};
        std::string parent{};
        std::string kind{};  ///< "block", or of an adapter its kind
        std::string shape{}; ///< of what it gives for one sample
        std::uint64_t parameters = 0;
        std::string path{}; ///< of a block: its module in the teacher
    };
    bool reads_reals = true;
    std::vector<std::int64_t> sample{}; ///< extents of one
    std::vector<std::string> tasks{};   ///< by the order of the outputs
    std::vector<node> nodes{};          ///< a parent before its children
};

/// \error it is no file that `fused_network::save` wrote
[[nodiscard]] result<fused_description> describe_file(std::filesystem::path const& file);

struct serving_options {
    std::string device = "cpu";
    unsigned instances = 1; ///< as many calls run at the same time, the others wait
    unsigned threads = 1;   ///< that LibTorch computes a call with
    bool frozen = true;     ///< weights made constants, batch norm folded away: faster, and not equal to the last bit
    unsigned warm_up = 5;   ///< runs of each instance before `load` returns
};

/// A fused network for a program that serves it. A handle: copies are the same instances.
/// \thread_safety any thread; no more than `instances` calls run at a time
class fused_model {
  public:
    /// \error the file is none of a fused network; the device is not there
    [[nodiscard]] static result<fused_model> load(std::filesystem::path const& file,
                                                  serving_options const& options = {});

    [[nodiscard]] fused_description const& description() const noexcept;

    /// The outputs for a batch, by tasks.
    /// \error samples of another shape or type than the networks read; out of memory
    [[nodiscard]] result<std::vector<tensor>> run(tensor const& batch) const;

  private:
    struct state;
    explicit fused_model(std::shared_ptr<state> held) noexcept : state_{std::move(held)} {}
    std::shared_ptr<state> state_;
};

/// Times networks of files, several in a group one after the other, on noise of the shape that the first group's first
/// file describes.
/// \pre a group is not empty; the first is one fused file
[[nodiscard]] result<std::vector<latency_figures>>
compare_files(std::vector<std::vector<std::filesystem::path>> const& groups, std::string const& device,
              latency_settings const& settings = {});

} // namespace hpcsched::fuse_torch

#endif
