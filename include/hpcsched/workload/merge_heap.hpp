// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_WORKLOAD_MERGE_HEAP_HPP
#define HPCSCHED_WORKLOAD_MERGE_HEAP_HPP

#include <hpcsched/core/assert.hpp>

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

namespace hpcsched::workload {

/// The heads of several ordered streams, of which the earliest is wanted again and again.
///
/// It differs from the standard library's heap in one operation: the top may move back in its own stream and stay in
/// place. A pop and a push cost log n each even where the top stays the top, which in a merge is nearly always.
///
/// \tparam Head  movable, with `bool before(Head const&) const`, a strict total order
/// \thread_safety none
template <class Head>
class merge_heap {
  public:
    /// Adds a head without regard to the order; `order` must follow before the top is asked for.
    void append(Head head) { heads_.push_back(std::move(head)); }

    /// Restores the order after `append`.
    /// \complexity O(n)
    void order() {
        std::make_heap(heads_.begin(), heads_.end(), [](Head const& a, Head const& b) { return b.before(a); });
    }

    [[nodiscard]] bool empty() const noexcept { return heads_.empty(); }
    [[nodiscard]] std::size_t size() const noexcept { return heads_.size(); }
    void clear() noexcept { heads_.clear(); }

    /// The earliest head; it may be moved back, with `top_moved_back` called next.
    /// \pre not empty
    [[nodiscard]] Head& top() noexcept {
        HPCSCHED_ASSERT(!heads_.empty());
        return heads_.front();
    }

    /// \complexity O(log n), and O(1) where the top stays the top
    void top_moved_back() noexcept {
        std::size_t const size = heads_.size();
        for (std::size_t i = 0;;) {
            std::size_t child = 2 * i + 1;
            if (child >= size) {
                return;
            }
            if (child + 1 < size && heads_[child + 1].before(heads_[child])) {
                ++child;
            }
            if (!heads_[child].before(heads_[i])) {
                return;
            }
            std::swap(heads_[i], heads_[child]);
            i = child;
        }
    }

    /// Removes the top.
    /// \pre not empty
    /// \complexity O(log n)
    void pop() noexcept {
        HPCSCHED_ASSERT(!heads_.empty());
        std::swap(heads_.front(), heads_.back());
        heads_.pop_back();
        top_moved_back();
    }

  private:
    std::vector<Head> heads_;
};

} // namespace hpcsched::workload

#endif
