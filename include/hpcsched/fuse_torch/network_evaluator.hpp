// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_FUSE_TORCH_NETWORK_EVALUATOR_HPP
#define HPCSCHED_FUSE_TORCH_NETWORK_EVALUATOR_HPP

#include <hpcsched/core/result.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/fuse/evaluator.hpp>
#include <hpcsched/fuse_torch/distillation.hpp>
#include <hpcsched/fuse_torch/fused_network.hpp>
#include <hpcsched/fuse_torch/fusion_data.hpp>
#include <hpcsched/fuse_torch/latency.hpp>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace hpcsched::fuse_torch {

struct evaluator_settings {
    training_settings training{};
    latency_settings latency{};
    bool fits_adapters = true;          ///< by ridge regression; false: they start random, as GMorph's
    std::int64_t fitting_samples = 500; ///< from the training part
    /// What counts as a candidate's drop is the bound below which the true one lies with this confidence, by the
    /// samples of the validation part; 0.5: what was measured there.
    double confidence = 0.9;
    double tolerated_drop = 0.01;       ///< a candidate within it must show so on the confirmation part too
    bool counts_processor_time = false; ///< the search's time is what this process computed, not what passed
    std::filesystem::path weights{};    ///< a folder for trained weights, so that a killed search goes on; empty: none
};

/// Builds, trains and measures real networks for a search. Models fuse::evaluator.
///
/// A candidate's drops are upper bounds, and of one that is within what is tolerated not below what is measured on the
/// confirmation part: no candidate passes by luck on one part alone.
///
/// A candidate's latency is that of the forest as it was measured first, times the ratio of the two in interleaved
/// runs: what the machine does beside changes both alike.
/// \thread_safety none
class network_evaluator {
  public:
    /// \param go_on  asked before each step of a training; false: it is given up
    /// \error the teachers cannot be run or judged on the data
    [[nodiscard]] static result<network_evaluator> make(teacher_networks networks, fusion_data data,
                                                        evaluator_settings const& settings,
                                                        std::function<bool()> go_on = {});
    network_evaluator(network_evaluator&&) noexcept;
    network_evaluator& operator=(network_evaluator&&) noexcept;
    ~network_evaluator();

    [[nodiscard]] bool build(fuse::evaluate_candidate const& what);
    [[nodiscard]] std::optional<std::vector<double>> train(fuse::candidate_id id, std::uint32_t epoch);
    [[nodiscard]] std::optional<fuse::measurement> measure(fuse::candidate_id id, std::uint32_t epoch);
    void forget(fuse::candidate_id id);
    /// Since it was made, or after the time that `go_on_from` gave.
    [[nodiscard]] time_point now() const;
    /// Where the time of a search that was killed goes on.
    void go_on_from(time_point then);

    /// The network of a candidate; nothing where it is not there.
    [[nodiscard]] std::optional<fused_network> network(fuse::candidate_id id) const;
    /// What the teachers reach on the validation part, by tasks.
    [[nodiscard]] std::vector<double> const& teacher_scores() const noexcept;
    /// Why something could not be done, the last time that it was so.
    [[nodiscard]] std::string const& last_failure() const noexcept;
    /// Bytes of the largest training so far, by the estimate.
    [[nodiscard]] std::uint64_t largest_training() const noexcept;

  private:
    struct state;
    explicit network_evaluator(std::unique_ptr<state> made) noexcept;
    std::unique_ptr<state> state_;
};

} // namespace hpcsched::fuse_torch

#endif
