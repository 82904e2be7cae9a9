// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_WORKLOAD_IN_MEMORY_CELLS_HPP
#define HPCSCHED_WORKLOAD_IN_MEMORY_CELLS_HPP

#include <hpcsched/core/result.hpp>
#include <hpcsched/workload/notebook_cell.hpp>

#include <cstddef>
#include <span>

namespace hpcsched::workload {

/// A source over cells that the caller holds; they are borrowed and must outlive it.
class in_memory_cells {
  public:
    /// \pre `cells` ascends in submission
    explicit in_memory_cells(std::span<notebook_cell const> cells) noexcept : cells_{cells} {}

    /// \complexity O(1)
    [[nodiscard]] result<bool> next(notebook_cell& out) {
        if (position_ == cells_.size()) {
            return false;
        }
        out = cells_[position_++];
        return true;
    }

    /// Starts over.
    void rewind() noexcept { position_ = 0; }

  private:
    std::span<notebook_cell const> cells_;
    std::size_t position_ = 0;
};

static_assert(cell_source<in_memory_cells>);

} // namespace hpcsched::workload

#endif
