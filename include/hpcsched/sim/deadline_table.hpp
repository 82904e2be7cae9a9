// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_SIM_DEADLINE_TABLE_HPP
#define HPCSCHED_SIM_DEADLINE_TABLE_HPP

#include <hpcsched/core/assert.hpp>
#include <hpcsched/core/time.hpp>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace hpcsched::sim {

/// One deadline for each of a fixed number of slots (the CPUs of a machine) and the earliest of them all.
///
/// A tournament tree: what changes is one leaf and the matches above it, which is cheaper than taking events
/// out of a queue and putting them back whenever a running task is preempted. Ties go to the lower slot.
/// \complexity O(log slots) to set, O(1) for the earliest
/// \thread_safety none
class deadline_table {
  public:
    /// \pre slots >= 1
    explicit deadline_table(std::size_t slots)
        : leaves_{std::bit_ceil(std::max<std::size_t>(slots, 2))}, deadlines_(leaves_, never), winners_(leaves_) {
        HPCSCHED_ASSERT(slots >= 1);
        for (std::size_t node = leaves_ - 1; node >= 1; --node) {
            winners_[node] = winner_below(node);
        }
    }

    /// Sets the deadline of `slot`; `never` takes it out.
    void set(std::size_t slot, time_point deadline) noexcept {
        deadlines_[slot] = deadline;
        for (std::size_t node = (leaves_ + slot) / 2; node >= 1; node /= 2) {
            winners_[node] = winner_below(node);
        }
        next_ = deadlines_[winners_[1]];
    }

    [[nodiscard]] time_point at(std::size_t slot) const noexcept { return deadlines_[slot]; }

    /// The slot with the earliest deadline.
    [[nodiscard]] std::size_t earliest() const noexcept { return winners_[1]; }

    /// The earliest deadline, `never` where no slot has one.
    [[nodiscard]] time_point next_time() const noexcept { return next_; }

  private:
    /// The earlier of the two below `node`. Which one it is cannot be predicted, so it is computed without a branch.
    [[nodiscard]] std::uint32_t winner_below(std::size_t node) const noexcept {
        bool const above_leaves = 2 * node >= leaves_;
        std::uint32_t const left = above_leaves ? static_cast<std::uint32_t>(2 * node - leaves_) : winners_[2 * node];
        std::uint32_t const right = above_leaves ? left + 1 : winners_[2 * node + 1];
        auto const take_right = static_cast<std::uint32_t>(deadlines_[right] < deadlines_[left]);
        return left ^ ((left ^ right) & (0U - take_right));
    }

    std::size_t leaves_;
    std::vector<time_point> deadlines_;
    std::vector<std::uint32_t> winners_; ///< by inner node; the root is node 1
    time_point next_ = never;
};

} // namespace hpcsched::sim

#endif
