// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_WORKLOAD_DESCRIBE_HPP
#define HPCSCHED_WORKLOAD_DESCRIBE_HPP

#include <hpcsched/core/assert.hpp>
#include <hpcsched/core/ids.hpp>
#include <hpcsched/core/percentiles.hpp>
#include <hpcsched/core/result.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/workload/duration_group.hpp>
#include <hpcsched/workload/duration_histogram.hpp>
#include <hpcsched/workload/invocation.hpp>
#include <hpcsched/workload/offered_work.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

namespace hpcsched::workload {

/// The percentiles that `describe` gives, ascending.
inline constexpr std::array<ratio, 7> described_percentiles{p50, p75, p90, p95, p99, p999, p9999};

/// One function of a workload that is described.
struct function_summary {
    function_id function{};
    std::uint64_t count = 0;
    duration service{}; ///< of all its invocations together

    friend bool operator==(function_summary const&, function_summary const&) = default;
};

/// The invocations of one duration group.
struct group_summary {
    std::uint64_t count = 0;
    duration service{}; ///< of all of them together

    friend bool operator==(group_summary const&, group_summary const&) = default;
};

/// What a workload is like. Where it has no invocations, every figure is 0.
struct workload_summary {
    offered_work work; ///< count, service, first and last arrival; `work.load(cpus)` is the offered load
    std::uint64_t function_count = 0;

    duration service_min{};
    duration service_max{};
    double service_mean_ns = 0;
    /// By `described_percentiles`; off by at most one part in 512 (`duration_histogram`).
    std::array<duration, described_percentiles.size()> service_percentiles{};

    double interarrival_mean_ns = 0;      ///< from 2 invocations on
    double interarrival_cv = 0;           ///< standard deviation / mean; 0 where the mean is 0
    std::uint64_t simultaneous_count = 0; ///< arrivals at the same instant as the one before

    std::array<group_summary, duration_group_count> groups{}; ///< by `duration_group`

    std::uint64_t blocking_count = 0; ///< invocations that block at least once
    duration blocking{};              ///< of all invocations together; not part of the load

    std::uint64_t memory_count = 0; ///< invocations whose memory is known; the next three are over these
    std::uint32_t memory_min_mb = 0;
    std::uint32_t memory_max_mb = 0;
    double memory_mean_mb = 0;

    std::vector<function_summary> top; ///< most invocations first; equal counts in order of function

    /// Of all invocations; 0 where there are none.
    [[nodiscard]] double share(std::uint64_t part) const noexcept {
        return work.count == 0 ? 0 : static_cast<double>(part) / static_cast<double>(work.count);
    }

    friend bool operator==(workload_summary const&, workload_summary const&) = default;
};

/// Sums up invocations as they pass.
/// \thread_safety none
class describer {
  public:
    /// \pre invocations come in order of arrival
    /// \error service or blocking times that add up to more than 292 years
    /// \complexity O(1) amortised; memory O(functions)
    [[nodiscard]] result<void> add(invocation const& i) {
        if (i.service > unlimited - sum_.work.service) {
            return error{"the service times add up to more than 292 years; take a part of the workload"};
        }
        if (auto const added = add_blocking(i); !added) {
            return added;
        }
        add_arrival(i.arrival);
        ++sum_.work.count;
        sum_.work.service += i.service;
        services_.add(i.service);
        group_summary& group = sum_.groups[static_cast<std::size_t>(group_of(i.service))];
        ++group.count;
        group.service += i.service;
        add_memory(i.memory_mb);
        add_function(i);
        return {};
    }

