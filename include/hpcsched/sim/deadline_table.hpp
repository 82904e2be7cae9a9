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
/// \complexity O(log slots) to set and to find the earliest slot, O(1) for its deadline
/// \thread_safety none
class deadline_table {
  public:
    /// \pre slots >= 1
    explicit deadline_table(std::size_t slots) : leaves_{std::bit_ceil(slots)}, nodes_(2 * leaves_, never) {
        HPCSCHED_ASSERT(slots >= 1);
    }

    /// Sets the deadline of `slot`; `never` takes it out.
    /// \pre slot is less than the number of slots
    void set(std::size_t slot, time_point deadline) noexcept {
        std::size_t node = leaves_ + slot;
        nodes_[node] = deadline;
        while (node > 1) {
            time_point const other = nodes_[node ^ 1U];
            deadline = other < deadline ? other : deadline;
            node /= 2;
            nodes_[node] = deadline;
        }
    }

    [[nodiscard]] time_point at(std::size_t slot) const noexcept { return nodes_[leaves_ + slot]; }

    /// The slot with the earliest deadline.
    [[nodiscard]] std::size_t earliest() const noexcept {
        std::size_t node = 1;
        while (node < leaves_) {
            // The winner comes from the left unless the left has lost: no branch, since nobody could predict it.
            node = 2 * node + static_cast<std::size_t>(nodes_[2 * node] != nodes_[1]);
        }
        return node - leaves_;
    }

    /// The earliest deadline, `never` where no slot has one.
    [[nodiscard]] time_point next_time() const noexcept { return nodes_[1]; }

  private:
    std::size_t leaves_;
    std::vector<time_point> nodes_; ///< the earliest below; the root is node 1, the children of n are 2 n and 2 n + 1
};

} // namespace hpcsched::sim

#endif
