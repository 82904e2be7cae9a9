// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_FUSE_FILTER_HPP
#define HPCSCHED_FUSE_FILTER_HPP

#include <hpcsched/fuse/candidate.hpp>
#include <hpcsched/fuse/gmorph_mutation.hpp>
#include <hpcsched/fuse/graph_hash.hpp>

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <tuple>
#include <unordered_set>
#include <utility>
#include <vector>

namespace hpcsched::fuse {
namespace detail {

/// Part of candidate_filter: judges before anything is trained.
template <class F>
concept judges_candidates = requires(F& f, search_view const& v, candidate const& c) {
    { f.admits(v, c) } -> std::same_as<bool>;
};

/// Part of candidate_filter: hears what came of those it let pass.
template <class F>
concept learns_outcomes = requires(F& f, search_view const& v, candidate const& c, outcome const& o) {
    { f.learn(v, c, o) } -> std::same_as<void>;
};

} // namespace detail

/// Turns candidates away before they are trained.
///
/// For a filter `f`, a view `v` of the search, a candidate `c` and its outcome `o`:
///
/// | expression         | effect                                           |
/// |--------------------|--------------------------------------------------|
/// | `f.admits(v, c)`   | whether `c` is worth training                    |
/// | `f.learn(v, c, o)` | takes note of what came of a candidate           |
///
/// Semantics (not checked by the compiler):
/// 1. Deterministic: equal calls in the same order give equal answers.
/// 2. With nothing learnt, something is admitted.
///
/// Minimal model: hpcsched/testing/archetypes/candidate_filter.hpp.
/// Conformance: hpcsched/testing/conformance/candidate_filter.hpp.
template <class F>
concept candidate_filter = std::movable<F> && detail::judges_candidates<F> && detail::learns_outcomes<F>;

/// Turns nothing away.
struct admit_all {
    [[nodiscard]] bool admits(search_view const& /*v*/, candidate const& /*c*/) const noexcept { return true; }
    void learn(search_view const& /*v*/, candidate const& /*c*/, outcome const& /*o*/) noexcept {}
};

/// Several filters, asked in order until one turns the candidate away; that one's count goes up.
template <candidate_filter... Filters>
class filter_chain {
  public:
    filter_chain() = default;
    explicit filter_chain(Filters... filters)
        requires(sizeof...(Filters) > 0)
        : filters_{std::move(filters)...} {}

    [[nodiscard]] bool admits(search_view const& view, candidate const& c) {
        std::size_t position = 0;
        bool const all =
            std::apply([&](auto&... each) { return ((++position, each.admits(view, c)) && ...); }, filters_);
        if (!all) {
            ++rejected_[position - 1];
        }
        return all;
    }
    void learn(search_view const& view, candidate const& c, outcome const& o) {
        std::apply([&](auto&... each) { (each.learn(view, c, o), ...); }, filters_);
    }

    /// How many each has turned away, in their order.
    [[nodiscard]] std::array<std::uint64_t, sizeof...(Filters)> const& rejected() const noexcept { return rejected_; }
    template <std::size_t Position>
    [[nodiscard]] auto const& filter() const noexcept {
        return std::get<Position>(filters_);
    }

  private:
    std::tuple<Filters...> filters_{};
    std::array<std::uint64_t, sizeof...(Filters)> rejected_{};
};

/// Turns away what has the topology of a candidate that was accepted.
/// \source GMorph; a topology that failed is tried again, since inherited weights may differ
class accepted_topologies {
  public:
    explicit accepted_topologies(gmorph_quirks quirks = {}) noexcept : by_levels_{quirks.topology_by_levels} {}

    [[nodiscard]] bool admits(search_view const& view, candidate const& c) const {
        return !accepted_.contains(of(view, c));
    }
    void learn(search_view const& view, candidate const& c, outcome const& o) {
        if (o.accepted) {
            accepted_.insert(of(view, c));
        }
    }

