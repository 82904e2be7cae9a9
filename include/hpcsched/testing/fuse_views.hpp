// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_TESTING_FUSE_VIEWS_HPP
#define HPCSCHED_TESTING_FUSE_VIEWS_HPP

#include <hpcsched/core/time.hpp>
#include <hpcsched/fuse/candidate.hpp>
#include <hpcsched/fuse/capacity.hpp>
#include <hpcsched/fuse/cost_first.hpp>
#include <hpcsched/fuse/draws.hpp>
#include <hpcsched/fuse/graph_hash.hpp>
#include <hpcsched/fuse/model_graph.hpp>
#include <hpcsched/fuse/teacher_set.hpp>
#include <hpcsched/testing/fuse_networks.hpp>
#include <hpcsched/testing/synthetic_evaluator.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <unordered_set>
#include <utility>
#include <vector>

namespace hpcsched::testing {

/// What the policies of a search are shown, made up from a seed: teachers, members, and candidates with outcomes as a
/// search would have them.
class drawn_view {
  public:
    explicit drawn_view(std::uint64_t seed, std::size_t members = 6)
        : teachers_{drawn_teachers(seed)}, law_{teachers_, seed}, bits_{seed, "drawn_view"},
          forest_{fuse::model_graph::forest(teachers_)} {
        for (fuse::candidate_id id = 1; id <= members; ++id) {
            fuse::candidate const c = candidate();
            members_.push_back({id, c.graph, outcome_of(c).drop, law_.latency(c.graph)});
            seen_.insert(identity_hash(c.graph));
            bool const faster = members_.back().latency < law_.latency(best_ ? best_->graph : forest_);
            if (members_.back().drop <= tolerated && faster) {
                best_ = members_.back();
            }
        }
    }
    drawn_view(drawn_view const&) = delete; // the law refers to the teachers
    drawn_view& operator=(drawn_view const&) = delete;

    static constexpr double tolerated = 0.01;

    [[nodiscard]] fuse::search_view view() const {
        return {teachers_, forest_,
                members_,  best_ ? &*best_ : nullptr,
                seen_,     {.epochs_max = 20, .check_every = 2},
                tolerated, law_.latency(forest_),
                iteration_};
    }
    [[nodiscard]] fuse::draws& bits() noexcept { return bits_; }

    /// A graph a few mutations from the forest.
    [[nodiscard]] fuse::candidate candidate() {
        fuse::candidate c{.id = 100 + ++iteration_, .graph = forest_};
        for (std::size_t steps = 1 + bits_.index(4); steps > 0; --steps) {
            auto const m = mutations_.draw(teachers_, c.graph, bits_);
            auto made = m ? mutations_.apply(teachers_, c.graph, *m) : std::nullopt;
            c.graph = made ? std::move(*made) : c.graph;
        }
        c.capacity = capacity(teachers_, c.graph);
        c.predicted = law_.latency(c.graph);
        return c;
    }
    [[nodiscard]] fuse::outcome outcome_of(fuse::candidate const& c) {
        auto const drops = law_.floors(c.graph);
        double const drop = *std::max_element(drops.begin(), drops.end());
        bool const broken = bits_.below(20) == 0;
        return {.how = broken              ? fuse::ending::failed
                       : drop <= tolerated ? fuse::ending::good_enough
                                           : fuse::ending::ran_out,
                .accepted = !broken && drop <= tolerated,
                .drop = drop,
                .latency = law_.latency(c.graph),
                .epochs = 20};
    }

  private:
    fuse::teacher_set teachers_;
    synthetic_evaluator law_;
    fuse::draws bits_;
    fuse::every_mutation mutations_;
    fuse::model_graph forest_;
    std::vector<fuse::archive_member> members_;
    std::optional<fuse::archive_member> best_;
    std::unordered_set<std::uint64_t> seen_;
    std::uint64_t iteration_ = 0;
};

} // namespace hpcsched::testing

#endif
