// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_FUSE_CANDIDATE_HPP
#define HPCSCHED_FUSE_CANDIDATE_HPP

#include <hpcsched/core/time.hpp>
#include <hpcsched/fuse/capacity.hpp>
#include <hpcsched/fuse/model_graph.hpp>
#include <hpcsched/fuse/mutation.hpp>
#include <hpcsched/fuse/teacher_set.hpp>

#include <algorithm>
#include <cstdint>
#include <span>
#include <unordered_set>
#include <vector>

namespace hpcsched::fuse {

/// Names a candidate of one search, counted up from 1; 0 is the forest of the teachers.
using candidate_id = std::uint64_t;

/// A graph that may be worth training.
struct candidate {
    candidate_id id = 0;
    candidate_id base = 0; ///< what it was mutated from, and whose weights it inherits
    model_graph graph{};
    std::vector<mutation> mutations{}; ///< from the base's graph to this one
    capacity_vector capacity{};
    duration predicted{}; ///< its latency by the cost model; 0: not known

    friend bool operator==(candidate const&, candidate const&) = default;
};

/// A check of a network in training.
struct curve_point {
    std::uint32_t epoch = 0; ///< epochs trained so far
    double drop = 0;         ///< the largest of all tasks; a fraction: 0.01 is one point of accuracy lost

    friend bool operator==(curve_point const&, curve_point const&) = default;
};

/// How the training of a candidate ended.
enum class ending : std::uint8_t {
    good_enough = 0, ///< a check met the tolerated drop
    ran_out = 1,     ///< all its epochs were spent
    cut_short = 2,   ///< it was judged hopeless, and evaluated once more
    abandoned = 3,   ///< it was judged hopeless, and left
    failed = 4,      ///< the driver could not do it
};

/// What came of a candidate.
struct outcome {
    ending how = ending::failed;
    bool accepted = false; ///< evaluated, and no task drops more than is tolerated
    double drop = 0;       ///< the largest of all tasks; of an abandoned one, what was expected of it
    duration latency{};    ///< measured; 0 where it was not
    std::uint32_t epochs = 0;

    friend bool operator==(outcome const&, outcome const&) = default;
};

/// A candidate that an archive keeps, with its trained weights.
struct archive_member {
    candidate_id id = 0;
    model_graph graph{};
    double drop = 0;
    duration latency{};

    friend bool operator==(archive_member const&, archive_member const&) = default;
};

/// How long candidates are trained, and how often they are looked at.
struct training_plan {
    std::uint32_t epochs_max = 40;
    std::uint32_t check_every = 2; ///< epochs; the first check is before the first epoch

    friend bool operator==(training_plan const&, training_plan const&) = default;
};

/// What the policies of a search are shown of it. Borrowed for the call.
struct search_view {
    teacher_set const& teachers;
    model_graph const& forest;
    std::span<archive_member const> members;
    archive_member const* best; ///< of those accepted the one with the lowest latency; none yet: null
    std::unordered_set<std::uint64_t> const& seen; ///< `identity_hash` of every graph so far
    training_plan plan;
    double tolerated_drop;
    duration baseline;       ///< latency of the forest
    std::uint64_t iteration; ///< from 1

    /// What is to be beaten.
    [[nodiscard]] duration best_latency() const noexcept { return best == nullptr ? baseline : best->latency; }
    [[nodiscard]] archive_member const* find(candidate_id id) const noexcept {
        for (archive_member const& m : members) {
            if (m.id == id) {
                return &m;
            }
        }
        return best != nullptr && best->id == id ? best : nullptr;
    }
};

} // namespace hpcsched::fuse

#endif
