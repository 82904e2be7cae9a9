// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_CPU_SFS_CONFIG_HPP
#define HPCSCHED_CPU_SFS_CONFIG_HPP

#include <hpcsched/core/result.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/cpu/task.hpp>

#include <cstdint>
#include <string>

namespace hpcsched::cpu {

/// What the published program (ds2-lab/SFS, SFS-standalone) does otherwise than the paper. Each is off by default.
///
/// Not emulated, because they are defects without a counterpart here: duplicate entries of one process in the queue,
/// finished requests that are counted twice, the cost of a fork per policy change (a driver's matter), and the
/// port to OpenLambda, which schedules nothing.
struct sfs_quirks {
    bool whole_milliseconds = false;    ///< each inter-arrival time, their mean and S are truncated to milliseconds
    bool wake_ups_are_arrivals = false; ///< a task that comes back to the queue counts as an arrival in the window
    bool last_interval_twice = false;   ///< the clock of the previous arrival stands still when a window ends
    bool slice_by_wall_clock = false;   ///< a slice is time since the worker took the task, not CPU time
    bool queue_in_real_time = false;    ///< three levels: queued tasks, and tasks that blocked within their slice, are
                                        ///< under SCHED_FIFO at `queue_priority`, so they run wherever a CPU is free
    bool overload_comes_back = false;   ///< a task whose delay is too long keeps its policy and is queued again 1 ms
                                        ///< later, as if new, with a slice of 1 ms; the second time it is let go
};

/// Parameters of `sfs`; the defaults are the paper's.
struct sfs_config {
    std::uint32_t window = 100;         ///< N: S is computed anew after every N arrivals, >= 1
    duration initial_slice{20'000'000}; ///< S until then, > 0. The paper names none: this is the program's
    duration slice_floor{0};            ///< S is never shorter, >= 0
    bool adaptive = true;               ///< false: S stays `initial_slice` (the paper's figure 9)
    std::uint32_t overload_factor = 3;  ///< O: a delay of O x S or more bypasses FILTER; 0: none does (figure 12)
    duration poll_period{0};            ///< P: workers look at their task only every P after they took it; 0: they
                                        ///< are told at once. The paper polls every 4 ms
    int filter_priority = 30;           ///< SCHED_FIFO priority of a task within its slice, 1 .. 99
    int queue_priority = 20;            ///< with `queue_in_real_time`: 1 .. filter_priority - 1
    bool pin_workers = false;           ///< worker i runs its task on CPU i only
    sfs_quirks quirks{};

    /// As the published stand-alone program: N = 200, S from 20 ms and not below 6 ms, polling every 1 ms, workers
    /// pinned, and every quirk.
    [[nodiscard]] static sfs_config repository() noexcept {
        return {.window = 200,
                .slice_floor = duration{6'000'000},
                .poll_period = duration{1'000'000},
                .pin_workers = true,
                .quirks = {.whole_milliseconds = true,
                           .wake_ups_are_arrivals = true,
                           .last_interval_twice = true,
                           .slice_by_wall_clock = true,
                           .queue_in_real_time = true,
                           .overload_comes_back = true}};
    }
};

/// Checks the ranges named above.
/// \error names the field and what is allowed
[[nodiscard]] inline result<void> validate(sfs_config const& config) {
    if (config.window < 1) {
        return error{"window is 0: give the number of arrivals after which S is computed anew, 100 in the paper"};
    }
    if (config.initial_slice <= duration{0} || config.slice_floor < duration{0}) {
        return error{"initial_slice must be longer than 0 and slice_floor not negative"};
    }
    if (config.poll_period < duration{0}) {
        return error{"poll_period is negative: give 0 to be told at once, 4 ms as in the paper"};
    }
    if (config.filter_priority < rt_priority_min || config.filter_priority > rt_priority_max) {
        return error{"filter_priority is " + std::to_string(config.filter_priority) + ": give 1 to 99"};
    }
    if (config.quirks.queue_in_real_time &&
        (config.queue_priority < rt_priority_min || config.queue_priority >= config.filter_priority)) {
        return error{"queue_priority is " + std::to_string(config.queue_priority) +
                     ": give 1 or more and less than filter_priority"};
    }
    return {};
}

} // namespace hpcsched::cpu

#endif
