// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_FUSE_ARCHIVE_HPP
#define HPCSCHED_FUSE_ARCHIVE_HPP

#include <hpcsched/core/assert.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/fuse/candidate.hpp>

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace hpcsched::fuse {
namespace detail {

/// Part of archive_policy: takes what was evaluated.
template <class A>
concept takes_members = requires(A& a, archive_member const& m, double tolerated) {
    { a.offer(m, tolerated) } -> std::same_as<void>;
};

/// Part of archive_policy: shows what it kept.
template <class A>
concept shows_members = requires(A const& a) {
    { a.members() } noexcept -> std::same_as<std::span<archive_member const>>;
    { a.best() } noexcept -> std::same_as<archive_member const*>;
};

} // namespace detail

/// Which evaluated candidates are kept, with their weights, to mutate again.
///
/// For an archive `a`, a member `m` and the tolerated drop `t`:
///
/// | expression      | effect                                                                               |
/// |-----------------|--------------------------------------------------------------------------------------|
/// | `a.offer(m, t)` | keeps `m` or does not, and may let go of others for it                               |
/// | `a.members()`   | what is kept, in an order that equal offers make equal; valid until the next offer   |
/// | `a.best()`      | of all offered with a drop of at most `t` the fastest, the first among equals, or null |
///
/// Semantics (not checked by the compiler):
/// 1. The best is never lost, whatever becomes of the members.
/// 2. A member is one that was offered, unchanged, and there once.
///
/// Minimal model: hpcsched/testing/archetypes/archive_policy.hpp.
/// Conformance: hpcsched/testing/conformance/archive_policy.hpp.
template <class A>
concept archive_policy = std::movable<A> && detail::takes_members<A> && detail::shows_members<A>;

/// The last so many that were accepted; the oldest goes first, be it the best.
/// \source GMorph's elites: 16 for its plain policy, 10 with learning curves. It saves its best model beside them, and
///         never mutates it again once it is out
class elite_queue {
  public:
    explicit elite_queue(std::size_t elites_max = 16) : elites_max_{elites_max} { HPCSCHED_ASSERT(elites_max > 0); }

    void offer(archive_member const& m, double tolerated) {
        if (m.drop > tolerated) {
            return;
        }
        if (!best_ || m.latency < best_->latency) {
            best_ = m;
        }
        if (members_.size() == elites_max_) {
            members_.erase(members_.begin());
        }
        members_.push_back(m);
    }
    [[nodiscard]] std::span<archive_member const> members() const noexcept { return members_; }
    [[nodiscard]] archive_member const* best() const noexcept { return best_ ? &*best_ : nullptr; }
    [[nodiscard]] std::size_t elites_max() const noexcept { return elites_max_; }

  private:
    std::size_t elites_max_;
    std::vector<archive_member> members_;
    std::optional<archive_member> best_;
};

/// Those that no other beats in both latency and drop, by latency. A drop above `stepping_stone` times what is
/// tolerated is not kept; what is below what is tolerated counts as that: room that nobody asked for buys nothing.
/// Where there are too many, the one goes whose neighbours are nearest, but never the best.
class pareto_archive {
  public:
    explicit pareto_archive(std::size_t members_max = 24, double stepping_stone = 2.5)
        : members_max_{members_max}, stepping_stone_{stepping_stone} {
        HPCSCHED_ASSERT(members_max >= 3);
    }

    /// \complexity O(members)
    void offer(archive_member const& m, double tolerated) {
        if (m.drop <= tolerated && (!best_ || m.latency < best_->latency)) {
            best_ = m;
        }
        // Of a tolerance of 0 nothing is a multiple: a point of accuracy stands in.
        if (m.drop > std::max(tolerated, 0.01) * stepping_stone_) {
            return;
        }
        double const drop = std::max(m.drop, tolerated);
        auto const beats = [&](archive_member const& a, double a_drop, archive_member const& b, double b_drop) {
            return a.latency <= b.latency && a_drop <= b_drop;
        };
        for (archive_member const& old : members_) {
            if (beats(old, std::max(old.drop, tolerated), m, drop)) {
                return;
            }
        }
        std::erase_if(members_,
                      [&](archive_member const& old) { return beats(m, drop, old, std::max(old.drop, tolerated)); });
        auto const place = std::find_if(members_.begin(), members_.end(),
                                        [&](archive_member const& old) { return old.latency > m.latency; });
        members_.insert(place, m);
        if (members_.size() > members_max_) {
            members_.erase(members_.begin() + static_cast<std::ptrdiff_t>(most_crowded()));
        }
    }
    [[nodiscard]] std::span<archive_member const> members() const noexcept { return members_; }
    [[nodiscard]] archive_member const* best() const noexcept { return best_ ? &*best_ : nullptr; }

  private:
    // Neither end, nor the best.
    [[nodiscard]] std::size_t most_crowded() const noexcept {
        std::size_t found = 1;
        duration smallest = duration::max();
        for (std::size_t i = 1; i + 1 < members_.size(); ++i) {
            duration const gap = members_[i + 1].latency - members_[i - 1].latency;
            if (gap < smallest && !(best_ && members_[i].id == best_->id)) {
                smallest = gap;
                found = i;
            }
        }
        return found;
    }

    std::size_t members_max_;
    double stepping_stone_;
    std::vector<archive_member> members_;
    std::optional<archive_member> best_;
};

static_assert(archive_policy<elite_queue> && archive_policy<pareto_archive>);

} // namespace hpcsched::fuse

#endif
