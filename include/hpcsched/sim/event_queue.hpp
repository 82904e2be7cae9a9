// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_SIM_EVENT_QUEUE_HPP
#define HPCSCHED_SIM_EVENT_QUEUE_HPP

#include <hpcsched/core/assert.hpp>
#include <hpcsched/core/time.hpp>

#include <algorithm>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace hpcsched::sim {

/// The place of an event in the total order of a simulation: time first, then the phase (the simulator's own
/// documented order of simultaneous events), then the order in which the events were scheduled.
struct event_key {
    time_point at{};
    std::uint32_t phase = 0;
    std::uint64_t sequence = 0;

    friend constexpr auto operator<=>(event_key const&, event_key const&) = default;
};

/// Future events in total order, so that a run depends on nothing but its input.
///
/// \complexity O(log n) to push and pop, O(1) to look at the next
/// \thread_safety none
template <class Payload>
class event_queue {
  public:
    struct event {
        event_key key;
        Payload payload;
    };

    /// Schedules `payload` at `at`; among equal times lower phases come first, then earlier pushes.
    void push(time_point at, std::uint32_t phase, Payload payload) {
        heap_.push_back(event{event_key{at, phase, next_sequence_++}, std::move(payload)});
        std::push_heap(heap_.begin(), heap_.end(), later);
    }

    [[nodiscard]] bool empty() const noexcept { return heap_.empty(); }
    [[nodiscard]] std::size_t size() const noexcept { return heap_.size(); }

    /// The time of the next event, or `never`.
    [[nodiscard]] time_point next_time() const noexcept { return heap_.empty() ? never : heap_.front().key.at; }

    /// The next event.
    /// \pre !empty()
    [[nodiscard]] event const& next() const noexcept {
        HPCSCHED_ASSERT(!heap_.empty());
        return heap_.front();
    }

    /// Takes the next event out.
    /// \pre !empty()
    event pop() {
        HPCSCHED_ASSERT(!heap_.empty());
        std::pop_heap(heap_.begin(), heap_.end(), later);
        event taken = std::move(heap_.back());
        heap_.pop_back();
        return taken;
    }

    void reserve(std::size_t count) { heap_.reserve(count); }

  private:
    static bool later(event const& a, event const& b) noexcept { return b.key < a.key; }

    std::vector<event> heap_;
    std::uint64_t next_sequence_ = 0;
};

} // namespace hpcsched::sim

#endif
