// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_FUSE_TORCH_FUSION_HPP
#define HPCSCHED_FUSE_TORCH_FUSION_HPP

#include <hpcsched/core/result.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/fuse/mutation.hpp>
#include <hpcsched/fuse/search_config.hpp>
#include <hpcsched/fuse_torch/drop_estimate.hpp>
#include <hpcsched/fuse_torch/fused_network.hpp>
#include <hpcsched/fuse_torch/fusion_data.hpp>
#include <hpcsched/fuse_torch/latency.hpp>
#include <hpcsched/fuse_torch/network_evaluator.hpp>
#include <hpcsched/fuse_torch/teacher_networks.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace hpcsched::fuse_torch {

/// Which search chooses what is trained.
enum class search_kind : std::uint8_t {
    cost_first = 0, ///< this library's
    gmorph = 1,     ///< GMorph's, by its constants
    gmorph_p = 2,   ///< with learning curves
    gmorph_pr = 3,  ///< with learning curves and rules
    random = 4,     ///< GMorph's mutations of the separate networks, nothing learnt
};

/// A candidate of a search.
struct searched_candidate {
    fuse::candidate_id id = 0;
    duration at{};            ///< when it was done, since the search began
    std::uint32_t epochs = 0; ///< at the last check while it was trained
    double drop = 0;          ///< the largest of all tasks, as it counted
    duration latency{};       ///< 0: it was given up before it was measured
};

/// What happened in a search, for who watches it.
struct fusion_event {
    enum class kind : std::uint8_t { baseline, built, checked, evaluated, failed };
    kind what = kind::built;
    fuse::candidate_id id = 0;
    std::uint32_t epoch = 0;
    double drop = 0;    ///< the largest of all tasks, of `checked` and `evaluated`
    duration latency{}; ///< of `baseline` and `evaluated`
    duration at{};      ///< since the search began
    std::string why{};  ///< of `failed`
};

struct fusion_settings {
    fuse::search_config search{.plan = {.epochs_max = 10, .check_every = 2}}; ///< its time budget is the one below
    search_kind kind = search_kind::cost_first;
    evaluator_settings evaluator{};
    duration budget{}; ///< of the search, its trainings included; 0: until its iterations are spent
    /// A folder for the journal and the weights of candidates: the same call after a kill goes on. Empty: none.
    std::filesystem::path folder{};
    std::function<bool()> stop{}; ///< asked before each step: true ends the search, with the best so far
    std::function<void(fusion_event const&)> on_event{};
};

struct fusion_report {
    fused_network network; ///< the fastest found that keeps what is tolerated; else the separate ones, as one
    bool found = false;    ///< whether something is shared
    std::string remark{};  ///< where nothing was found: why
    bool was_stopped = false;
    std::vector<drop_estimate> validation{};   ///< by tasks; chosen by these, so they flatter
    std::vector<drop_estimate> confirmation{}; ///< what is chosen has to hold here; empty where there is no such part
    std::vector<drop_estimate> test{};         ///< nothing was chosen by these
    std::vector<searched_candidate> candidates{};
    latency_comparison latency{}; ///< frozen
    latency_comparison latency_unfrozen{};
    fuse::search_progress progress{};
    std::uint64_t training_memory = 0; ///< bytes of the largest training, by the estimate
    std::uint64_t peak_memory = 0;     ///< bytes of the process
};

/// Searches for a fused network of these teachers, and tests it.
/// \error the data does not fit; the folder cannot be written, or holds another search's journal
[[nodiscard]] result<fusion_report> fuse_networks(teacher_networks const& networks, fusion_data const& data,
                                                  fusion_settings const& settings);

/// A change of the separate networks, and what it would bring by the times of their blocks.
struct predicted_gain {
    fuse::mutation change{};
    duration latency{};
};

/// What can be said before anything is trained.
struct fusion_preview {
    duration separate{};                ///< of all blocks together
    std::size_t mergeable = 0;          ///< blocks that may be host or guest
    std::size_t sites = 0;              ///< single changes that are possible
    std::vector<predicted_gain> best{}; ///< the fastest first
};

[[nodiscard]] result<fusion_preview> preview(teacher_networks const& networks, std::size_t count = 5);

} // namespace hpcsched::fuse_torch

#endif
