// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_FUSE_TORCH_DISTILLATION_HPP
#define HPCSCHED_FUSE_TORCH_DISTILLATION_HPP

#include <hpcsched/core/result.hpp>
#include <hpcsched/fuse_torch/fused_network.hpp>
#include <hpcsched/fuse_torch/tensor.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

namespace hpcsched::fuse_torch {

/// How far a network's outputs are from the teachers'. Tasks are summed.
enum class distillation_loss : std::uint8_t {
    absolute = 0,            ///< mean absolute difference; GMorph's
    variance_normalised = 1, ///< mean squared difference over the variance of the teacher's: tasks weigh alike
};

enum class learning_rate_schedule : std::uint8_t {
    constant = 0,  ///< GMorph's
    one_cycle = 1, ///< a cosine up over the first 3 tenths of the steps, from a 25th, then down to a 10,000th
};

enum class optimiser : std::uint8_t { adam = 0, adamw = 1 };

struct training_settings {
    distillation_loss loss = distillation_loss::variance_normalised;
    learning_rate_schedule schedule = learning_rate_schedule::one_cycle;
    fuse_torch::optimiser optimiser = fuse_torch::optimiser::adam;
    double learning_rate = 3e-3; ///< of one-cycle, at its top
    double weight_decay = 0;
    std::int64_t batch = 64;
    bool dropout = false;           ///< drop while training; the teachers' outputs were made without
    bool batch_norm = true;         ///< batch norm by the batch's statistics, which are noted; false: by those noted
    std::uint64_t memory_limit = 0; ///< bytes that training may take by the estimate; the batch is halved to keep it
    std::uint64_t seed = 1;

    /// What GMorph trains with; the rate is its benchmarks' most common.
    [[nodiscard]] static training_settings gmorph() noexcept {
        return {.loss = distillation_loss::absolute,
                .schedule = learning_rate_schedule::constant,
                .learning_rate = 1e-3,
                .dropout = true};
    }
};

/// Trains a fused network towards its teachers' outputs. No labels are looked at.
/// \thread_safety none
class distillation {
  public:
    /// \param targets  what the teachers give for the inputs, by tasks
    /// \error a batch of 1 would already take more than the memory limit; there are no inputs
    [[nodiscard]] static result<distillation> make(fused_network network, tensor inputs, std::vector<tensor> targets,
                                                   std::uint32_t epochs_max, training_settings const& settings = {});
    distillation(distillation&&) noexcept;
    distillation& operator=(distillation&&) noexcept;
    ~distillation();

    /// Trains until so many epochs are done in all; the network is out of training mode afterwards.
    /// \param go_on  asked before each step
    /// \return the mean loss of the last epoch; NaN where nothing was trained
    /// \error `go_on` was false; the loss is no number; out of memory
    [[nodiscard]] result<double> train_until(std::uint32_t epochs, std::function<bool()> const& go_on = {});

    [[nodiscard]] std::uint32_t epochs_done() const noexcept;
    [[nodiscard]] fused_network& network() noexcept;
    [[nodiscard]] std::int64_t batch() const noexcept;
    /// Bytes of weights, gradients, the optimiser's moments and what a batch leaves for the way back.
    [[nodiscard]] std::uint64_t estimated_memory() const noexcept;

  private:
    struct state;
    explicit distillation(std::unique_ptr<state> made) noexcept;
    std::unique_ptr<state> state_;
};

} // namespace hpcsched::fuse_torch

#endif
