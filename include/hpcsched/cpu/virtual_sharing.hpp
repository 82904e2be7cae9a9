// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_CPU_VIRTUAL_SHARING_HPP
#define HPCSCHED_CPU_VIRTUAL_SHARING_HPP

#include <hpcsched/core/assert.hpp>
#include <hpcsched/core/time.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <set>
#include <utility>

namespace hpcsched::cpu {

/// What would have been if the tasks had shared the CPUs equally: of k tasks on n CPUs each min(1, n/k) of a CPU.
///
/// It keeps *virtual time*: the CPU time that a task would have been given that has been there from the start. A task
/// that joins at virtual time v and needs s of CPU time would be done at v + s, whatever comes after it. So it says of
/// tasks that are served in another order who would be done first, and until when each would still take its share.
///
///     virtual_sharing sharing{2};
///     duration const done = sharing.at(now) + service;   // of a task that arrives now
///     sharing.add({done, sequence});                     // it takes its share until then
///
/// \thread_safety none; confine to the owner's thread
/// \source virtual time: Demers, Keshav, Shenker, "Analysis and simulation of a fair queueing algorithm" (SIGCOMM'89);
///         of jobs on a CPU that are served in another order: Friedman, Henderson, "Fairness and efficiency in web
///         server protocols" (SIGMETRICS'03), section 3; on n CPUs with at most one for a task is this library's
class virtual_sharing {
  public:
    /// A task that takes its share.
    struct share {
        duration until{};           ///< virtual time
        std::uint64_t sequence = 0; ///< the task's own: tells apart those that would be done at the same time

        friend auto operator<=>(share const&, share const&) = default;
    };

    virtual_sharing() = default;
    /// \pre cpus > 0
    explicit virtual_sharing(std::size_t cpus) : cpus_{cpus} { HPCSCHED_ASSERT(cpus > 0); }

    /// Virtual time now. Those leave whose share ends before.
    /// \pre now is no earlier than before
    /// \complexity O(log tasks) for each that leaves
    duration at(time_point now) {
        duration left = now - now_;
        while (left > duration{0} && !shares_.empty()) {
            double const rate =
                shares_.size() <= cpus_ ? 1.0 : static_cast<double>(cpus_) / static_cast<double>(shares_.size());
            duration const next = shares_.begin()->until - virtual_now_;
            duration const given = std::min(scaled(left, rate), next);
            virtual_now_ += given;
            left -= std::min(scaled(given, 1 / rate), left);
            if (given < next) {
                break; // what is less than a nanosecond of share is given the next time
            }
            shares_.erase(shares_.begin());
        }
        now_ = shares_.empty() ? now : now - left;
        return virtual_now_;
    }

    /// Takes its share from now on; not if it would be done by now.
    /// \complexity O(log tasks), as of `remove` and `move`
    void add(share const& added) {
        if (added.until > virtual_now_) {
            shares_.insert(added);
        }
    }

    /// Takes no share any more, if it still did.
    void remove(share const& removed) noexcept { shares_.erase(removed); }

    /// Would be done at another time than was believed.
    void move(share const& from, share const& to) {
        if (from == to) {
            return;
        }
        auto node = shares_.extract(from);
        if (node.empty() || to.until <= virtual_now_) {
            add(to);
        } else {
            node.value() = to;
            shares_.insert(std::move(node));
        }
    }

    /// How many take their share.
    [[nodiscard]] std::size_t size() const noexcept { return shares_.size(); }

  private:
    /// Rounded down, but for what a product of two roundings lacks.
    [[nodiscard]] static duration scaled(duration length, double by) noexcept {
        return duration{static_cast<std::int64_t>(static_cast<double>(length.count()) * by + 1e-3)};
    }

    std::size_t cpus_ = 1;
    std::set<share> shares_;
    duration virtual_now_{};
    time_point now_{};
};

} // namespace hpcsched::cpu

#endif
