// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_WORKLOAD_IN_MEMORY_HPP
#define HPCSCHED_WORKLOAD_IN_MEMORY_HPP

#include <hpcsched/workload/invocation.hpp>

#include <cstddef>
#include <span>

namespace hpcsched::workload {

/// A source over invocations that the caller holds; they are borrowed and must outlive it.
class in_memory {
  public:
    /// \pre `invocations` ascends in arrival
    explicit in_memory(std::span<invocation const> invocations) noexcept : invocations_{invocations} {}

    [[nodiscard]] result<bool> next(invocation& out) {
        if (position_ == invocations_.size()) {
            return false;
        }
        invocation const& next = invocations_[position_++];
        out.arrival = next.arrival;
        out.function = next.function;
        out.service = next.service;
        out.memory_mb = next.memory_mb;
        if (!next.blocking.empty() || !out.blocking.empty()) { // nearly always both are: spares the call
            out.blocking = next.blocking;
        }
        return true;
    }

    /// Starts over.
    void rewind() noexcept { position_ = 0; }

  private:
    std::span<invocation const> invocations_;
    std::size_t position_ = 0;
};

static_assert(invocation_source<in_memory>);

} // namespace hpcsched::workload

#endif
