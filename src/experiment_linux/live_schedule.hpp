// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_EXPERIMENT_LINUX_LIVE_SCHEDULE_HPP
#define HPCSCHED_EXPERIMENT_LINUX_LIVE_SCHEDULE_HPP

#include <hpcsched/cpu_linux/live_kernel.hpp>
#include <hpcsched/cpu_sim/observer.hpp>
#include <hpcsched/experiment/schedule_watcher.hpp>
#include <hpcsched/workload/invocation.hpp>

#include <cstdint>
#include <span>
#include <vector>

namespace hpcsched::experiment_linux::detail {

/// Who ran where in a live run, kept until it is over: the kernel tells of a time on a CPU when it ends, a watcher
/// wants all that happens in order. Times are the run's.
class live_schedule {
  public:
    explicit live_schedule(std::span<workload::invocation const> rows) : rows_{rows} {}

    void add(std::uint64_t row, cpu_id cpu, time_point began, time_point ended, cpu_linux::run_end how) {
        runs_.push_back({.began = began, .ended = ended, .row = row, .cpu = cpu, .how = how});
    }
    void add(cpu_sim::task_record const& record) { exits_.push_back(record); }

    /// Tells everything, each invocation as the task whose index is its row.
    /// \complexity O(n log n) in arrivals, times on CPUs and exits
    void tell(experiment::schedule_watcher& watcher) const;

  private:
    struct run {
        time_point began{};
        time_point ended{};
        std::uint64_t row = 0;
        cpu_id cpu{};
        cpu_linux::run_end how = cpu_linux::run_end::preempted;
    };

    std::span<workload::invocation const> rows_;
    std::vector<run> runs_;
    std::vector<cpu_sim::task_record> exits_;
};

} // namespace hpcsched::experiment_linux::detail

#endif
