// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_FUSE_TORCH_STATES_HPP
#define HPCSCHED_FUSE_TORCH_STATES_HPP

#include <hpcsched/core/result.hpp>
#include <hpcsched/fuse/inheritance.hpp>
#include <hpcsched/fuse/teacher_set.hpp>
#include <hpcsched/fuse_torch/fused_network.hpp>
#include <hpcsched/fuse_torch/teacher_networks.hpp>
#include <hpcsched/fuse_torch/tensor.hpp>

#include "script.hpp"
#include <ATen/core/Tensor.h>
#include <torch/csrc/jit/api/module.h>

#include <cstdint>
#include <exception>
#include <new>
#include <string>
#include <utility>
#include <vector>

namespace hpcsched::fuse_torch {

struct tensor::state {
    at::Tensor value;
};

namespace detail {

/// A block with its weights.
struct live_block {
    torch::jit::Module module{};
    std::string path{};
    bool writes_input = false;   ///< some of it works in place
    bool hands_input_on = false; ///< what it gives shares memory with what it reads
};

/// One network.
struct live_teacher {
    torch::jit::Module whole{};
    std::vector<live_block> blocks{};
};

} // namespace detail

struct teacher_networks::state {
    std::vector<detail::live_teacher> networks{};
    fuse::teacher_set set{};
    std::vector<std::string> notes{};
    std::string device{"cpu"};
    at::Tensor sample{}; // some rows, on the device
    bool reads_reals = true;
};

struct fused_network::state {
    teacher_networks networks;
    fuse::model_graph graph{};
    torch::jit::Module whole{};
    std::vector<torch::jit::Module> nodes{}; // by index in the graph; of the root, empty
    std::vector<fuse::node_index> fresh{};   // adapters that inherited nothing
};

namespace detail {

/// The first line of what an exception says.
[[nodiscard]] inline std::string first_line(std::string_view text) {
    std::string line{text.substr(0, text.find('\n'))};
    return line.size() > 300 ? line.substr(0, 300) + "..." : line;
}

[[nodiscard]] error failure_of(std::exception_ptr thrown);

/// Calls what may throw, and makes errors of exceptions.
template <class Call>
[[nodiscard]] auto guarded(Call&& call) -> result<decltype(call())> {
    try {
        if constexpr (std::is_void_v<decltype(call())>) {
            call();
            return {};
        } else {
            return call();
        }
    } catch (...) {
        return failure_of(std::current_exception());
    }
}

[[nodiscard]] inline tensor wrap(at::Tensor value) {
    return tensor{std::make_shared<tensor::state const>(tensor::state{std::move(value)})};
}

/// Builds the network of a graph, each node with the weights of its origin.
/// \param base  what `weight_origin::source::base` means; null: the teachers
[[nodiscard]] result<fused_network> build_network(teacher_networks const& networks, fuse::model_graph const& graph,
                                                  std::vector<fuse::weight_origin> const& origins, std::uint64_t seed,
                                                  torch::jit::Module const* base);

/// The outputs of a network's forward, by tasks.
[[nodiscard]] std::vector<at::Tensor> forward(torch::jit::Module& network, at::Tensor const& x);

/// Runs out of training mode without gradients, batch by batch; the outputs are on the processor's memory.
[[nodiscard]] std::vector<at::Tensor> forward_all(torch::jit::Module& network, at::Tensor const& x, std::int64_t batch,
                                                  std::string const& device);

} // namespace detail
} // namespace hpcsched::fuse_torch

#endif
