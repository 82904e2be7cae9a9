// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_GPU_DETAIL_FREE_INDEX_HPP
#define HPCSCHED_GPU_DETAIL_FREE_INDEX_HPP

#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace hpcsched::gpu::detail {

/// Hosts by how many devices they have wholly free: a bit per host for each number but 0, so that a change is two bits
/// and the hosts of one number come in their order.
class free_index {
  public:
    /// Notes that a host had `before` free and has `now`; 0 of a host that is not there.
    /// \complexity O(1), but for the first host of a larger number
    void move(std::uint32_t host, std::uint32_t before, std::uint32_t now) {
        if (before == now) {
            return;
        }
        std::uint64_t const bit = std::uint64_t{1} << (host % 64U);
        if (before > 0) {
            hosts_of_[before].words[host / 64U] &= ~bit;
            --hosts_of_[before].count;
        }
        if (now > 0) {
            if (now >= hosts_of_.size()) {
                hosts_of_.resize(std::size_t{now} + 1);
            }
            entry& e = hosts_of_[now];
            if (host / 64U >= e.words.size()) {
                e.words.resize(std::size_t{host} / 64U + 1);
            }
            e.words[host / 64U] |= bit;
            ++e.count;
        }
    }

    /// The most that a host had free so far.
    [[nodiscard]] std::uint32_t most() const noexcept {
        return hosts_of_.empty() ? 0 : static_cast<std::uint32_t>(hosts_of_.size() - 1);
    }
    /// How many hosts have so many free.
    /// \pre 1 <= free <= most()
    [[nodiscard]] std::size_t count(std::uint32_t free) const noexcept { return hosts_of_[free].count; }

    /// Whether a host is among those that have so many free.
    [[nodiscard]] bool contains(std::uint32_t host, std::uint32_t free) const noexcept {
        return free > 0 && free < hosts_of_.size() && host / 64U < hosts_of_[free].words.size() &&
               (hosts_of_[free].words[host / 64U] >> (host % 64U) & 1U) != 0;
    }

    /// Calls `visit(host)` for the hosts that have so many free, in ascending order, until it returns false.
    /// \pre 1 <= free <= most()
    template <class Visitor>
    void visit_while(std::uint32_t free, Visitor&& visit) const {
        std::vector<std::uint64_t> const& words = hosts_of_[free].words;
        for (std::size_t i = 0; i < words.size(); ++i) {
            for (std::uint64_t left = words[i]; left != 0; left &= left - 1) {
                if (!visit(static_cast<std::uint32_t>(i * 64 + static_cast<std::size_t>(std::countr_zero(left))))) {
                    return;
                }
            }
        }
    }

  private:
    struct entry {
        std::vector<std::uint64_t> words;
        std::size_t count = 0;
    };

    std::vector<entry> hosts_of_; // by how many are free
};

} // namespace hpcsched::gpu::detail

#endif
