// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_WORKLOAD_OFFERED_WORK_HPP
#define HPCSCHED_WORKLOAD_OFFERED_WORK_HPP

#include <hpcsched/core/assert.hpp>
#include <hpcsched/core/result.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/workload/invocation.hpp>

#include <cstdint>
#include <optional>

namespace hpcsched::workload {

/// How much work a workload brings, and in what time.
struct offered_work {
    std::uint64_t count = 0;
    duration service{}; ///< of all invocations together; time they block is not in it
    time_point first{}; ///< arrival
    time_point last{};  ///< arrival

    /// From the first arrival to the last.
    [[nodiscard]] duration span() const noexcept { return last - first; }

    /// The offered load of a machine: service / (CPUs * span). 1 is what it can just bear. None where all
    /// invocations arrive at once.
    /// \pre cpu_count >= 1
    [[nodiscard]] std::optional<double> load(std::uint32_t cpu_count) const noexcept {
        HPCSCHED_ASSERT(cpu_count >= 1);
        if (span() <= duration::zero()) {
            return std::nullopt;
        }
        return to_seconds(service) / (to_seconds(span()) * cpu_count);
    }

    friend bool operator==(offered_work const&, offered_work const&) = default;
};

/// Reads a source to its end and adds up its work.
/// \error what the source says; service times that add up to more than 292 years
/// \complexity O(invocations) time, O(1) memory
template <invocation_source Source>
[[nodiscard]] result<offered_work> measure_work(Source& source) {
    offered_work work;
    invocation i;
    for (;;) {
        result<bool> const more = source.next(i);
        if (!more) {
            return more.error();
        }
        if (!*more) {
            return work;
        }
        if (i.service > unlimited - work.service) {
            return error{"the service times add up to more than 292 years; take a part of the workload"};
        }
        if (work.count == 0) {
            work.first = i.arrival;
        }
        ++work.count;
        work.service += i.service;
        work.last = i.arrival;
    }
}

} // namespace hpcsched::workload

#endif
