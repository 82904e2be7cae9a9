// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_CORE_SINK_HPP
#define HPCSCHED_CORE_SINK_HPP

#include <cstddef>
#include <span>
#include <vector>

namespace hpcsched {

/// The append-only half of a `buffer`: where a policy puts its commands, in the order to carry them out.
/// Owned by the driver; a policy must not keep a reference past the call.
template <class Item>
class sink {
  public:
    sink(sink const&) = delete;
    sink& operator=(sink const&) = delete;

    /// \complexity O(1) amortised; allocates only beyond the largest size so far
    void append(Item const& item) { items_.push_back(item); }

  protected:
    sink() = default;
    ~sink() = default;

    std::vector<Item> items_;
};

/// The driver's half: reads what was appended and clears it, keeping the memory.
template <class Item>
class buffer final : public sink<Item> {
  public:
    [[nodiscard]] std::span<Item const> items() const noexcept { return this->items_; }
    [[nodiscard]] bool empty() const noexcept { return this->items_.empty(); }
    [[nodiscard]] std::size_t size() const noexcept { return this->items_.size(); }
    void clear() noexcept { this->items_.clear(); }
    /// Clears it, and gives the memory back.
    void release() noexcept { this->items_ = std::vector<Item>{}; }
};

} // namespace hpcsched

#endif
