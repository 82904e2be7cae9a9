// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_CPU_DETAIL_TICKET_QUEUE_HPP
#define HPCSCHED_CPU_DETAIL_TICKET_QUEUE_HPP

#include <hpcsched/core/assert.hpp>
#include <hpcsched/core/ids.hpp>
#include <hpcsched/core/time.hpp>

#include <boost/intrusive/list.hpp>

#include <cstdint>

namespace hpcsched::cpu::detail {

/// What an entity of a `ticket_queue` derives from.
///
/// The links are not checked when entities or queues are destroyed: a driver that gives a run up may destroy both in
/// any order.
struct ticket_hook : boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::normal_link>> {
    std::int64_t ticket = 0;    ///< place in the queue it is or was in; ascends from head to tail
    time_point left_at = never; ///< when it left last, as far as its class has use for that
    bool is_queued = false;
};

/// A line of entities in which each remembers its place: one that leaves for a change of its attributes and is back
/// at once has lost nothing.
/// \complexity O(1), but O(n) to take an old place again and to pick where affinity forbids the first
template <class Entity>
class ticket_queue {
  public:
    [[nodiscard]] bool empty() const noexcept { return list_.empty(); }

    void push_back(Entity& e) noexcept {
        take(e, ++last_);
        list_.push_back(e);
    }

    void push_front(Entity& e) noexcept {
        take(e, --first_);
        list_.push_front(e);
    }

    /// Puts `e` where its ticket says. The ticket is of this queue.
    void put_back(Entity& e) noexcept {
        auto at = list_.begin();
        while (at != list_.end() && at->ticket < e.ticket) {
            ++at;
        }
        take(e, e.ticket);
        list_.insert(at, e);
    }

    /// \pre e waits in this queue
    void erase(Entity& e) noexcept {
        HPCSCHED_ASSERT(e.is_queued);
        e.is_queued = false;
        list_.erase(list_.iterator_to(e));
    }

    /// The first that may run on `cpu`, or null.
    [[nodiscard]] Entity* first_for(cpu_id cpu) noexcept {
        for (Entity& e : list_) {
            if (e.task->may_run_on(cpu)) {
                return &e;
            }
        }
        return nullptr;
    }

    /// Moves all of `other` to the tail, in their order.
    /// \complexity O(entities moved)
    void append(ticket_queue& other) noexcept {
        for (Entity& e : other.list_) {
            e.ticket = ++last_;
        }
        list_.splice(list_.end(), other.list_);
    }

    /// Calls `visit(entity&)` from head to tail.
    template <class Visitor>
    void for_each(Visitor&& visit) {
        for (Entity& e : list_) {
            visit(e);
        }
    }

  private:
    static void take(Entity& e, std::int64_t ticket) noexcept {
        HPCSCHED_ASSERT(!e.is_queued);
        e.is_queued = true;
        e.ticket = ticket;
    }

    boost::intrusive::list<Entity, boost::intrusive::base_hook<ticket_hook>,
                           boost::intrusive::constant_time_size<false>>
        list_;
    std::int64_t first_ = 0;
    std::int64_t last_ = 0;
};

} // namespace hpcsched::cpu::detail

#endif
