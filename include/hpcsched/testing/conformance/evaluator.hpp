// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_TESTING_CONFORMANCE_EVALUATOR_HPP
#define HPCSCHED_TESTING_CONFORMANCE_EVALUATOR_HPP

#include <hpcsched/core/time.hpp>
#include <hpcsched/fuse/evaluator.hpp>
#include <hpcsched/fuse/inheritance.hpp>
#include <hpcsched/fuse/model_graph.hpp>
#include <hpcsched/fuse/search_events.hpp>
#include <hpcsched/fuse/teacher_set.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace hpcsched::testing {

/// Trains the forest of the teachers given, as candidates 1 and 2, with an evaluator that was made for them, and checks
/// the rules of `fuse::evaluator`: a drop for each task, a latency above 0, time that does not go back, and that what
/// was forgotten is built anew. An evaluator that really trains needs minutes for it.
///
/// \return the first rule that was broken; empty: none
template <fuse::evaluator Evaluator>
[[nodiscard]] std::vector<std::string> check_evaluator(Evaluator& with, fuse::teacher_set const& teachers) {
    auto const forest = fuse::model_graph::forest(teachers);
    auto const origins = weight_origins(teachers, forest, forest);
    time_point last = with.now();
    auto const goes_back = [&] {
        time_point const before = last;
        last = with.now();
        return last < before;
    };
    if (!with.build({.id = 0, .graph = forest, .origins = origins})) {
        return {"it cannot build the forest"};
    }
    auto const baseline = with.measure(0, 0);
    if (!baseline || baseline->latency <= duration{}) {
        return {"the forest has no latency"};
    }
    for (fuse::candidate_id id = 1; id <= 2; ++id) {
        if (!with.build({.id = id, .base = id - 1, .graph = forest, .origins = origins, .epochs_max = 2})) {
            return {"it cannot build a candidate"};
        }
        auto const drops = with.train(id, 0);
        auto const found = with.measure(id, 1);
        if (!drops || drops->size() != teachers.task_count() || !found || found->drops.size() != drops->size()) {
            return {"not every task has a drop"};
        }
        if (found->latency <= duration{} || goes_back()) {
            return {"a latency is not above 0, or the time goes back"};
        }
    }
    with.forget(1);
    with.forget(1);
    if (!with.build({.id = 1, .graph = forest, .origins = origins, .epochs_max = 2}) || !with.train(1, 1)) {
        return {"what was forgotten cannot be built again"};
    }
    return {};
}

} // namespace hpcsched::testing

#endif
