// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/fuse_torch/fused_network.hpp>

#include "saving.hpp"
#include "states.hpp"
#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>

namespace hpcsched::fuse_torch {
namespace {

using detail::live_block;
using detail::script_step;
using fuse::model_graph;
using fuse::node_index;
using torch::jit::Module;

live_block const& block_of(teacher_networks::state const& from, fuse::node_id id) {
    return from.networks[id.task - 1U].blocks[from.set.at(id).source];
}

/// Whether a node, or what it hands its input on to, writes to what it reads.
bool disturbs(teacher_networks::state const& from, model_graph const& graph, node_index i) {
    if (graph[i].is_adapter()) {
        return false;
    }
    live_block const& b = block_of(from, graph[i].id);
    bool found = b.writes_input;
    for (node_index c = graph.first_child(i); !found && b.hands_input_on && c != fuse::no_node;
         c = graph.next_sibling(c)) {
        found = disturbs(from, graph, c);
    }
    return found;
}

/// As LibTorch's linear layers start: uniform within 1 / sqrt(inputs).
void randomise(Module& adapter, at::Generator& generator) {
    c10::NoGradGuard const no_grad;
    if (!adapter.hasattr("weight")) {
        return;
    }
    at::Tensor weight = adapter.attr("weight").toTensor();
    double const bound = 1.0 / std::sqrt(static_cast<double>(weight.size(1)));
    weight.uniform_(-bound, bound, generator);
    adapter.attr("bias").toTensor().uniform_(-bound, bound, generator);
}

std::string name_of_node(fuse::node_id id, bool is_adapter) {
    return (is_adapter ? "a_" : "b_") + std::to_string(id.task) + '_' + std::to_string(id.layer);
}

/// The module that a node inherits: of the base, or of its teacher; nothing: it is made anew.
std::optional<Module> origin_of(teacher_networks::state const& from, model_graph const& graph, node_index i,
                                fuse::weight_origin const& origin, Module const* base) {
    using source = fuse::weight_origin::source;
    if (origin.from == source::base && base != nullptr) {
        return base->attr(name_of_node(origin.node, graph[i].is_adapter())).toModule();
    }
    if (graph[i].is_adapter()) {
        return std::nullopt;
    }
    return block_of(from, graph[i].id).module;
}

void build(fused_network::state& to, std::uint64_t seed, std::vector<fuse::weight_origin> const& origins,
           Module const* base) {
    teacher_networks::state const& from = *to.networks.held();
    model_graph const& graph = to.graph;
    auto generator = at::detail::createCPUGenerator(seed);
    std::vector<script_step> steps;
    std::vector<std::uint32_t> outputs(from.set.task_count(), 0);
    to.nodes.assign(graph.size(), Module{});
    for (node_index i = 1; i < graph.size(); ++i) {
        auto const origin = origin_of(from, graph, i, origins[i], base);
        Module made;
        if (origin) {
            made = detail::trainable_copy(*origin);
            made.to(at::Device{from.device});
        } else {
            made = detail::make_adapter(graph[i].adapter, graph.input_shape(from.set, i), graph[i].output);
            randomise(made, generator);
            made.to(at::Device{from.device});
            to.fresh.push_back(i);
        }
        node_index const parent = graph[i].parent;
        steps.push_back({.name = name_of_node(graph[i].id, graph[i].is_adapter()),
                         .module = made,
                         .reads = parent == 0 ? script_step::input : parent - 1,
                         .copies_input = graph.child_count(parent) > 1 && disturbs(from, graph, i)});
        to.nodes[i] = made;
        if (graph.is_leaf(i)) {
            outputs[graph[i].id.task - 1U] = i - 1;
        }
    }
    to.whole = detail::assemble(steps, outputs);
    to.whole.eval();
}

// --- ridge regression --------------------------------------------------------------------------------------------

/// Features as rows: of an image a row per place, of a sequence one per token.
at::Tensor rows_of(at::Tensor const& features) {
    return features.dim() == 4   ? features.permute({0, 2, 3, 1}).reshape({-1, features.size(1)})
           : features.dim() == 3 ? features.reshape({-1, features.size(2)})
                                 : features;
}

/// Solves for the map with bias from x to y, both with rows of samples. \return R^2
double regress(at::Tensor const& x, at::Tensor const& y, double ridge, at::Tensor& weight, at::Tensor& bias) {
    // What goes into the equations is bounded, however large an image is.
    std::int64_t const most = 200'000;
    std::int64_t const step = (x.size(0) + most - 1) / most;
    at::Tensor const a = x.slice(0, 0, x.size(0), step).to(at::kDouble);
    at::Tensor const b = y.slice(0, 0, y.size(0), step).to(at::kDouble);
    at::Tensor const a_mean = a.mean(0);
    at::Tensor const b_mean = b.mean(0);
    at::Tensor const centred = a - a_mean;
    at::Tensor gram = centred.t().mm(centred);
    double const mean = gram.diagonal().mean().item<double>();
    gram.diagonal().add_(ridge * mean + 1e-9);
    at::Tensor const target = b - b_mean;
    at::Tensor const solution = at::linalg_solve(gram, centred.t().mm(target)); // [in, out]
    weight.copy_(solution.t().reshape(weight.sizes()).to(weight.scalar_type()));
    bias.copy_((b_mean - a_mean.matmul(solution)).to(bias.scalar_type()));
    double const rest = (target - centred.mm(solution)).square().sum().item<double>();
    double const all = target.square().sum().item<double>();
    return all > 0 ? 1 - rest / all : 0;
}

/// What a guest reads in its own teacher.
at::Tensor own_features(teacher_networks::state const& from, fuse::node_id guest, at::Tensor x) {
    for (std::uint16_t layer = 0; layer < guest.layer; ++layer) {
        Module module = block_of(from, {guest.task, layer}).module;
        module.eval();
        x = module.forward({x}).toTensor();
    }
    return x;
}

/// Features at each node, run as far as asked; each is kept until the end.
class partial_run {
  public:
    partial_run(fused_network::state& of, at::Tensor const& x) : of_{of}, values_(of.graph.size()) { values_[0] = x; }

