// SPDX-License-Identifier: Apache-2.0
#ifndef CONSUMER_LCFS_HPP
#define CONSUMER_LCFS_HPP

#include <hpcsched/cpu/scheduling_class.hpp>

#include <algorithm>
#include <cstddef>
#include <vector>

/// Last come, first served, preemptive: a policy that the library does not have.
class lcfs {
  public:
    struct entity {
        hpcsched::cpu::task_info const* task = nullptr;
    };
    struct config {};

    static constexpr auto scope = hpcsched::cpu::run_queue_scope::global;
    static constexpr auto enforcement = hpcsched::cpu::slice_enforcement::exact;
    [[nodiscard]] static constexpr bool serves(hpcsched::cpu::sched_policy) noexcept { return true; }

    explicit lcfs(config const&) {}

    void enqueue(entity& e, hpcsched::cpu::enqueue_reason, hpcsched::time_point) noexcept {
        auto const later = [](entity const* a, entity const* b) { return a->task->sequence < b->task->sequence; };
        waiting_.insert(std::upper_bound(waiting_.begin(), waiting_.end(), &e, later), &e);
    }
    void dequeue(entity& e, hpcsched::cpu::dequeue_reason, hpcsched::time_point) noexcept { std::erase(waiting_, &e); }
    [[nodiscard]] hpcsched::cpu::pick<entity> pick_next(hpcsched::cpu_id, hpcsched::time_point) noexcept {
        if (waiting_.empty()) {
            return {};
        }
        entity* const last = waiting_.back();
        waiting_.pop_back();
        return {.next = last};
    }
    void account(entity&, hpcsched::cpu_id, hpcsched::duration, hpcsched::time_point) noexcept {}
    [[nodiscard]] bool preempts(entity const& a, entity const& b, hpcsched::time_point) const noexcept {
        return a.task->sequence > b.task->sequence;
    }
    [[nodiscard]] std::size_t waiting_count() const noexcept { return waiting_.size(); }

  private:
    std::vector<entity*> waiting_; // in order of arrival
};

static_assert(hpcsched::cpu::scheduling_class<lcfs>);

#endif
