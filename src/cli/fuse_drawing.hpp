// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_CLI_FUSE_DRAWING_HPP
#define HPCSCHED_CLI_FUSE_DRAWING_HPP

#include <hpcsched/fuse/model_graph.hpp>
#include <hpcsched/fuse_torch/teacher_networks.hpp>

#include <string>

namespace hpcsched::cli {

/// The rules that `draw_graph` relies on.
[[nodiscard]] std::string drawing_css();

/// A graph as one SVG element, from the input at the left to each task's output at the right: a box for each block, in
/// the colour of the network that its weights come from, wide where it may be moved; adapters are round. A pointer that
/// rests on one is told what it is.
[[nodiscard]] std::string draw_graph(fuse_torch::teacher_networks const& networks, fuse::model_graph const& graph);

} // namespace hpcsched::cli

#endif
