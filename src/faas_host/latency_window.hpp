// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_FAAS_HOST_LATENCY_WINDOW_HPP
#define HPCSCHED_FAAS_HOST_LATENCY_WINDOW_HPP

#include <hpcsched/core/percentiles.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/faas_host/figures.hpp>

#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

namespace hpcsched::faas_host::detail {

/// The last times of a kind, for their percentiles.
class latency_window {
  public:
    void add(duration time) {
        if (times_.size() < capacity) {
            times_.push_back(time);
        } else {
            times_[next_] = time;
        }
        next_ = (next_ + 1) % capacity;
    }

    [[nodiscard]] latency_figures figures() const {
        if (times_.empty()) {
            return {};
        }
        std::vector<duration> sorted = times_;
        std::ranges::sort(sorted);
        std::span<duration const> const all{sorted};
        return {.count = sorted.size(),
                .p50 = percentile(all, hpcsched::p50),
                .p90 = percentile(all, hpcsched::p90),
                .p99 = percentile(all, hpcsched::p99),
                .longest = sorted.back()};
    }

  private:
    static constexpr std::size_t capacity = 1024;
    std::vector<duration> times_;
    std::size_t next_ = 0;
};

} // namespace hpcsched::faas_host::detail

#endif
