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

/// How `sfs` asks the kernel to run a task before the others.
enum class sfs_actuator : std::uint8_t {
    real_time, ///< by `set_policy`: FILTER is SCHED_FIFO, the rest is the fair class
    ranks, ///< by `set_rank` and `set_slice`: FILTER is rank 1 with a slice of S, the rest rank 2, all of them in the
           ///< fair class of a kernel with ALPS's hooks. A task of FILTER then waits for the slice of whoever runs
           ///< \source the baseline "SFS" of ALPS (ATC'24, section 3: "implemented using our eBPF framework");
           ///< how, it does not say
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
    sfs_actuator actuator = sfs_actuator::real_time;
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
    if (config.quirks.queue_in_real_time && config.actuator != sfs_actuator::real_time) {
        return error{"queue_in_real_time is for the actuator real_time: leave one of them out"};
    }
    return {};
}

} // namespace hpcsched::cpu

#endif
