// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_FUSE_TORCH_METRIC_HPP
#define HPCSCHED_FUSE_TORCH_METRIC_HPP

#include <hpcsched/core/result.hpp>
#include <hpcsched/fuse_torch/tensor.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hpcsched::fuse_torch {

/// How good outputs are, from 0 or -1 to 1. Rows of outputs are scores of classes; a class is the greatest of them, and
/// of one score alone its sign.
enum class metric : std::uint8_t {
    agreement = 0,       ///< share of samples of the teacher's class; needs no labels
    accuracy = 1,        ///< share of samples of the right class; labels: a number of a class each
    matthews = 2,        ///< Matthews correlation of two classes; labels 0 and 1
    micro_precision = 3, ///< average precision of all scores together; labels: 0 or 1 for each class
    macro_precision = 4, ///< mean over the classes of their average precision
};

[[nodiscard]] std::string_view name_of(metric m) noexcept;
[[nodiscard]] std::optional<metric> metric_of(std::string_view name) noexcept;

/// \param outputs  [samples, scores]
/// \param labels   as the metric wants them; of `agreement` the teacher's outputs
/// \error numbers of samples or of classes that do not fit, a label that is no class
[[nodiscard]] result<double> score(metric m, tensor const& outputs, tensor const& labels);

/// Of which samples the class is right; `score` is the share of these.
/// \pre m is agreement or accuracy
/// \error as of `score`
[[nodiscard]] result<std::vector<bool>> right_samples(metric m, tensor const& outputs, tensor const& labels);

} // namespace hpcsched::fuse_torch

#endif
