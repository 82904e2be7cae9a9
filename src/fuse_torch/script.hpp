// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_FUSE_TORCH_SCRIPT_HPP
#define HPCSCHED_FUSE_TORCH_SCRIPT_HPP

#include <hpcsched/fuse/adapter.hpp>
#include <hpcsched/fuse/block.hpp>
#include <hpcsched/fuse/tensor_shape.hpp>

#include <torch/csrc/jit/api/module.h>

#include <cstdint>
#include <string>
#include <vector>

/// The door to TorchScript: what looks into graphs, nodes and types of its compiler stands in script.cpp, and nowhere
/// else. Everything here may throw c10::Error or script_fault.
namespace hpcsched::fuse_torch::detail {

/// What the person who brought the model can mend.
struct script_fault {
    std::string message;
};

/// A piece of a network, in the order of execution: reads one tensor, gives one.
struct script_piece {
    torch::jit::Module module{}; ///< its own `forward(self, x)`; one of the network's, or made of its operations
    std::string path{};          ///< where in the network: "features.3"; of operations between modules "(flatten)"
    std::string description{};   ///< equal for equal structure, whatever the weights
    fuse::op_kind kind = fuse::op_kind::other;
};

/// \param beside  of what was saved beside the weights under this name, the text; where there is none, ""
/// \throws script_fault  it is no TorchScript file, and what it is instead
[[nodiscard]] torch::jit::Module load_script(std::string const& file, char const* beside = nullptr,
                                             std::string* text = nullptr);

/// Traced networks carry the mode they were traced in as constants: batch norm and dropout ask the module again.
/// \return how many operations were mended
unsigned mend_training_flags(torch::jit::Module& network);

/// What cannot be trained as it should, one line each: dropout whose probability tracing has lost, kernels without
/// gradients.
[[nodiscard]] std::vector<std::string> doubts_of(torch::jit::Module const& network);

/// Takes a network apart.
/// \throws script_fault  it reads more than one tensor, or gives something else than one
[[nodiscard]] std::vector<script_piece> take_apart(torch::jit::Module const& network);

/// Makes one module of pieces that follow each other.
[[nodiscard]] torch::jit::Module join(std::vector<script_piece> const& pieces);

/// An adapter whose weights are still zero.
[[nodiscard]] torch::jit::Module make_adapter(fuse::adapter_kind kind, fuse::tensor_shape const& from,
                                              fuse::tensor_shape const& to);

/// A step of a network: a module that reads what another step gives.
struct script_step {
    static constexpr std::uint32_t input = 0xffffffff;

    std::string name{}; ///< of the module in the network; unique
    torch::jit::Module module{};
    std::uint32_t reads = input; ///< a step before this one
    bool copies_input = false;   ///< the module writes to what it reads, and others read it too
};

/// A network whose forward gives the outputs of some steps: a tensor for one, else a tuple.
[[nodiscard]] torch::jit::Module assemble(std::vector<script_step> const& steps,
                                          std::vector<std::uint32_t> const& outputs);

/// A copy that shares nothing, its weights ready to be trained.
[[nodiscard]] torch::jit::Module trainable_copy(torch::jit::Module const& module);

/// A copy for inference, its weights made constants; batch norm is folded away.
[[nodiscard]] torch::jit::Module frozen_copy(torch::jit::Module const& module);

/// Puts all of a network in training mode or out of it, and batch norm on its own.
void set_modes(torch::jit::Module& network, bool training, bool batch_norm_training);

/// While one lives, TorchScript runs graphs as they are, without watching shapes to specialise for them: in training
/// the specialised ones cost more than they save. A setting of the whole process.
class plain_executor {
  public:
    plain_executor();
    plain_executor(plain_executor const&) = delete;
    plain_executor& operator=(plain_executor const&) = delete;
    ~plain_executor();

  private:
    bool before_;
};

} // namespace hpcsched::fuse_torch::detail

#endif
