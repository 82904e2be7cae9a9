// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_FUSE_MORE_SAMPLERS_HPP
#define HPCSCHED_FUSE_MORE_SAMPLERS_HPP

#include <hpcsched/core/sink.hpp>
#include <hpcsched/fuse/candidate.hpp>
#include <hpcsched/fuse/cost_model.hpp>
#include <hpcsched/fuse/draws.hpp>
#include <hpcsched/fuse/drop_features.hpp>
#include <hpcsched/fuse/gaussian_process.hpp>
#include <hpcsched/fuse/graph_hash.hpp>
#include <hpcsched/fuse/model_graph.hpp>
#include <hpcsched/fuse/mutation.hpp>
#include <hpcsched/fuse/sampler.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <unordered_set>
#include <utility>

namespace hpcsched::fuse {

/// Every graph that mutations make of the forest, once each, those of fewer mutations first: for small spaces. It ends
/// when there are no more, or after `graphs_max`.
class exhaustive_enumeration {
  public:
    explicit exhaustive_enumeration(std::size_t graphs_max = 1'000'000) noexcept : graphs_max_{graphs_max} {}

    template <mutation_policy Mutation, cost_model Cost>
    [[nodiscard]] std::optional<proposal> propose(search_view const& view, Mutation& m, Cost const& /*cost*/,
                                                  draws& /*d*/) {
        if (!begun_) {
            begun_ = true;
            known_.insert(identity_hash(view.forest));
            queue_.push_back({.graph = view.forest});
            expand(view, m);
        }
        if (queue_.empty()) {
            return std::nullopt;
        }
        proposal next = queue_.front();
        expand(view, m); // what follows from it, behind all that waits
        return next;
    }
    void learn(search_view const& /*v*/, candidate const& /*c*/, outcome const& /*o*/) noexcept {}
    [[nodiscard]] bool is_exhausted() const noexcept { return begun_ && queue_.empty(); }
    /// Graphs found so far, the forest included.
    [[nodiscard]] std::size_t found() const noexcept { return known_.size(); }

  private:
    template <mutation_policy Mutation>
    void expand(search_view const& view, Mutation& m) {
        proposal const from = std::move(queue_.front());
        queue_.pop_front();
        buffer<mutation> all;
        m.enumerate(view.teachers, from.graph, all);
        for (mutation const& each : all.items()) {
            auto made = m.apply(view.teachers, from.graph, each);
            if (!made || known_.size() >= graphs_max_ || !known_.insert(identity_hash(*made)).second) {
                continue;
            }
            proposal& next = queue_.emplace_back(proposal{.graph = std::move(*made), .mutations = from.mutations});
            next.mutations.push_back(each);
        }
    }

    std::size_t graphs_max_;
    bool begun_ = false;
    std::unordered_set<std::uint64_t> known_;
    std::deque<proposal> queue_;
};

/// A member of the archive, the better of two drawn, mutated once to `mutations_max` times; now and then the forest. Of
/// two the better is the faster among those accepted, else the one that drops less.
/// \source Real et al., "Regularized evolution for image classifier architecture search", AAAI 2019. Deviation: the
///         archive takes the place of its population, so what ages is up to that
struct evolutionary {
    std::size_t mutations_max = 3;
    double forest_share = 0.1;

    template <mutation_policy Mutation, cost_model Cost>
    [[nodiscard]] std::optional<proposal> propose(search_view const& view, Mutation& m, Cost const& /*cost*/,
                                                  draws& d) {
        std::size_t const count = 1 + d.index(mutations_max);
        if (view.members.empty() || d.fraction() < forest_share) {
            return mutated(view, 0, view.forest, count, m, d);
        }
        archive_member const& a = view.members[d.index(view.members.size())];
        archive_member const& b = view.members[d.index(view.members.size())];
        archive_member const& base = is_better(view, a, b) ? a : b;
        return mutated(view, base.id, base.graph, count, m, d);
    }
    void learn(search_view const& /*v*/, candidate const& /*c*/, outcome const& /*o*/) noexcept {}
    [[nodiscard]] bool is_exhausted() const noexcept { return false; }

  private:
    static bool is_better(search_view const& view, archive_member const& a, archive_member const& b) noexcept {
        bool const a_good = a.drop <= view.tolerated_drop;
        bool const b_good = b.drop <= view.tolerated_drop;
        return a_good && b_good ? a.latency <= b.latency : a_good || (!b_good && a.drop <= b.drop);
    }
};

/// Of a pool of mutated members and forests the one that promises most: the chance, by a Gaussian process on
/// `drop_features`, that no task drops too far, times what it would gain on the best by the cost model.
/// \source Jones, Schonlau, Welch, "Efficient global optimization", 1998; Gardner et al., "Bayesian optimization with
///         inequality constraints", ICML 2014: here the constraint is what is uncertain, the objective is all but known
class bayesian {
  public:
    struct config {
        std::size_t pool = 48;
        std::size_t mutations_max = 4;
        double forest_share = 0.1;
        double drop_seen = 0.12; ///< larger drops count as this: hopeless is hopeless
        gaussian_process::config process{};
    };

    bayesian() = default;
    explicit bayesian(config c) : config_{c}, process_{c.process} {}

    template <mutation_policy Mutation, cost_model Cost>
    [[nodiscard]] std::optional<proposal> propose(search_view const& view, Mutation& m, Cost const& cost, draws& d) {
        std::optional<proposal> best;
        double best_score = 0;
        for (std::size_t n = 0; n < config_.pool; ++n) {
            auto made = drawn(view, m, d);
            if (!made || view.seen.contains(identity_hash(made->graph))) {
                continue;
            }
            double const score = promise(view, cost, made->graph);
            if (!best || score > best_score) {
                best = std::move(made);
                best_score = score;
            }
        }
        return best;
    }
    void learn(search_view const& view, candidate const& c, outcome const& o) {
        if (o.how != ending::failed) {
            process_.learn(drop_features(view.teachers, c.graph), std::clamp(o.drop, -0.05, config_.drop_seen));
        }
    }
    [[nodiscard]] bool is_exhausted() const noexcept { return false; }
    [[nodiscard]] gaussian_process const& process() const noexcept { return process_; }

  private:
    template <mutation_policy Mutation>
    [[nodiscard]] std::optional<proposal> drawn(search_view const& view, Mutation& m, draws& d) const {
        std::size_t count = 1;
        while (count < config_.mutations_max && d.below(2) == 0) {
            ++count;
        }
        double const lot = d.fraction();
        if (view.members.empty() || lot < config_.forest_share) {
            // From the forest one step leads nowhere near what was found already.
            return mutated(view, 0, view.forest, count + view.members.size() / 4, m, d);
        }
        bool const from_best = view.best != nullptr && lot > 0.6;
        archive_member const& base = from_best ? *view.best : view.members[d.index(view.members.size())];
        return mutated(view, base.id, base.graph, count, m, d);
    }

    // Above 0 where it could be faster than the best; the faster, the better.
    template <cost_model Cost>
    [[nodiscard]] double promise(search_view const& view, Cost const& cost, model_graph const& graph) const {
        double const predicted = static_cast<double>(cost.latency(view.teachers, graph).count());
        double const best = static_cast<double>(view.best_latency().count());
        double const chance = process_.at(drop_features(view.teachers, graph)).chance_below(view.tolerated_drop);
        double const gain = predicted > 0 ? std::log(best / predicted) : 1;
        return gain > 0 ? gain * chance : gain; // what gains nothing is ranked below all that does
    }

    config config_{};
    gaussian_process process_{};
};

} // namespace hpcsched::fuse

#endif
