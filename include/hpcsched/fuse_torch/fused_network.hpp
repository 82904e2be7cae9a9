// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_FUSE_TORCH_FUSED_NETWORK_HPP
#define HPCSCHED_FUSE_TORCH_FUSED_NETWORK_HPP

#include <hpcsched/core/result.hpp>
#include <hpcsched/fuse/model_graph.hpp>
#include <hpcsched/fuse_torch/teacher_networks.hpp>
#include <hpcsched/fuse_torch/tensor.hpp>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace hpcsched::fuse_torch {

/// How well an adapter could be set by regression.
struct adapter_fit {
    fuse::node_id adapter{};
    double explained = 0; ///< R^2 over the samples: 1: the guest's own features come out of it
};

/// A model graph with weights: the network that it stands for. A handle: copies are the same network.
/// \thread_safety none
class fused_network {
  public:
    struct state;

    /// Builds the network of a graph. Each node's weights are those of the same node in `base` where that has it, else
    /// those of the teacher. Adapters too are inherited, where they join the same nodes; the others start as
    /// `initialise_adapters` leaves them, or random.
    /// \pre fuse::validate(networks.teachers(), graph)
    /// \error what LibTorch says
    [[nodiscard]] static result<fused_network> build(teacher_networks const& networks, fuse::model_graph const& graph,
                                                     std::uint64_t seed, fused_network const* base = nullptr);

    [[nodiscard]] fuse::model_graph const& graph() const noexcept;
    /// Numbers that are trained, adapters included.
    [[nodiscard]] std::uint64_t parameters() const;

    /// Sets every adapter that has weights and inherited none: by ridge regression from what it reads to what its first
    /// guest reads in its own teacher.
    /// \param ridge  what is added to the diagonal, as a share of its mean
    /// \complexity O(samples * width^2 + width^3) per adapter
    [[nodiscard]] result<std::vector<adapter_fit>> initialise_adapters(tensor const& samples, double ridge = 1e-3);

    /// The outputs by tasks, out of training mode.
    [[nodiscard]] result<std::vector<tensor>> run(tensor const& samples, std::int64_t batch = 256) const;

    /// Runs one batch in training mode from a seed: dropout drops, batch norm takes the batch's statistics and notes
    /// them. For comparing with the teachers: `network` of the same name there does the same.
    [[nodiscard]] result<std::vector<tensor>> run_training(tensor const& samples, std::uint64_t seed);

    /// Writes a TorchScript file that C++ and Python load: forward gives the outputs by tasks, as a tuple where there
    /// are several. Written beside the file and renamed once it is on disk.
    /// \error the disk is full, the folder is not there; the file that was there before is as it was
    [[nodiscard]] result<void> save(std::filesystem::path const& file) const;

    explicit fused_network(std::shared_ptr<state> held) noexcept : state_{std::move(held)} {}
    [[nodiscard]] std::shared_ptr<state> const& held() const noexcept { return state_; }

  private:
    std::shared_ptr<state> state_;
};

/// What a teacher gives in training mode, from the same seed; the teacher itself is left as it was.
[[nodiscard]] result<tensor> run_training(teacher_networks const& networks, std::uint16_t task, tensor const& samples,
                                          std::uint64_t seed);

} // namespace hpcsched::fuse_torch

#endif
