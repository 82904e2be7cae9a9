// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_CORE_TASK_MAP_HPP
#define HPCSCHED_CORE_TASK_MAP_HPP

#include <hpcsched/core/assert.hpp>
#include <hpcsched/core/ids.hpp>

#include <cstddef>
#include <utility>
#include <vector>

namespace hpcsched {

/// A table of one `Value` per live task, as an array by `task_id::index`.
///
/// Grows to the largest index seen and never shrinks; `Value` must be default constructible and movable.
/// \complexity O(1) for every operation (amortised for `insert`)
/// \thread_safety none; confine to the owner's thread
template <class Value>
class task_map {
  public:
    /// Adds or replaces the entry of `id`, also where an older task had the same index.
    Value& insert(task_id id, Value value) {
        if (id.index >= slots_.size()) {
            slots_.resize(id.index + std::size_t{1});
        }
        slot& s = slots_[id.index];
        size_ += s.occupied ? 0U : 1U;
        s = slot{std::move(value), id.generation, true};
        return s.value;
    }

    /// The entry of `id`, or null where there is none (never inserted, erased, or of another generation).
    [[nodiscard]] Value* find(task_id id) noexcept { return contains(id) ? &slots_[id.index].value : nullptr; }
    [[nodiscard]] Value const* find(task_id id) const noexcept {
        return contains(id) ? &slots_[id.index].value : nullptr;
    }

    [[nodiscard]] bool contains(task_id id) const noexcept {
        return id.index < slots_.size() && slots_[id.index].occupied && slots_[id.index].generation == id.generation;
    }

    /// The entry of `id`.
    /// \pre contains(id)
    [[nodiscard]] Value& at(task_id id) noexcept {
        HPCSCHED_ASSERT(contains(id));
        return slots_[id.index].value;
    }
    [[nodiscard]] Value const& at(task_id id) const noexcept {
        HPCSCHED_ASSERT(contains(id));
        return slots_[id.index].value;
    }

    /// Removes the entry of `id`; nothing happens where there is none.
    void erase(task_id id) noexcept {
        if (contains(id)) {
            slots_[id.index] = slot{};
            --size_;
        }
    }

    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] bool empty() const noexcept { return size_ == 0; }

    /// Calls `visit(task_id, Value&)` for every entry, in ascending order of index.
    /// \complexity O(largest index seen)
    template <class Visitor>
    void for_each(Visitor&& visit) {
        for (std::size_t i = 0; i < slots_.size(); ++i) {
            if (slots_[i].occupied) {
                visit(task_id{static_cast<std::uint32_t>(i), slots_[i].generation}, slots_[i].value);
            }
        }
    }

  private:
    struct slot {
        Value value{};
        std::uint32_t generation = 0;
        bool occupied = false;
    };

    std::vector<slot> slots_;
    std::size_t size_ = 0;
};

} // namespace hpcsched

#endif
