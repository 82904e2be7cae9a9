// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_FUSE_SEARCH_CONFIG_HPP
#define HPCSCHED_FUSE_SEARCH_CONFIG_HPP

#include <hpcsched/core/hash.hpp>
#include <hpcsched/core/result.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/fuse/candidate.hpp>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace hpcsched::fuse {

struct search_config {
    std::uint64_t seed = 1;
    double tolerated_drop = 0.01;       ///< of each task, a fraction
    std::uint64_t iterations_max = 200; ///< proposals, those turned away included
    training_plan plan{};
    std::uint32_t lanes = 1;         ///< candidates in training at the same time
    std::uint64_t epochs_budget = 0; ///< of all candidates together; none begins once it is spent; 0: no limit
    duration time_budget{};          ///< from `search_started` on; none begins once it is over; 0: no limit

    [[nodiscard]] std::uint64_t fingerprint() const noexcept {
        sequence_hash hash;
        for (std::uint64_t const word :
             {seed, std::bit_cast<std::uint64_t>(tolerated_drop), iterations_max, std::uint64_t{plan.epochs_max},
              std::uint64_t{plan.check_every}, std::uint64_t{lanes}, epochs_budget,
              static_cast<std::uint64_t>(time_budget.count())}) {
            hash.add(word);
        }
        return hash.value();
    }
};

/// \error the field that makes no sense, and what would
[[nodiscard]] inline result<void> validate(search_config const& c) {
    if (!(c.tolerated_drop >= 0 && c.tolerated_drop < 1)) {
        return error{"tolerated_drop is a fraction of accuracy, from 0 to below 1"};
    }
    if (c.plan.check_every == 0 || c.plan.epochs_max == 0) {
        return error{"training_plan: candidates are trained for at least 1 epoch, and checked every 1 or more"};
    }
    if (c.lanes == 0) {
        return error{"lanes: at least 1 candidate must be in training for the search to go on"};
    }
    if (c.time_budget < duration{}) {
        return error{"time_budget: is negative; 0 means no limit"};
    }
    return {};
}

/// A step of the anytime curve: the best that was known from some time on.
struct progress_point {
    time_point at{};
    std::uint64_t iteration = 0;
    std::uint64_t evaluated = 0; ///< candidates
    std::uint64_t epochs = 0;    ///< trained, of all candidates
    candidate_id best = 0;
    duration latency{};

    friend bool operator==(progress_point const&, progress_point const&) = default;
};

/// How a search goes.
struct search_progress {
    std::uint64_t iterations = 0;
    std::uint64_t without_mutation = 0; ///< iterations in which nothing was proposed
    std::uint64_t duplicates = 0;       ///< proposals that were seen before
    std::uint64_t filtered = 0;
    std::uint64_t started = 0;   ///< trainings
    std::uint64_t evaluated = 0; ///< to the end
    std::uint64_t accepted = 0;
    std::uint64_t cut_short = 0; ///< of those evaluated
    std::uint64_t abandoned = 0;
    std::uint64_t failed = 0;
    std::uint64_t epochs = 0;            ///< of all trainings, those begun anew included
    std::uint64_t epochs_failed = 0;     ///< of those that were not accepted
    std::vector<progress_point> curve{}; ///< the baseline, then each improvement

    friend bool operator==(search_progress const&, search_progress const&) = default;
};

} // namespace hpcsched::fuse

#endif
