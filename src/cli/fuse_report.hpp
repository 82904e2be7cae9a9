// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_CLI_FUSE_REPORT_HPP
#define HPCSCHED_CLI_FUSE_REPORT_HPP

#include <hpcsched/fuse_torch/fusion.hpp>
#include <hpcsched/fuse_torch/teacher_networks.hpp>

#include <string>

namespace hpcsched::cli {

/// A search that ended, and what was asked of it.
struct fusion_record {
    std::string command;
    fuse_torch::teacher_networks const& networks;
    fuse_torch::fusion_settings const& settings;
    fuse_torch::fusion_report const& report;
};

/// What a block is, in words: "residual block".
[[nodiscard]] std::string_view words_for(fuse::op_kind kind) noexcept;

/// All of it as one JSON document. Times are seconds, drops and scores fractions.
[[nodiscard]] std::string fusion_json(fusion_record const& of);

/// One HTML page that asks nothing of the network: the architecture before and after, latency against drop of what was
/// tried, the best so far over time, and each task's scores with 95 % intervals. Equal records give equal bytes.
[[nodiscard]] std::string fusion_page(fusion_record const& of);

} // namespace hpcsched::cli

#endif