    at::Tensor at(node_index i) {
        if (!values_[i].defined()) {
            at::Tensor const read = at(of_.graph[i].parent).clone(); // blocks may write to it
            values_[i] = of_.nodes[i].forward({read}).toTensor();
        }
        return values_[i];
    }

  private:
    fused_network::state& of_;
    std::vector<at::Tensor> values_;
};

std::vector<adapter_fit> initialise(fused_network::state& to, at::Tensor const& samples, double ridge) {
    c10::NoGradGuard const no_grad;
    detail::plain_executor const plain;
    teacher_networks::state const& from = *to.networks.held();
    at::Tensor const x = samples.to(at::Device{from.device});
    to.whole.eval();
    partial_run run{to, x};
    std::vector<adapter_fit> fits;
    for (node_index const i : to.fresh) { // parents before children, so what is read is already set
        if (!fuse::is_trained(to.graph[i].adapter)) {
            continue;
        }
        at::Tensor const wanted = own_features(from, to.graph[to.graph.first_child(i)].id, x.clone());
        at::Tensor given = run.at(to.graph[i].parent);
        if (given.dim() == 4 && (given.size(2) != wanted.size(2) || given.size(3) != wanted.size(3))) {
            // A map of channels and an interpolation may change places: both are linear.
            given = at::upsample_bilinear2d(given, {wanted.size(2), wanted.size(3)}, false);
        }
        at::Tensor weight = to.nodes[i].attr("weight").toTensor();
        at::Tensor bias = to.nodes[i].attr("bias").toTensor();
        fits.push_back({to.graph[i].id, regress(rows_of(given), rows_of(wanted), ridge, weight, bias)});
    }
    return fits;
}

} // namespace

result<fused_network> fused_network::build(teacher_networks const& networks, model_graph const& graph,
                                           std::uint64_t seed, fused_network const* base) {
    auto const origins = fuse::weight_origins(networks.teachers(), base == nullptr ? graph : base->graph(), graph);
    return detail::build_network(networks, graph, origins, seed, base == nullptr ? nullptr : &base->state_->whole);
}

result<fused_network> detail::build_network(teacher_networks const& networks, model_graph const& graph,
                                            std::vector<fuse::weight_origin> const& origins, std::uint64_t seed,
                                            Module const* base) {
    return detail::guarded([&] {
        auto made = std::make_shared<fused_network::state>(fused_network::state{.networks = networks, .graph = graph});
        build(*made, seed, origins, base);
        return fused_network{std::move(made)};
    });
}

model_graph const& fused_network::graph() const noexcept {
    return state_->graph;
}

std::uint64_t fused_network::parameters() const {
    std::uint64_t sum = 0;
    for (at::Tensor const& each : state_->whole.parameters()) {
        sum += static_cast<std::uint64_t>(each.numel());
    }
    return sum;
}

result<std::vector<adapter_fit>> fused_network::initialise_adapters(tensor const& samples, double ridge) {
    if (samples.empty()) {
        return error{"there are no samples to set adapters by"};
    }
    return detail::guarded([&] { return initialise(*state_, samples.held()->value, ridge); });
}

result<std::vector<tensor>> fused_network::run(tensor const& samples, std::int64_t batch) const {
    if (samples.empty()) {
        return error{"there are no samples to run the network on"};
    }
    return detail::guarded([&] {
        detail::plain_executor const plain;
        state_->whole.eval();
        std::vector<tensor> outputs;
        for (at::Tensor& each :
             detail::forward_all(state_->whole, samples.held()->value, batch, state_->networks.device())) {
            outputs.push_back(detail::wrap(std::move(each)));
        }
        return outputs;
    });
}

result<std::vector<tensor>> fused_network::run_training(tensor const& samples, std::uint64_t seed) {
    return detail::guarded([&] {
        detail::plain_executor const plain;
        state_->whole.train();
        at::manual_seed(seed);
        auto outputs =
            detail::forward_all(state_->whole, samples.held()->value, samples.rows(), state_->networks.device());
        state_->whole.eval();
        std::vector<tensor> wrapped;
        for (at::Tensor& each : outputs) {
            wrapped.push_back(detail::wrap(std::move(each)));
        }
        return wrapped;
    });
}

result<void> fused_network::save(std::filesystem::path const& file) const {
    return detail::save_network(*state_, file);
}

result<tensor> run_training(teacher_networks const& networks, std::uint16_t task, tensor const& samples,
                            std::uint64_t seed) {
    return detail::guarded([&] {
        detail::plain_executor const plain;
        Module copy = networks.held()->networks.at(task - 1U).whole.deepcopy();
        copy.train();
        at::manual_seed(seed);
        return detail::wrap(detail::forward_all(copy, samples.held()->value, samples.rows(), networks.device()).at(0));
    });
}

} // namespace hpcsched::fuse_torch
