// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_FUSE_TORCH_DROP_ESTIMATE_HPP
#define HPCSCHED_FUSE_TORCH_DROP_ESTIMATE_HPP

#include <hpcsched/core/result.hpp>
#include <hpcsched/fuse_torch/fusion_data.hpp>
#include <hpcsched/fuse_torch/tensor.hpp>

#include <vector>

namespace hpcsched::fuse_torch {

/// How much of a task's score is lost, as some samples show it, and how far that may be from the truth.
struct drop_estimate {
    double teacher = 0;        ///< score of the original
    double drop = 0;           ///< what the original reaches less what the fused network does, on the same samples
    double standard_error = 0; ///< of the drop

    /// Below this the true drop lies in so many of 100 draws of the samples.
    /// \pre 0 < confidence < 1; 0.5 gives the drop itself
    [[nodiscard]] double upper_bound(double confidence) const;
    /// So much to either side of the drop lies the truth in 95 of 100 draws of the samples.
    [[nodiscard]] double half_width_95() const;
};

/// The drop of each task.
///
/// Both networks see the same samples, so only those count on which they differ: of a share (agreement, accuracy) the
/// error is that of the mean of paired differences; of other metrics it is told by leaving out each twentieth of the
/// samples in turn. One sample more than was seen is taken to differ: that none of 100 samples differs does not say
/// that none ever will.
/// \source Quenouille, "Notes on bias in estimation", 1956 (the jackknife, by groups)
/// \error numbers of samples or of classes that do not fit
[[nodiscard]] result<std::vector<drop_estimate>> estimate_drops(std::vector<tensor> const& outputs,
                                                                std::vector<tensor> const& teacher_outputs,
                                                                std::vector<task_judge> const& judges);

} // namespace hpcsched::fuse_torch

#endif