    /// What was added so far.
    /// \param top_count  how many functions `top` has at most
    /// \complexity O(functions * log top_count)
    [[nodiscard]] workload_summary summary(std::size_t top_count = 10) const {
        workload_summary s = sum_;
        if (s.work.count == 0) {
            return s;
        }
        s.service_min = services_.min();
        s.service_max = services_.max();
        s.service_mean_ns = static_cast<double>(s.work.service.count()) / static_cast<double>(s.work.count);
        for (std::size_t p = 0; p < described_percentiles.size(); ++p) {
            s.service_percentiles[p] = services_.percentile(described_percentiles[p]);
        }
        s.interarrival_mean_ns = gap_mean_;
        if (gap_count_ > 0 && gap_mean_ > 0) {
            s.interarrival_cv = std::sqrt(gap_squares_ / static_cast<double>(gap_count_)) / gap_mean_;
        }
        if (s.memory_count > 0) {
            s.memory_mean_mb = memory_sum_mb_ / static_cast<double>(s.memory_count);
        }
        s.top = top(top_count);
        return s;
    }

  private:
    [[nodiscard]] result<void> add_blocking(invocation const& i) {
        sum_.blocking_count += i.blocking.empty() ? 0U : 1U;
        for (blocking_segment const& segment : i.blocking) {
            if (segment.length > unlimited - sum_.blocking) {
                return error{"the blocking times add up to more than 292 years; take a part of the workload"};
            }
            sum_.blocking += segment.length;
        }
        return {};
    }

    void add_arrival(time_point at) {
        if (sum_.work.count == 0) {
            sum_.work.first = at;
        } else {
            // Welford's running mean and sum of squared differences.
            duration const gap = at - sum_.work.last;
            HPCSCHED_ASSERT(gap >= duration::zero());
            sum_.simultaneous_count += gap == duration::zero() ? 1U : 0U;
            ++gap_count_;
            double const off = static_cast<double>(gap.count()) - gap_mean_;
            gap_mean_ += off / static_cast<double>(gap_count_);
            gap_squares_ += off * (static_cast<double>(gap.count()) - gap_mean_);
        }
        sum_.work.last = at;
    }

    void add_memory(std::uint32_t memory_mb) {
        if (memory_mb == 0) {
            return;
        }
        sum_.memory_min_mb = sum_.memory_count == 0 ? memory_mb : std::min(sum_.memory_min_mb, memory_mb);
        sum_.memory_max_mb = std::max(sum_.memory_max_mb, memory_mb);
        ++sum_.memory_count;
        memory_sum_mb_ += memory_mb;
    }

    void add_function(invocation const& i) {
        if (i.function.value >= functions_.size()) {
            functions_.resize(i.function.value + std::size_t{1});
        }
        function_summary& f = functions_[i.function.value];
        sum_.function_count += f.count == 0 ? 1U : 0U;
        f.function = i.function;
        ++f.count;
        f.service += i.service;
    }

    [[nodiscard]] std::vector<function_summary> top(std::size_t top_count) const {
        std::vector<function_summary> best(std::min<std::size_t>(top_count, sum_.function_count));
        auto const is_before = [](function_summary const& a, function_summary const& b) {
            return a.count != b.count ? a.count > b.count : a.function < b.function;
        };
        std::partial_sort_copy(functions_.begin(), functions_.end(), best.begin(), best.end(), is_before);
        return best;
    }

    workload_summary sum_;
    duration_histogram services_;
    std::vector<function_summary> functions_; // by id; ids that were not seen have a count of 0
    std::uint64_t gap_count_ = 0;
    double gap_mean_ = 0;
    double gap_squares_ = 0;
    double memory_sum_mb_ = 0;
};

/// Reads a source to its end and sums it up, in one pass.
/// \param top_count  how many functions are named, those with the most invocations first
/// \error what the source says; times that add up to more than 292 years
/// \complexity O(invocations) time, O(functions) memory
template <invocation_source Source>
[[nodiscard]] result<workload_summary> describe(Source& source, std::size_t top_count = 10) {
    describer d;
    invocation i;
    for (;;) {
        result<bool> const more = source.next(i);
        if (!more) {
            return more.error();
        }
        if (!*more) {
            return d.summary(top_count);
        }
        if (auto const added = d.add(i); !added) {
            return added.error();
        }
    }
}

} // namespace hpcsched::workload

#endif
