// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_FUSE_TORCH_FUSION_DATA_HPP
#define HPCSCHED_FUSE_TORCH_FUSION_DATA_HPP

#include <hpcsched/core/result.hpp>
#include <hpcsched/fuse_torch/metric.hpp>
#include <hpcsched/fuse_torch/teacher_networks.hpp>
#include <hpcsched/fuse_torch/tensor.hpp>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace hpcsched::fuse_torch {

/// How a task is judged. The labels belong to the rows of the inputs; empty: by agreement with the teacher.
struct task_judge {
    fuse_torch::metric metric = metric::agreement;
    tensor labels{};
};

/// Inputs in four parts that share no row: networks are trained on the first and candidates chosen by the second; of
/// many candidates, that which looks best there has been lucky too, so what is chosen must hold on the third; and the
/// fourth is looked at once, at the end.
struct fusion_data {
    tensor training{};
    tensor validation{};
    tensor confirmation{}; ///< may be empty: then the second part alone decides
    tensor test{};
    std::vector<task_judge> validation_judges{}; ///< by tasks
    std::vector<task_judge> confirmation_judges{};
    std::vector<task_judge> test_judges{};

    /// Shuffles the rows by a seed and cuts them.
    /// \param validation  share of the rows, as `test` and `confirmation`; the rest is for training
    /// \error no inputs; too few to have a row in each part; labels whose number is not that of the inputs; a judge for
    ///        another number of tasks; a NaN among the inputs
    [[nodiscard]] static result<fusion_data> split(tensor const& inputs, std::vector<task_judge> const& judges,
                                                   std::size_t tasks, std::uint64_t seed, double validation = 0.15,
                                                   double test = 0.15, double confirmation = 0.1);
};

/// What the teachers reach, by tasks.
[[nodiscard]] result<std::vector<double>> scores_of(std::vector<tensor> const& outputs,
                                                    std::vector<tensor> const& teacher_outputs,
                                                    std::vector<task_judge> const& judges);

} // namespace hpcsched::fuse_torch

#endif