  private:
    [[nodiscard]] std::uint64_t of(search_view const& view, candidate const& c) const {
        return by_levels_ ? topology_hash_by_levels(view.teachers, c.graph) : topology_hash(view.teachers, c.graph);
    }

    bool by_levels_;
    std::unordered_set<std::uint64_t> accepted_;
};

/// Whether x is at least as aggressive as a candidate that failed, f: in the whole and for each task no more
/// parameters, by each set of tasks no fewer shared, and not the same.
/// \source GMorph's rule
[[nodiscard]] inline bool at_least_as_aggressive(capacity_vector const& x, capacity_vector const& f) noexcept {
    auto const no_more = [](std::uint64_t a, std::uint64_t b) { return a <= b; };
    auto const no_less = [](std::uint64_t a, std::uint64_t b) { return a >= b; };
    auto const xo = x.own();
    auto const fo = f.own();
    auto const xs = x.shared();
    auto const fs = f.shared();
    return std::equal(xo.begin(), xo.end(), fo.begin(), fo.end(), no_more) &&
           std::equal(xs.begin(), xs.end(), fs.begin(), fs.end(), no_less) && x != f;
}

/// Turns away what is at least as aggressive as `failures_needed` candidates that failed. With one, GMorph's rule
/// filter; it is unsound, for one unlucky failure condemns all below it (of one of GMorph's own searches it would have
/// turned away the best). With more, and none counted that is older than `memory` failures, this library's.
/// \source GMorph, predictive filtering by rules; k-failure dominance
class failure_rules {
  public:
    struct config {
        std::uint32_t failures_needed = 1;
        std::size_t memory = 0; ///< failures that are remembered, the newest; 0: all
    };

    failure_rules() = default;
    explicit failure_rules(config c) noexcept : config_{c} {}

    /// \complexity O(failures * 2^tasks)
    [[nodiscard]] bool admits(search_view const& /*view*/, candidate const& c) const {
        std::uint32_t found = 0;
        for (capacity_vector const& f : failures_) {
            found += at_least_as_aggressive(c.capacity, f) ? 1U : 0U;
            if (found >= config_.failures_needed) {
                return false;
            }
        }
        return true;
    }
    void learn(search_view const& /*view*/, candidate const& c, outcome const& o) {
        if (o.accepted || o.how == ending::failed) {
            return;
        }
        failures_.push_back(c.capacity);
        if (config_.memory != 0 && failures_.size() > config_.memory) {
            failures_.erase(failures_.begin());
        }
    }
    [[nodiscard]] std::span<capacity_vector const> failures() const noexcept { return failures_; }

  private:
    config config_{};
    std::vector<capacity_vector> failures_;
};

/// Turns away what by the cost model cannot be faster than the best so far; one in `quota` of those passes all the
/// same, a stepping stone. Where the model cannot say, it passes.
class latency_bound {
  public:
    struct config {
        double margin = 0.01;    ///< it must be faster by this part
        std::uint32_t quota = 0; ///< 0: none passes
    };

    latency_bound() = default;
    explicit latency_bound(config c) noexcept : config_{c} {}

    [[nodiscard]] bool admits(search_view const& view, candidate const& c) {
        double const bound = static_cast<double>(view.best_latency().count()) * (1 - config_.margin);
        if (c.predicted == duration{} || static_cast<double>(c.predicted.count()) < bound) {
            return true;
        }
        return config_.quota != 0 && ++over_ % config_.quota == 0;
    }
    void learn(search_view const& /*v*/, candidate const& /*c*/, outcome const& /*o*/) noexcept {}

  private:
    config config_{};
    std::uint64_t over_ = 0;
};

static_assert(candidate_filter<admit_all> && candidate_filter<accepted_topologies> && candidate_filter<failure_rules> &&
              candidate_filter<latency_bound> && candidate_filter<filter_chain<failure_rules, latency_bound>>);

} // namespace hpcsched::fuse

#endif
