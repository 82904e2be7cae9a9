// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_FUSE_TORCH_TEACHER_NETWORKS_HPP
#define HPCSCHED_FUSE_TORCH_TEACHER_NETWORKS_HPP

#include <hpcsched/core/result.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/fuse/teacher_set.hpp>
#include <hpcsched/fuse_torch/tensor.hpp>

#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace hpcsched::fuse_torch {

struct load_options {
    std::string device = "cpu";        ///< where all is run and trained: "cpu", "cuda", "cuda:1"
    std::vector<std::string> pinned{}; ///< blocks that are neither host nor guest, by the end of their path: "layer4.1"
};

/// The trained networks that are to be fused, read from TorchScript files, taken apart into blocks.
///
/// A network is cut wherever a single tensor is all that is needed of what was computed so far. What lies between two
/// cuts is a block: a module; or operations without a module (glue); or modules whose results are joined, taken whole.
/// A module is taken apart in its turn where its own parts follow each other. Traced networks, which carry the mode
/// they were traced in as constants, ask for it again, so that batch norm and dropout can be trained.
/// \thread_safety const: any thread, but `run` puts the networks out of training mode
class teacher_networks {
  public:
    struct state;

    /// Reads networks, one per task, and runs each on some of the samples to learn the shapes between blocks.
    /// \pre none; `sample` has at least one row
    /// \error the file, and: it is no TorchScript file; it is a Python pickle; it reads several tensors; its output is
    ///        no tensor; it cannot run on the samples; a weight is not finite; networks whose inputs differ
    [[nodiscard]] static result<teacher_networks> load(std::span<std::filesystem::path const> files,
                                                       tensor const& sample, load_options const& options = {});

    /// What the search works on.
    [[nodiscard]] fuse::teacher_set const& teachers() const noexcept;
    /// The module of a block within its network: "features.3", or "(flatten)" of operations between modules.
    /// \pre teachers().contains(id)
    [[nodiscard]] std::string const& path(fuse::node_id id) const noexcept;
    /// What the person who asked should know, one line each.
    [[nodiscard]] std::vector<std::string> const& notes() const noexcept;
    [[nodiscard]] std::string const& device() const noexcept;

    /// What the original networks give for these samples, by tasks, out of training mode.
    /// \error a network cannot run on them
    [[nodiscard]] result<std::vector<tensor>> run(tensor const& samples, std::int64_t batch = 256) const;

    /// How long each block takes for one sample on this machine: the lower quartile of some runs after warming up, by
    /// `teachers().number(id)`.
    [[nodiscard]] result<std::vector<duration>> time_blocks(unsigned runs = 20) const;

    [[nodiscard]] std::shared_ptr<state const> const& held() const noexcept { return state_; }

  private:
    explicit teacher_networks(std::shared_ptr<state const> held) noexcept : state_{std::move(held)} {}

    std::shared_ptr<state const> state_;
};

} // namespace hpcsched::fuse_torch

#endif
