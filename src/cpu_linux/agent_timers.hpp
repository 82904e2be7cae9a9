// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_CPU_LINUX_AGENT_TIMERS_HPP
#define HPCSCHED_CPU_LINUX_AGENT_TIMERS_HPP

#include <hpcsched/core/ids.hpp>
#include <hpcsched/core/time.hpp>

#include <map>
#include <optional>
#include <set>
#include <utility>

namespace hpcsched::cpu_linux::detail {

/// Timers by id, each with one deadline, and the earliest of them.
/// \complexity O(log n); those due at one time fire in the order of their ids
class agent_timers {
  public:
    void arm(timer_id timer, time_point deadline) {
        cancel(timer);
        deadline_of_.emplace(timer, deadline);
        by_deadline_.emplace(deadline, timer);
    }

    void cancel(timer_id timer) noexcept {
        if (auto const known = deadline_of_.find(timer); known != deadline_of_.end()) {
            by_deadline_.erase({known->second, timer});
            deadline_of_.erase(known);
        }
    }

    /// The earliest deadline; `never` where no timer is armed.
    [[nodiscard]] time_point next() const noexcept {
        return by_deadline_.empty() ? never : by_deadline_.begin()->first;
    }

    /// Disarms the first timer that is due and returns it; nothing where none is.
    [[nodiscard]] std::optional<timer_id> take_due(time_point now) noexcept {
        if (next() > now || by_deadline_.empty()) {
            return std::nullopt;
        }
        timer_id const due = by_deadline_.begin()->second;
        cancel(due);
        return due;
    }

  private:
    std::map<timer_id, time_point> deadline_of_;
    std::set<std::pair<time_point, timer_id>> by_deadline_;
};

} // namespace hpcsched::cpu_linux::detail

#endif
