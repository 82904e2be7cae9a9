// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/fuse_torch/distillation.hpp>

#include "states.hpp"
#include <ATen/ATen.h>
#include <torch/optim/adam.h>
#include <torch/optim/adamw.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <string>
#include <utility>

namespace hpcsched::fuse_torch {
namespace {

/// The share of the top rate at a step of one-cycle.
double one_cycle(double progress) {
    double const rising = 0.3;
    auto const between = [](double from, double to, double t) {
        return to + (from - to) * 0.5 * (1 + std::cos(std::numbers::pi * t));
    };
    return progress < rising ? between(1.0 / 25, 1, progress / rising)
                             : between(1, 1e-4, (progress - rising) / (1 - rising));
}

/// What a sample leaves behind in all nodes on the way forward.
std::uint64_t activations_of(fused_network::state const& network) {
    fuse::teacher_set const& teachers = network.networks.teachers();
    std::uint64_t sum = teachers.input().elements();
    for (fuse::node_index i = 1; i < network.graph.size(); ++i) {
        sum += network.graph.output_shape(teachers, i).elements();
    }
    return sum;
}

} // namespace

struct distillation::state {
    fused_network network;
    at::Tensor inputs{};
    std::vector<at::Tensor> targets{};
    std::vector<double> variances{}; // by tasks
    training_settings settings{};
    std::uint32_t epochs_max = 1;
    std::uint32_t done = 0;
    std::int64_t batch = 1;
    std::uint64_t memory = 0;
    std::unique_ptr<torch::optim::Optimizer> steps{};
    at::Generator order{at::detail::createCPUGenerator(1)};

    void set_rate(std::int64_t step, std::int64_t steps_in_all) {
        double const progress =
            static_cast<double>(step) / static_cast<double>(std::max<std::int64_t>(1, steps_in_all));
        double const rate =
            settings.learning_rate *
            (settings.schedule == learning_rate_schedule::one_cycle ? one_cycle(std::min(1.0, progress)) : 1.0);
        for (auto& group : steps->param_groups()) {
            group.options().set_lr(rate);
        }
    }

    at::Tensor loss_of(std::vector<at::Tensor> const& outputs, at::Tensor const& rows, at::Device const& device) const {
        at::Tensor sum;
        for (std::size_t t = 0; t < outputs.size(); ++t) {
            at::Tensor const wanted = targets[t].index_select(0, rows).to(device);
            at::Tensor const one = settings.loss == distillation_loss::absolute
                                       ? (outputs[t] - wanted).abs().mean()
                                       : (outputs[t] - wanted).square().mean() / variances[t];
            sum = sum.defined() ? sum + one : one;
        }
        return sum;
    }

    double epoch(std::function<bool()> const& go_on) {
        at::Device const device{network.held()->networks.device()};
        // Each time anew: a check in between puts the network out of training mode.
        detail::set_modes(network.held()->whole, settings.dropout, settings.batch_norm);
        at::Tensor const shuffled = at::randperm(inputs.size(0), order);
        // A last batch of 1 has no statistics for batch norm.
        std::int64_t const batches = std::max<std::int64_t>(1, (inputs.size(0) + batch / 2) / batch);
        double sum = 0;
        for (std::int64_t b = 0; b < batches; ++b) {
            if (go_on && !go_on()) {
                throw detail::script_fault{"stopped"};
            }
            std::int64_t const first = inputs.size(0) * b / batches;
            at::Tensor const rows = shuffled.slice(0, first, inputs.size(0) * (b + 1) / batches);
            set_rate(done * batches + b, epochs_max * batches);
            steps->zero_grad();
            auto const outputs = detail::forward(network.held()->whole, inputs.index_select(0, rows).to(device));
            at::Tensor const loss = loss_of(outputs, rows, device);
            double const value = loss.item<double>();
            if (!std::isfinite(value)) {
                throw detail::script_fault{"the loss is no number any more; train with a lower rate"};
            }
            loss.backward();
            steps->step();
            sum += value;
        }
        return sum / static_cast<double>(batches);
    }
};

distillation::distillation(std::unique_ptr<state> made) noexcept : state_{std::move(made)} {}
distillation::distillation(distillation&&) noexcept = default;
distillation& distillation::operator=(distillation&&) noexcept = default;
distillation::~distillation() = default;

result<distillation> distillation::make(fused_network network, tensor inputs, std::vector<tensor> targets,
                                        std::uint32_t epochs_max, training_settings const& settings) {
    if (inputs.empty()) {
        return error{"there are no inputs to train on"};
    }
    std::uint64_t const weights = network.parameters() * sizeof(float) * 4;
    std::uint64_t const sample = activations_of(*network.held()) * sizeof(float) * 3;
    auto made = std::make_unique<state>(state{.network = std::move(network), .settings = settings});
    made->batch = std::clamp<std::int64_t>(settings.batch, 1, inputs.rows());
    auto const memory = [&] { return weights + sample * static_cast<std::uint64_t>(made->batch); };
    while (settings.memory_limit != 0 && memory() > settings.memory_limit && made->batch > 1) {
        made->batch /= 2;
    }
    made->memory = memory();
    if (settings.memory_limit != 0 && made->memory > settings.memory_limit) {
        return error{"training takes " + std::to_string(made->memory >> 20U) + " MiB even with a batch of 1, and " +
                     std::to_string(settings.memory_limit >> 20U) + " MiB are allowed"};
    }
    made->epochs_max = std::max(1U, epochs_max);
    auto const prepared = detail::guarded([&] {
        made->inputs = inputs.held()->value;
        for (tensor const& each : targets) {
            made->targets.push_back(each.held()->value);
            at::Tensor const& t = made->targets.back();
            made->variances.push_back(std::max(1e-12, (t - t.mean(0)).square().mean().item<double>()));
        }
        made->order = at::detail::createCPUGenerator(settings.seed);
        std::vector<at::Tensor> parameters;
        for (at::Tensor const& each : made->network.held()->whole.parameters()) {
            if (each.requires_grad()) {
                parameters.push_back(each);
            }
        }
        if (parameters.empty()) {
            throw detail::script_fault{
                "there are no weights to train; the networks were frozen before they were saved"};
        }
        if (settings.optimiser == optimiser::adamw) {
            made->steps = std::make_unique<torch::optim::AdamW>(
                parameters, torch::optim::AdamWOptions{settings.learning_rate}.weight_decay(settings.weight_decay));
        } else {
            made->steps = std::make_unique<torch::optim::Adam>(
                parameters, torch::optim::AdamOptions{settings.learning_rate}.weight_decay(settings.weight_decay));
        }
    });
    if (!prepared) {
        return prepared.error();
    }
    return distillation{std::move(made)};
}

result<double> distillation::train_until(std::uint32_t epochs, std::function<bool()> const& go_on) {
    auto trained = detail::guarded([&] {
        detail::plain_executor const plain;
        double loss = std::numeric_limits<double>::quiet_NaN();
        for (; state_->done < epochs; ++state_->done) {
            at::manual_seed(state_->settings.seed + 0x9e3779b97f4a7c15ULL * (state_->done + 1)); // of dropout
            loss = state_->epoch(go_on);
        }
        return loss;
    });
    state_->network.held()->whole.eval();
    return trained;
}

std::uint32_t distillation::epochs_done() const noexcept {
    return state_->done;
}
fused_network& distillation::network() noexcept {
    return state_->network;
}
std::int64_t distillation::batch() const noexcept {
    return state_->batch;
}
std::uint64_t distillation::estimated_memory() const noexcept {
    return state_->memory;
}

} // namespace hpcsched::fuse_torch
